import { TriptychError } from '@app/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await testGateway();
});
afterEach(() => gateway.close());

const film = (filmId: string, user = 'ada') => `/v1/users/${user}/favorites/${filmId}`;
const ids = async (query = '', user = 'ada'): Promise<string[]> => {
  const { body } = await gateway.ask('GET', `/v1/users/${user}/favorites${query}`);
  return body.items.map(({ filmId }: { filmId: string }) => filmId);
};
async function add(...filmIds: string[]): Promise<void> {
  for (const filmId of filmIds) expect((await gateway.ask('PUT', film(filmId))).status).toBe(200);
}

describe('PUT a favorite', () => {
  it('adds a film last and answers with it: id, ISO date with milliseconds, zone of the gateway, device named', async () => {
    await add('alien-1979');
    const reply = await gateway.ask('PUT', film('heat-1995'), { body: { device: 'tv in the kitchen' } });
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({
      filmId: 'heat-1995',
      addedAt: new Date(gateway.clock.wallMs()).toISOString(),
      addedFrom: { zone: 'zone-a', device: 'tv in the kitchen' },
    });
    expect(reply.body.addedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(await ids()).toEqual(['alien-1979', 'heat-1995']);
  });

  it('needs no body, nor does an empty one with a content type hurt; the device is null then', async () => {
    expect((await gateway.ask('PUT', film('a'))).body.addedFrom).toEqual({ zone: 'zone-a', device: null });
    expect((await gateway.ask('PUT', film('b'), { headers: { 'content-type': 'application/json' } })).status).toBe(200);
    expect((await gateway.ask('PUT', film('c'), { body: {} })).status).toBe(200);
  });

  it('puts a film first, last, before or after another', async () => {
    await add('a', 'b');
    await gateway.ask('PUT', film('first'), { body: { position: 'first' } });
    await gateway.ask('PUT', film('last'), { body: { position: 'last' } });
    await gateway.ask('PUT', film('before-b'), { body: { position: { before: 'b' } } });
    await gateway.ask('PUT', film('after-b'), { body: { position: { after: 'b' } } });
    expect(await ids()).toEqual(['first', 'a', 'before-b', 'b', 'after-b', 'last']);
  });

  it('leaves a film already there as it is, and moves it only when a position is given; its date stays', async () => {
    await gateway.ask('PUT', film('a'), { body: { device: 'first' } });
    await add('b');
    gateway.clock.advance(5000);
    const again = await gateway.ask('PUT', film('a'), { body: { device: 'second' } });
    expect(again.body.addedFrom.device).toBe('first');
    expect(await ids()).toEqual(['a', 'b']);
    const moved = await gateway.ask('PUT', film('a'), { body: { position: 'last' } });
    expect(moved.body).toEqual(again.body);
    expect(await ids()).toEqual(['b', 'a']);
  });

  it('takes any well-formed film id, in the catalog or not, up to 128 characters', async () => {
    const longest = '~_.-'.repeat(32);
    expect((await gateway.ask('PUT', film(longest))).body.filmId).toBe(longest);
    expect((await gateway.ask('PUT', film(`${longest}x`))).status).toBe(400);
  });

  it('says 409 when the neighbour is not in the list, or the list is full', async () => {
    const noNeighbour = await gateway.ask('PUT', film('a'), { body: { position: { before: 'z' } } });
    expect([noNeighbour.status, noNeighbour.body.code]).toEqual([409, 'NEIGHBOUR_NOT_FOUND']);
    gateway.store.failNext(new TriptychError('LIST_FULL', 'full', { limit: 10_000 }));
    const full = await gateway.ask('PUT', film('a'));
    expect([full.status, full.body.code, full.body.limit]).toEqual([409, 'LIST_FULL', 10_000]);
  });

  it('refuses a film as its own neighbour', async () => {
    const reply = await gateway.ask('PUT', film('a'), { body: { position: { after: 'a' } } });
    expect([reply.status, reply.body.code]).toEqual([400, 'REQUEST_INVALID']);
  });
});

describe('DELETE a favorite', () => {
  it('answers 204 without a body, whether the film was there or not', async () => {
    await add('a', 'b');
    for (const url of [film('a'), film('a'), film('never', 'nobody')]) {
      const { status, text } = await gateway.ask('DELETE', url);
      expect([status, text]).toEqual([204, '']);
    }
    expect(await ids()).toEqual(['b']);
  });
});

describe('PATCH a favorite', () => {
  it('moves a film and answers with it', async () => {
    await add('a', 'b', 'c');
    const reply = await gateway.ask('PATCH', film('c'), { body: { position: { before: 'b' } } });
    expect([reply.status, reply.body.filmId]).toEqual([200, 'c']);
    expect(await ids()).toEqual(['a', 'c', 'b']);
  });

  it('says 404 for a film not in the list, 409 for a neighbour not in it, 400 without a position', async () => {
    await add('a');
    const answers = [
      await gateway.ask('PATCH', film('z'), { body: { position: 'first' } }),
      await gateway.ask('PATCH', film('a'), { body: { position: { after: 'z' } } }),
      await gateway.ask('PATCH', film('a'), { body: {} }),
      await gateway.ask('PATCH', film('a')),
    ];
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [404, 'ITEM_NOT_FOUND'],
      [409, 'NEIGHBOUR_NOT_FOUND'],
      [400, 'REQUEST_INVALID'],
      [400, 'REQUEST_INVALID'],
    ]);
  });
});

describe('GET the favorites', () => {
  it('pages through the list in its order by an opaque cursor, and ends with null', async () => {
    const filmIds = Array.from({ length: 7 }, (_, at) => `film-${at}`);
    await add(...filmIds);
    const pages: string[][] = [];
    let cursor = '';
    do {
      const { body } = await gateway.ask('GET', `/v1/users/ada/favorites?limit=3${cursor}`);
      pages.push(body.items.map(({ filmId }: { filmId: string }) => filmId));
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
    } while (cursor !== '' && pages.length < 10);
    expect(pages).toEqual([filmIds.slice(0, 3), filmIds.slice(3, 6), filmIds.slice(6)]);
  });

  it('shows a film that was not moved exactly once over the pages, whatever others write meanwhile', async () => {
    await add('a', 'b', 'c', 'd', 'e', 'f');
    const first = await gateway.ask('GET', '/v1/users/ada/favorites?limit=2');
    await gateway.ask('DELETE', film('b'));
    await gateway.ask('PUT', film('new-first'), { body: { position: 'first' } });
    await gateway.ask('PUT', film('new-mid'), { body: { position: { after: 'c' } } });
    const rest = await ids(`?limit=500&cursor=${first.body.nextCursor}`);
    expect(rest).toEqual(['c', 'new-mid', 'd', 'e', 'f']);
  });

  it('gives 50 by default, 500 at most, and refuses other limits', async () => {
    await add(...Array.from({ length: 51 }, (_, at) => `film-${at}`));
    expect(await ids()).toHaveLength(50);
    expect(await ids('?limit=500')).toHaveLength(51);
    for (const limit of ['0', '501', '-1', '1.5', 'x', '', '1&limit=2']) {
      const { status, body } = await gateway.ask('GET', `/v1/users/ada/favorites?limit=${limit}`);
      expect([limit, status, body.code]).toEqual([limit, 400, 'REQUEST_INVALID']);
    }
  });

  it('refuses a cursor of another list, a changed one and a made-up one', async () => {
    await add('a', 'b');
    await gateway.ask('PUT', film('a', 'bob'));
    const { nextCursor } = (await gateway.ask('GET', '/v1/users/ada/favorites?limit=1')).body;
    const changed = nextCursor.slice(0, -1) + (nextCursor.endsWith('A') ? 'B' : 'A');
    for (const [user, cursor] of [['bob', nextCursor], ['ada', changed], ['ada', 'AAAA'], ['ada', `${nextCursor}=`]]) {
      const { status, body } = await gateway.ask('GET', `/v1/users/${user}/favorites?cursor=${cursor}`);
      expect([status, body.code]).toEqual([400, 'CURSOR_INVALID']);
    }
    expect(await ids(`?cursor=${nextCursor}`)).toEqual(['b']);
  });

  it('is empty for a user nobody has heard of', async () => {
    expect((await gateway.ask('GET', '/v1/users/nobody/favorites')).body).toEqual({ items: [], nextCursor: null });
  });

  it('refuses a query it does not know', async () => {
    expect((await gateway.ask('GET', '/v1/users/ada/favorites?offset=3')).status).toBe(400);
  });
});

describe('the consistency of an answer', () => {
  it('is asked for by a header in any letter case, quorum unless asked, and told in headers', async () => {
    const asked = ['one', 'Quorum', 'ALL', 'session', 'Linearizable', undefined];
    const achieved: (string | undefined)[] = [];
    for (const level of asked) {
      const reply = await gateway.ask('GET', '/v1/users/ada/favorites', { headers: level ? { consistency: level } : {} });
      achieved.push(reply.headers['consistency-achieved']);
      expect(reply.headers['served-by']).toBe('zone=zone-a; gateway=gateway-a; node=memory');
    }
    expect(achieved.map((text) => text?.split(';')[0])).toEqual(['one', 'quorum', 'all', 'session', 'linearizable', 'quorum']);
    expect(achieved[0]).toBe('one; replicas=1/1; zones=zone-a; versions=1; repaired=no; hedged=no; fallback=no; token-ahead=no; sloppy=no');
  });

  it('refuses a level it does not know, naming those it does', async () => {
    for (const level of ['three', '', 'one,', 'quorum one']) {
      const { status, body } = await gateway.ask('PUT', film('a'), { headers: { consistency: level } });
      expect([status, body.code, body.known]).toEqual([400, 'LEVEL_UNKNOWN', ['any', 'one', 'two', 'session', 'quorum', 'all', 'linearizable']]);
    }
    const tooMany = await gateway.ask('PUT', film('a'), { headers: { consistency: 'all, quorum, one' } });
    expect([tooMany.status, tooMany.body.code]).toEqual([400, 'LEVEL_UNKNOWN']);
    for (const level of ['local_one', 'Local_Quorum', 'each_quorum', 'quorum, local_one']) {
      const { status, body } = await gateway.ask('PUT', film('a'), { headers: { consistency: level } });
      expect([status, body.code, body.title]).toEqual([400, 'LEVEL_NEEDS_REGIONS', 'This level needs regions']);
    }
    expect(await ids()).toEqual([]);
  });

  it('falls back to a second level when the first cannot be had, and says so', async () => {
    const headers = { consistency: 'quorum, one' };
    gateway.store.failNext(new TriptychError('STORE_QUORUM_UNAVAILABLE', 'too few', { needed: 2, alive: 1 }));
    const reply = await gateway.ask('PUT', film('a'), { headers });
    expect([reply.status, reply.headers['consistency-achieved']]).toEqual([200, expect.stringMatching(/^one; .*fallback=yes/)]);
    gateway.store.failNext(new TriptychError('LIST_FULL', 'full'));
    expect((await gateway.ask('PUT', film('b'), { headers })).body.code).toBe('LIST_FULL');
  });

  it('names the gateway, and no node, when no coordinator answered', async () => {
    gateway.store.failNext(new TriptychError('STORE_QUORUM_UNAVAILABLE', 'too few', { needed: 2, alive: 1 }));
    const reply = await gateway.ask('GET', '/v1/users/ada/favorites');
    expect(reply.status).toBe(503);
    expect(reply.body).toMatchObject({ code: 'STORE_QUORUM_UNAVAILABLE', needed: 2, alive: 1 });
    expect(reply.headers['served-by']).toBe('zone=zone-a; gateway=gateway-a');
  });

  it('says 504 when the deadline passes', async () => {
    gateway.store.delayMs = 10_000;
    const waiting = gateway.ask('GET', '/v1/users/ada/favorites');
    while (gateway.clock.pending === 0) await new Promise(setImmediate);
    gateway.clock.advance(1999);
    gateway.clock.advance(1);
    expect((await waiting).status).toBe(504);
  });
});
