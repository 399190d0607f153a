import { TriptychError } from '@app/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await testGateway();
});
afterEach(() => gateway.close());

describe.each([
  { name: 'bookmarks', one: 'bookmark', body: { secondsWatched: 4_210 }, other: { secondsWatched: 0 }, wrong: [{ secondsWatched: -1 }, { secondsWatched: 86_401 }, { secondsWatched: 1.5 }, { secondsWatched: '60' }, { stars: 3 }] },
  { name: 'ratings', one: 'rating', body: { stars: 5 }, other: { stars: 1 }, wrong: [{ stars: 0 }, { stars: 6 }, { stars: 2.5 }, { stars: '5' }, { secondsWatched: 60 }] },
])('/v1/users/{userId}/$name', ({ name, one, body, other, wrong }) => {
  const url = (film = 'heat-1995', user = 'ada') => `/v1/users/${user}/${name}/${film}`;
  const list = async (query = '', user = 'ada') => (await gateway.ask('GET', `/v1/users/${user}/${name}${query}`)).body;

  it('sets one, shows it alone and in the list, and says what the answer rests on', async () => {
    const set = await gateway.ask('PUT', url(), { body });
    expect([set.status, set.body]).toEqual([200, { filmId: 'heat-1995', ...body, at: '2023-11-14T22:13:20.000Z' }]);
    expect(set.headers['consistency-achieved']).toMatch(/^quorum; replicas=1\/1/);
    expect(set.headers['session-token']).toBeDefined();
    const got = await gateway.ask('GET', url());
    expect([got.status, got.body]).toEqual([200, set.body]);
    expect(got.headers['served-by']).toBe('zone=zone-a; gateway=gateway-a; node=memory');
    expect(await list()).toEqual({ items: [set.body], nextCursor: null });
  });

  it('replaces the one before, in its place of the list', async () => {
    for (const film of ['heat-1995', 'alien-1979']) await gateway.ask('PUT', url(film), { body });
    gateway.clock.advance(1_000);
    const replaced = await gateway.ask('PUT', url('heat-1995'), { body: other });
    expect(replaced.body).toEqual({ filmId: 'heat-1995', ...other, at: '2023-11-14T22:13:21.000Z' });
    expect((await list()).items.map((each: any) => each.filmId)).toEqual(['heat-1995', 'alien-1979']);
    expect((await gateway.ask('GET', url())).body).toEqual(replaced.body);
  });

  it('removes one, and again', async () => {
    await gateway.ask('PUT', url(), { body });
    for (let time = 0; time < 2; time++) expect((await gateway.ask('DELETE', url())).status).toBe(204);
    const { status, body: problem } = await gateway.ask('GET', url());
    expect([status, problem.code, problem.filmId]).toEqual([404, 'ITEM_NOT_FOUND', 'heat-1995']);
    expect(problem.detail).toBe(`no ${one} of this film`);
  });

  it('has nothing to do with other users, nor with the favorites', async () => {
    await gateway.ask('PUT', url(), { body });
    expect((await gateway.ask('GET', url('heat-1995', 'bob'))).status).toBe(404);
    expect(await list('', 'bob')).toEqual({ items: [], nextCursor: null });
    expect((await gateway.ask('GET', '/v1/users/ada/favorites')).body.items).toEqual([]);
  });

  it('pages through the list; a cursor is of one list alone', async () => {
    const films = ['a', 'b', 'c', 'd', 'e'];
    for (const film of films) await gateway.ask('PUT', url(film), { body });
    const first = await list('?limit=2');
    const rest = await list(`?limit=3&cursor=${first.nextCursor}`);
    expect([...first.items, ...rest.items].map((each: any) => each.filmId)).toEqual(films);
    expect(rest.nextCursor).toBeNull();
    const theirs = await gateway.ask('GET', `/v1/users/bob/${name}?cursor=${first.nextCursor}`);
    expect([theirs.status, theirs.body.code]).toEqual([400, 'CURSOR_INVALID']);
  });

  it('refuses what is no such value, and a body that is none', async () => {
    for (const refused of [...wrong, {}, { ...body, more: 1 }, [], undefined, 'text']) {
      const reply = await gateway.ask('PUT', url(), { body: refused });
      expect([JSON.stringify(refused), reply.status, reply.body.code]).toEqual([JSON.stringify(refused), 400, 'REQUEST_INVALID']);
    }
    expect((await gateway.ask('PUT', url('no%20film'), { body })).status).toBe(400);
    expect((await gateway.ask('POST', url(), { body })).status).toBe(405);
    expect((await list()).items).toEqual([]);
  });

  it.each([true, false])('is one operation when sent again with its Retry-Token, whether the first was applied (%s) or not', async (applied) => {
    gateway.store.loseNextReply(applied);
    const lost = await gateway.ask('PUT', url(), { body });
    expect([lost.status, lost.body.code]).toEqual([503, 'STORE_WRITE_UNCERTAIN']);
    const headers = { 'retry-token': lost.headers['retry-token']!, 'session-token': lost.headers['session-token']! };
    const again = await gateway.ask('PUT', url(), { body, headers });
    expect([again.status, again.body]).toMatchObject([200, body]);
    expect((await list()).items).toEqual([again.body]);
    const elsewhere = await gateway.ask('PUT', url('alien-1979'), { body, headers });
    expect([elsewhere.status, elsewhere.body.code]).toEqual([400, 'RETRY_TOKEN_INVALID']);
  });

  it('is asked at the level named, and fails as the store does', async () => {
    await gateway.ask('PUT', url(), { body });
    const reply = await gateway.ask('GET', url(), { headers: { consistency: 'one' } });
    expect(reply.headers['consistency-achieved']).toMatch(/^one;/);
    gateway.store.failNext(new TriptychError('STORE_QUORUM_UNAVAILABLE', 'too few', { needed: 2, alive: 1 }));
    expect((await gateway.ask('GET', url())).status).toBe(503);
    const denying = await testGateway({ accessPolicy: { mayAccess: (_principal, action, table) => !(action === 'write' && table === name) } });
    expect((await denying.ask('PUT', url(), { body })).status).toBe(403);
    expect((await denying.ask('GET', `/v1/users/ada/${name}`)).status).toBe(200);
    await denying.close();
  });
});
