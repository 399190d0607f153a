import { TriptychError } from '@app/contracts';
import { afterEach, describe, expect, it } from 'vitest';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';

let gateway: TestGateway;
afterEach(() => gateway.close());

describe('the health of a gateway', () => {
  it('is live while the process is up, and ready when the store can be used', async () => {
    let obstacle: TriptychError | null = new TriptychError('STORE_QUORUM_UNAVAILABLE', 'no ring yet', { needed: 2, alive: 0 });
    gateway = await testGateway({ obstacle: () => obstacle });
    const live = await gateway.ask('GET', '/health/live');
    expect([live.status, live.body]).toEqual([200, { status: 'live', zone: 'zone-a', gateway: 'gateway-a' }]);
    const notReady = await gateway.ask('GET', '/health/ready');
    expect([notReady.status, notReady.body.code, notReady.body.needed]).toEqual([503, 'STORE_QUORUM_UNAVAILABLE', 2]);
    obstacle = null;
    expect((await gateway.ask('GET', '/health/ready')).status).toBe(200);
  });

  it('is not ready, but live, once a drain has begun', async () => {
    gateway = await testGateway();
    gateway.drain.begin(gateway.app.getHttpServer(), () => {});
    const ready = await gateway.ask('GET', '/health/ready');
    expect([ready.status, ready.body.code]).toEqual([503, 'STORE_DRAINING']);
    expect((await gateway.ask('GET', '/health/live')).status).toBe(200);
  });
});
