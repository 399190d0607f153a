import { TriptychError, zoneId } from '@app/contracts';
import { afterEach, describe, expect, it } from 'vitest';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';

const open: TestGateway[] = [];
async function gatewayOf(over: Parameters<typeof testGateway>[0] = {}): Promise<TestGateway> {
  const gateway = await testGateway(over);
  open.push(gateway);
  return gateway;
}
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

const URL = '/v1/users/ada/favorites/alien-1979';

/** A write whose outcome is unknown, and the token it answered with. */
async function uncertain(gateway: TestGateway, applied: boolean, method = 'PUT', body?: unknown): Promise<string> {
  gateway.store.loseNextReply(applied);
  const reply = await gateway.ask(method, URL, { body });
  expect([reply.status, reply.body.code]).toEqual([503, 'STORE_WRITE_UNCERTAIN']);
  expect(reply.headers['retry-token']).toMatch(/^[A-Za-z0-9_-]+$/);
  return reply.headers['retry-token']!;
}

describe('Retry-Token', () => {
  it.each([true, false])('is the same operation when sent back: one film, whether the first was applied (%s) or not', async (applied) => {
    const gateway = await gatewayOf();
    const token = await uncertain(gateway, applied, 'PUT', { device: 'tv' });
    const again = await gateway.ask('PUT', URL, { body: { device: 'tv' }, headers: { 'retry-token': token } });
    expect(again.status).toBe(200);
    expect(again.headers['retry-token']).toBeUndefined();
    const { items } = (await gateway.ask('GET', '/v1/users/ada/favorites')).body;
    expect(items).toEqual([again.body]);
  });

  it('is the same operation through another gateway too: the zone shown stays that of the first', async () => {
    const here = await gatewayOf();
    const there = await gatewayOf({ listStore: here.store, zone: zoneId('zone-b'), gatewayId: 'gateway-b' });
    const token = await uncertain(here, false, 'PUT', { device: 'tv', position: 'first' });
    const again = await there.ask('PUT', URL, { body: { device: 'tv', position: 'first' }, headers: { 'retry-token': token } });
    expect(again.body.addedFrom).toEqual({ zone: 'zone-a', device: 'tv' });
    expect(again.headers['served-by']).toContain('zone=zone-b');
  });

  it('lets the same request, applied before a remove by others, not bring the film back', async () => {
    const gateway = await gatewayOf();
    const token = await uncertain(gateway, true);
    await gateway.ask('DELETE', URL);
    await gateway.ask('PUT', URL, { headers: { 'retry-token': token } });
    expect((await gateway.ask('GET', '/v1/users/ada/favorites')).body.items).toEqual([]);
  });

  it('with another request supersedes the one of unknown outcome', async () => {
    const gateway = await gatewayOf();
    const token = await uncertain(gateway, false, 'PUT', { device: 'tv' });
    const other = await gateway.ask('PUT', URL, { body: { device: 'phone' }, headers: { 'retry-token': token } });
    expect(other.body.addedFrom.device).toBe('phone');
    const removed = await gateway.ask('DELETE', URL, { headers: { 'retry-token': token } });
    expect(removed.status).toBe(204);
  });

  it('comes with removes and moves as well', async () => {
    const gateway = await gatewayOf();
    await gateway.ask('PUT', URL);
    await gateway.ask('PUT', '/v1/users/ada/favorites/heat-1995');
    const move = await uncertain(gateway, false, 'PATCH', { position: 'last' });
    expect((await gateway.ask('PATCH', URL, { body: { position: 'last' }, headers: { 'retry-token': move } })).status).toBe(200);
    const remove = await uncertain(gateway, false, 'DELETE');
    expect((await gateway.ask('DELETE', URL, { headers: { 'retry-token': remove } })).status).toBe(204);
    expect((await gateway.ask('GET', '/v1/users/ada/favorites')).body.items.map((item: any) => item.filmId)).toEqual(['heat-1995']);
  });

  it('is given back when the retry fails for another reason: what was unknown still is', async () => {
    const gateway = await gatewayOf();
    const token = await uncertain(gateway, false);
    gateway.store.failNext(new TriptychError('STORE_QUORUM_UNAVAILABLE', 'too few', { needed: 2, alive: 1 }));
    const failed = await gateway.ask('PUT', URL, { headers: { 'retry-token': token } });
    expect([failed.status, failed.headers['retry-token']]).toEqual([503, token]);
  });

  it('does not come with a failure that had no effect', async () => {
    const gateway = await gatewayOf();
    gateway.store.failNext(new TriptychError('STORE_QUORUM_UNAVAILABLE', 'too few', { needed: 2, alive: 1 }));
    expect((await gateway.ask('PUT', URL)).headers['retry-token']).toBeUndefined();
  });

  it('is refused with another user, another film, a changed byte, another cluster’s key, or as nonsense, and has no effect', async () => {
    const gateway = await gatewayOf();
    const stranger = await gatewayOf({ secrets: [{ id: 'k1', key: Buffer.from('quite another secret of a cluster') }] });
    const token = await uncertain(gateway, false);
    const changed = `${token.slice(0, 40)}${token[40] === 'A' ? 'B' : 'A'}${token.slice(41)}`;
    const cases: [TestGateway, string, string][] = [
      [gateway, '/v1/users/bob/favorites/alien-1979', token],
      [gateway, '/v1/users/ada/favorites/heat-1995', token],
      [gateway, URL, changed],
      [gateway, URL, ''],
      [gateway, URL, 'x'.repeat(15_000)],
      [stranger, URL, token],
    ];
    for (const [at, url, header] of cases) {
      const { status, body } = await at.ask('PUT', url, { headers: { 'retry-token': header } });
      expect([url, status, body.code]).toEqual([url, 400, 'RETRY_TOKEN_INVALID']);
    }
    expect((await gateway.ask('GET', '/v1/users/ada/favorites')).body.items).toEqual([]);
  });

  it('is taken by a gateway whose cluster has a new key, while it still knows the old one', async () => {
    const before = await gatewayOf();
    const token = await uncertain(before, false);
    const newKey = { id: 'k2', key: Buffer.from('the next cluster secret, 32 bytes') };
    const after = await gatewayOf({ listStore: before.store, secrets: [newKey, { id: 'k1', key: Buffer.from('a cluster secret of 32 bytes ...') }] });
    expect((await after.ask('PUT', URL, { headers: { 'retry-token': token } })).status).toBe(200);
  });
});
