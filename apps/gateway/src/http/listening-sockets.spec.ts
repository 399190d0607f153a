import { execFileSync } from 'node:child_process';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';
import { until } from '../testing/until.js';
import { listen } from './listening-sockets.js';

let gateway: TestGateway;
let besides: readonly Server[];
let port: number;
beforeEach(async () => {
  gateway = await testGateway();
  besides = await listen(gateway.app, { host: '127.0.0.1', port: 0 });
  port = (gateway.app.getHttpServer().address() as AddressInfo).port;
});
afterEach(async () => {
  for (const server of besides) server.close();
  await gateway.close();
});

/** So many devices ask for a list and hang up, all while this process does nothing: their connections wait to be accepted. */
function comeAndGo(devices: number): void {
  const request = 'GET /v1/users/ada/favorites HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n';
  const device = `require('node:net').connect(${port}, '127.0.0.1', function () { this.write('${request}', () => this.destroy()); })`;
  execFileSync(process.execPath, ['-e', `for (let i = 0; i < ${devices}; i++) ${device}`]);
}

describe('the sockets of a gateway', () => {
  it('serve nobody who has hung up before being accepted', async () => {
    comeAndGo(20);
    await until(() => gateway.counters.counts().abandoned === 20);
    expect(gateway.admission.state().lines.read.admitted).toBe(0);
    expect(gateway.counters.counts()).toEqual({ inFlight: 0, answered: {}, abandoned: 20 });
  });

  it.skipIf(process.platform !== 'linux')('accept several connections in a turn of the event loop', async () => {
    let accepted = 0;
    gateway.app.getHttpServer().on('connection', () => accepted++);
    comeAndGo(160);
    let turns = 0;
    for (; accepted < 160; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(turns).toBeLessThan(80);
  });

  it('are refused where somebody listens already, another gateway too', async () => {
    const another = await testGateway();
    await expect(listen(another.app, { host: '127.0.0.1', port })).rejects.toThrow('EADDRINUSE');
    await another.close();
  });
});
