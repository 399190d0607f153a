/** The catalog over real processes: loaded once, whole, also when the first load was cut off; read through any zone. */
import { ALL_FILMS, readFilms, type Film } from '@app/films';
import { connectListStore } from '@app/favorites-client';
import { zoneId, type CallContext, type Item } from '@app/contracts';
import { systemClock } from '@app/time';
import { lastValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCatalog, type CatalogTarget } from '../../apps/cluster/src/catalog-loader.js';
import { eventually, localCluster, type LocalCluster } from '../support/local-cluster.js';

const FILMS: readonly Film[] = readFilms();
const idsOf = (films: readonly Film[]): string[] => films.map(({ id }) => id).toSorted();

let cluster: LocalCluster;
let target: CatalogTarget;
beforeAll(async () => {
  cluster = await localCluster();
  const seeds = cluster.plan.processes.filter(({ role }) => role === 'store');
  target = { clusterId: cluster.clusterId, zone: zoneId('zone-a'), seeds, say: () => {} };
});
afterAll(() => cluster.end());

/** All films of a listing, page by page, through each zone in turn. @param query '' or '&genre=...' */
async function paged(query: string, limit: number): Promise<Film[]> {
  const films: Film[] = [];
  let cursor: string | null = null;
  let turn = 0;
  do {
    const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { body } = await cluster.at('abc'.charAt(turn++ % 3)).get(`/v1/films?limit=${limit}${query}${after}`).expect(200);
    expect(body.items.length).toBeLessThanOrEqual(limit);
    films.push(...(body.items as Film[]));
    cursor = body.nextCursor as string | null;
  } while (cursor !== null);
  return films;
}

/** The first items of the catalog's row as the store keeps them, with when each was written. */
async function stored(limit: number): Promise<readonly Item[]> {
  const connection = connectListStore({ seeds: target.seeds, clusterId: target.clusterId, nodeName: 'test', zone: target.zone });
  try {
    await eventually(() => connection.ready(), 10_000, 'the ring is known');
    const context: CallContext = {
      deadlineMs: systemClock.monotonicMs() + 10_000,
      traceId: 'test',
      priority: 'read',
      principal: { kind: 'service', name: 'test' },
    };
    return (await lastValueFrom(connection.store.list({ ...ALL_FILMS, limit, level: 'QUORUM' }, context))).items;
  } finally {
    connection.close();
  }
}

const SEEN_BEFORE_THE_CUT = 100;

describe('the catalog', () => {
  let before: readonly Item[];

  it('is cut off in the middle of its load: part of it is there', async () => {
    const cut = new AbortController();
    const loading = loadCatalog(target, cut.signal);
    const isUnderWay = async () => (await cluster.at('b').get(`/v1/films?limit=${SEEN_BEFORE_THE_CUT}`)).body.items?.length === SEEN_BEFORE_THE_CUT;
    await eventually(isUnderWay, 60_000, 'a page of films is there');
    cut.abort();
    const written = await loading;
    expect(written).toBeGreaterThanOrEqual(SEEN_BEFORE_THE_CUT);
    expect(written).toBeLessThan(FILMS.length);
    before = await stored(SEEN_BEFORE_THE_CUT);
  });

  it('is loaded whole by the next start, which changes nothing of what was there', async () => {
    expect(await loadCatalog(target, new AbortController().signal)).toBe(FILMS.length);
    const after = new Map((await stored(500)).map((item) => [item.item, item]));
    expect(before).toHaveLength(SEEN_BEFORE_THE_CUT);
    for (const { item, writtenAtMs, position } of before) expect(after.get(item)).toMatchObject({ writtenAtMs, position });
  });

  it('is not loaded again once it is whole', async () => {
    expect(await loadCatalog(target, new AbortController().signal)).toBe(0);
  });

  it('shows each of the 3,201 films exactly once over its pages, whichever zone serves them', async () => {
    const films = await paged('', 200);
    expect(FILMS).toHaveLength(3_201);
    expect(films).toHaveLength(3_201);
    expect(idsOf(films)).toEqual(idsOf(FILMS));
  });

  it('shows a genre alone, named as the films name it or as an id would', async () => {
    const western = FILMS.filter(({ genre }) => genre === 'Western');
    const romantic = FILMS.filter(({ genre }) => genre === 'Romantic Comedy');
    expect(idsOf(await paged('&genre=Western', 10))).toEqual(idsOf(western));
    expect(idsOf(await paged('&genre=romantic-comedy', 100))).toEqual(idsOf(romantic));
    expect(romantic.length).toBeGreaterThan(100);
    expect(await paged('&genre=Opera', 10)).toEqual([]);
  });

  it('gives a film as it was published, through each zone, and 404 for none', async () => {
    const inception = FILMS.find(({ id }) => id === 'inception-2010');
    for (const zone of ['a', 'b', 'c']) {
      const { body } = await cluster.at(zone).get('/v1/films/inception-2010').expect(200);
      expect(body).toEqual(inception);
    }
    const { body } = await cluster.at('a').get('/v1/films/no-such-film-1900').expect(404);
    expect(body.code).toBe('ITEM_NOT_FOUND');
  });

  it('is still there, and not loaded again, after a restart', async () => {
    const { dataDirectory } = cluster;
    await cluster.end({ keepData: true });
    cluster = await localCluster({ dataDirectory });
    const seeds = cluster.plan.processes.filter(({ role }) => role === 'store');
    expect(await loadCatalog({ ...target, clusterId: cluster.clusterId, seeds }, new AbortController().signal)).toBe(0);
    expect(idsOf(await paged('', 500))).toEqual(idsOf(FILMS));
  });
});
