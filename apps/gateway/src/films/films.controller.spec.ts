import { ALL_FILMS, genreRow } from '@app/films';
import { lastValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';

const film = (id: string, genre: string) => ({ id, title: id.toUpperCase(), year: 1979, genre, director: null });
const FILMS = [film('alien-1979', 'Horror'), film('emma-1996', 'Romantic Comedy'), film('heat-1995', 'Action'), film('ran-1985', 'Action')];

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await testGateway();
  const context = { deadlineMs: 1000, traceId: 't', priority: 'background', principal: { kind: 'service', name: 'loader' } } as const;
  for (const record of FILMS) {
    const operation = { kind: 'add', value: Buffer.from(JSON.stringify(record)) } as const;
    for (const row of [ALL_FILMS, genreRow(record.genre)]) {
      await lastValueFrom(gateway.store.write({ ...row, item: record.id, operation, level: 'QUORUM' }, context));
    }
  }
});
afterEach(() => gateway.close());

describe('the catalog', () => {
  it('gives a film by its id, 404 when there is none, 400 when it cannot be an id', async () => {
    const found = await gateway.ask('GET', '/v1/films/alien-1979');
    expect([found.status, found.body]).toEqual([200, FILMS[0]]);
    expect(found.headers['consistency-achieved']).toBe('quorum; replicas=1/1; zones=zone-a; versions=1; repaired=no; hedged=no; fallback=no; token-ahead=no; sloppy=no');
    const missing = await gateway.ask('GET', '/v1/films/no-such-film');
    expect([missing.status, missing.body.code]).toEqual([404, 'ITEM_NOT_FOUND']);
    expect((await gateway.ask('GET', '/v1/films/no%20such')).status).toBe(400);
  });

  it('pages through all films', async () => {
    const first = await gateway.ask('GET', '/v1/films?limit=3');
    expect(first.body.items).toEqual(FILMS.slice(0, 3));
    const second = await gateway.ask('GET', `/v1/films?limit=3&cursor=${first.body.nextCursor}`);
    expect(second.body).toEqual({ items: FILMS.slice(3), nextCursor: null });
  });

  it('pages through a genre, named as the film names it or as an id would', async () => {
    for (const genre of ['Action', 'action', 'ACTION']) {
      expect((await gateway.ask('GET', `/v1/films?genre=${genre}`)).body.items).toEqual(FILMS.slice(2));
    }
    for (const genre of ['Romantic%20Comedy', 'romantic-comedy', 'Romantic+comedy']) {
      expect((await gateway.ask('GET', `/v1/films?genre=${genre}`)).body.items).toEqual([FILMS[1]]);
    }
    expect((await gateway.ask('GET', '/v1/films?genre=Opera')).body).toEqual({ items: [], nextCursor: null });
    expect((await gateway.ask('GET', '/v1/films?genre=%2F%2F')).status).toBe(400);
  });

  it('refuses the cursor of another genre', async () => {
    const { nextCursor } = (await gateway.ask('GET', '/v1/films?genre=Action&limit=1')).body;
    const { status, body } = await gateway.ask('GET', `/v1/films?genre=Horror&cursor=${nextCursor}`);
    expect([status, body.code]).toEqual([400, 'CURSOR_INVALID']);
  });

  it('says in how many lists a film is, and that this is eventual; 0 for one that nobody has', async () => {
    for (const user of ['ada', 'bob']) expect((await gateway.ask('PUT', `/v1/users/${user}/favorites/heat-1995`)).status).toBe(200);
    const found = await gateway.ask('GET', '/v1/films/heat-1995/favorites-count');
    expect([found.status, found.body]).toEqual([200, { filmId: 'heat-1995', count: 2, eventual: true, coverage: 1, missing: [] }]);
    expect(found.headers['served-by']).toBe('zone=zone-a; gateway=gateway-a');
    expect((await gateway.ask('GET', '/v1/films/alien-1979/favorites-count')).body.count).toBe(0);
    expect((await gateway.ask('GET', '/v1/films/no%20such/favorites-count')).status).toBe(400);
  });
});
