import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';
import { until } from '../testing/until.js';

let gateway: TestGateway;
let port: number;
beforeEach(async () => {
  gateway = await testGateway();
  gateway.store.delayMs = 1000;
  port = Number(new URL(await gateway.listen()).port);
});
afterEach(() => gateway.close());

describe('a device that hangs up', () => {
  it.each([
    ['GET', '/v1/users/ada/favorites'],
    ['PUT', '/v1/users/ada/favorites/alien-1979'],
    ['GET', '/v1/films/alien-1979'],
  ])('ends the call made for it: %s %s', async (method, path) => {
    const device = connect(port, '127.0.0.1');
    device.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    // The store in memory waits on the clock for as long as somebody waits for it.
    await until(() => gateway.clock.pending === 1);
    device.destroy();
    await until(() => gateway.clock.pending === 0);
    await until(() => gateway.counters.counts().inFlight === 0);
    expect(gateway.counters.counts()).toEqual({ inFlight: 0, answered: {}, abandoned: 1 });
    expect(gateway.logged).toEqual([]);
  });

  it('does not disturb its neighbours', async () => {
    const device = connect(port, '127.0.0.1');
    device.write('GET /v1/users/ada/favorites HTTP/1.1\r\nHost: x\r\n\r\n');
    const neighbour = fetch(`http://127.0.0.1:${port}/v1/users/bob/favorites`);
    await until(() => gateway.clock.pending === 2);
    device.destroy();
    await until(() => gateway.clock.pending === 1);
    gateway.clock.advance(1000);
    expect((await neighbour).status).toBe(200);
  });
});
