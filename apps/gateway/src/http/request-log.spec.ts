import { pino } from 'pino';
import { expect, it } from 'vitest';
import { testGateway } from '../testing/test-gateway.js';
import { until } from '../testing/until.js';

async function linesAt(level: string): Promise<Record<string, unknown>[]> {
  const lines: Record<string, unknown>[] = [];
  const gateway = await testGateway({ log: pino({ level }, { write: (line) => void lines.push(JSON.parse(line)) }) });
  const url = await gateway.listen();
  await fetch(`${url}/v1/films/alien-1979`, { headers: { 'x-request-id': 'trace-1' } }).then((response) => response.text());
  await until(() => gateway.counters.counts().inFlight === 0);
  await gateway.close();
  return lines;
}

it('a request is one line of the log at level debug, and none at info', async () => {
  expect(await linesAt('info')).toEqual([]);
  const request = { traceId: 'trace-1', method: 'GET', url: '/v1/films/alien-1979', status: 404, durationMs: 0, msg: 'request' };
  expect(await linesAt('debug')).toEqual([expect.objectContaining(request)]);
});
