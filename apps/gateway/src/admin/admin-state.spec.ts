import { TriptychError } from '@app/contracts';
import { expect, it } from 'vitest';
import { testGateway } from '../testing/test-gateway.js';
import { adminState } from './admin-state.js';

it('an administrator is told what the gateway is, whether it serves, what it has served, and what it knows of the store', async () => {
  const gateway = await testGateway({
    obstacle: () => new TriptychError('STORE_QUORUM_UNAVAILABLE', 'too few'),
    storeState: () => ({ epoch: 7, circuits: { a1: 'open' } }),
  });
  const url = await gateway.listen();
  for (const path of ['/v1/users/ada/favorites', '/nowhere', '/nowhere']) await (await fetch(url + path)).text();
  expect(adminState(gateway.ports, gateway.drain, gateway.counters, gateway.admission).handle(undefined, {})).toEqual({
    gateway: 'gateway-a',
    zone: 'zone-a',
    draining: false,
    obstacle: 'STORE_QUORUM_UNAVAILABLE',
    requests: { inFlight: 0, answered: { '2xx': 1, '4xx': 2 }, abandoned: 0 },
    latencies: { '2xx': { lowestMs: 0.1, perDoubling: 8, counts: [1] }, '4xx': { lowestMs: 0.1, perDoubling: 8, counts: [2] } },
    admission: expect.objectContaining({ limit: 32, inFlight: 0, latenessMs: 0 }),
    store: { epoch: 7, circuits: { a1: 'open' } },
  });
  await gateway.close();
});
