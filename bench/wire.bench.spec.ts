import { expect, it } from 'vitest';
import { wireBench } from './wire.bench.js';

it('the wire benchmark runs, and gives a cost for each end of each path', { timeout: 60_000 }, async () => {
  const figures = await wireBench({ calls: 200 });
  expect(figures.map(({ path }) => path)).toEqual([
    'WireClient, WireServer, opaque bytes',
    'WireClient, WireServer, msgpack objects',
    'ClientProxy, Nest handler, opaque bytes',
    'ClientProxy, Nest handler, msgpack objects',
  ]);
  for (const { clientUs, serverUs, callsPerSecond } of figures) {
    expect(Math.min(clientUs, serverUs, callsPerSecond)).toBeGreaterThan(0);
    expect(Math.max(clientUs, serverUs)).toBeLessThan(100_000);
  }
});
