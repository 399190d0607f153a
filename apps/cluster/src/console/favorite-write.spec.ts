import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { inShort, writeFavorite } from './favorite-write.js';

it('tells what the gateway answered, and what its answer rests on', async () => {
  const asked: string[] = [];
  const gateway = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    outgoing.setHeader('connection', 'close');
    if (incoming.url!.endsWith('heat')) outgoing.setHeader('consistency-achieved', 'quorum; replicas=2/3; zones=zone-b,zone-a; versions=0; repaired=no; hedged=yes').end('{}');
    else outgoing.writeHead(503).end('{"code":"STORE_QUORUM_UNAVAILABLE","detail":"too few"}');
  }).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  expect(await writeFavorite(url, 'PUT', 'a~b', 'heat')).toEqual({ status: 200, tookMs: expect.any(Number), achieved: 'quorum, 2/3 replicas in zone-a, zone-b, hedged', problem: null });
  expect(await writeFavorite(url, 'DELETE', 'ann', 'ran')).toEqual({ status: 503, tookMs: expect.any(Number), achieved: null, problem: 'STORE_QUORUM_UNAVAILABLE: too few' });
  expect(asked).toEqual(['PUT /v1/users/a~b/favorites/heat', 'DELETE /v1/users/ann/favorites/ran']);
  gateway.close();
  gateway.closeAllConnections();
  // Nobody is there.
  expect(await writeFavorite(url, 'PUT', 'ann', 'heat')).toEqual({ status: null, tookMs: expect.any(Number), achieved: null, problem: expect.stringContaining('ECONNREFUSED') });
});

it('says nothing of a level where none is told', () => {
  expect(inShort(null)).toBeNull();
});
