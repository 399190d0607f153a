import { Agent, get } from 'node:http';
import { type AddressInfo, connect, type Server } from 'node:net';
import { systemClock } from '@app/time';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGateway } from '../app.module.js';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';
import { until } from '../testing/until.js';
import { Drain } from './drain.js';
import { listen } from './listening-sockets.js';

let gateway: TestGateway;
let port: number;
let drain: Drain;
let besides: readonly Server[];
let drainedAfterMs: number | null;
const agent = new Agent({ keepAlive: true });

beforeEach(async () => {
  gateway = await testGateway();
  await gateway.close();
  // Sockets live in real time, so the drain does too, with short limits; the store stays in virtual time.
  drain = new Drain(systemClock, { graceMs: 100, timeoutMs: 1500 });
  const { app, counters } = await createGateway(gateway.ports, drain);
  gateway = { ...gateway, app, counters, close: () => app.close() };
  besides = await listen(app, { host: '127.0.0.1', port: 0 });
  port = (app.getHttpServer().address() as AddressInfo).port;
  drainedAfterMs = null;
});
afterEach(async () => {
  agent.destroy();
  await gateway.close();
});

function begin(): void {
  const beganMs = performance.now();
  drain.begin(gateway.app.getHttpServer(), () => (drainedAfterMs = performance.now() - beganMs), besides);
}

function ask(path: string): Promise<{ status: number; connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    get({ port, path, agent }, (response) => {
      response.resume().on('end', () => resolve({ status: response.statusCode!, connection: response.headers.connection }));
    }).on('error', reject);
  });
}

/** Twice the grace: by then a connection in use would have been closed, were it to be. */
async function pastTheGrace(): Promise<void> {
  const beganMs = performance.now();
  await until(() => performance.now() > beganMs + 200);
}

const accepts = (): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true) ?? socket.destroy());
    socket.on('error', () => resolve(false));
  });

describe('a drain', () => {
  it('lets a request in flight end, and accepts nobody new meanwhile', async () => {
    gateway.store.delayMs = 1000;
    const inFlight = ask('/v1/users/ada/favorites');
    await until(() => gateway.clock.pending === 1);
    begin();
    expect(await accepts()).toBe(false);
    await pastTheGrace();
    expect(drainedAfterMs).toBeNull();
    gateway.clock.advance(1000);
    expect((await inFlight).status).toBe(200);
    await until(() => drainedAfterMs !== null);
    expect(drainedAfterMs).toBeLessThan(1500);
  });

  it('serves the next request of a connection still open, and asks it to close', async () => {
    expect((await ask('/health/ready')).connection).toBe('keep-alive');
    begin();
    expect(await ask('/v1/users/ada/favorites')).toEqual({ status: 200, connection: 'close' });
    await until(() => drainedAfterMs !== null);
    expect(drainedAfterMs).toBeLessThan(1500);
  });

  it('closes idle connections after the grace', async () => {
    await ask('/health/ready');
    begin();
    await until(() => drainedAfterMs !== null);
    expect(drainedAfterMs).toBeGreaterThanOrEqual(95);
    expect(drainedAfterMs).toBeLessThan(1500);
  });

  it('cuts off at the limit what does not end', async () => {
    gateway.store.delayMs = 1000;
    const stuck = ask('/v1/users/ada/favorites').then(() => 'answered', () => 'cut off');
    await until(() => gateway.clock.pending === 1);
    begin();
    expect(await stuck).toBe('cut off');
    await until(() => drainedAfterMs !== null);
    expect(drainedAfterMs).toBeGreaterThanOrEqual(1495);
    await until(() => gateway.clock.pending === 0);
  });
});
