import { concat, ignoreElements, lastValueFrom } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CallContext, RowKey } from '@app/contracts';
import { MemoryListStore } from '@app/favorites-client/testing';
import { ALL_FILMS, CATALOG_LOADED, type Film, genreRow, readFilms, TOP_RATED, topRated } from '@app/films';
import { systemClock } from '@app/time';
import { fillCatalog } from './catalog-loader.js';

/** Some of all, so that a store in memory has little to do. */
const FILMS: readonly Film[] = readFilms().slice(1_000, 1_200);
const WRITES = FILMS.length + FILMS.filter(({ genre }) => genre !== null).length + topRated(FILMS).length;
const context: CallContext = { deadlineMs: Infinity, traceId: 't', priority: 'read', principal: { kind: 'service', name: 'test' } };

let store: MemoryListStore;
let written: string[];
let cut: AbortController;
beforeEach(() => {
  store = new MemoryListStore(systemClock);
  written = [];
  cut = new AbortController();
  const write = store.write.bind(store);
  store.write = (request, itsContext) => {
    written.push(`${request.row}/${request.item}`);
    return write(request, itsContext);
  };
});

const fill = (films = FILMS): Promise<number> => fillCatalog(store, films, () => {}, cut.signal);
const itemsOf = async (row: RowKey): Promise<string[]> => (await lastValueFrom(store.list({ ...row, limit: 500 }, context))).items.map(({ item }) => item);

describe('the catalog', () => {
  it('is marked as loaded only when a quorum has shown all of it', async () => {
    const list: string[] = [];
    const get = store.get.bind(store);
    store.get = (request, itsContext) => {
      list.push(`${request.row} ${request.level}`);
      return get(request, itsContext);
    };
    const write = store.write.bind(store);
    store.write = (request, itsContext) => {
      // What was acknowledged by one replica alone, and lost with it.
      const isLost = request.item === FILMS[5]!.id && written.filter((each) => each === `films/${request.item}`).length === 0;
      const written$ = write(request, itsContext);
      if (!isLost) return written$;
      return concat(written$, store.write({ ...ALL_FILMS, item: request.item, operation: { kind: 'remove' } }, itsContext).pipe(ignoreElements()));
    };
    expect(await fill()).toBe(FILMS.length);
    expect(await itemsOf(ALL_FILMS)).toContain(FILMS[5]!.id);
    expect(written.at(-1)).toMatch(/^loaded\//);
    expect(new Set(list.map((each) => each.split(' ')[1]))).toEqual(new Set(['QUORUM']));
    expect(list.filter((each) => each.startsWith('films'))).toHaveLength(3);
  });

  it('is filled: each film by itself, by its genre, and the top rated in their order', async () => {
    expect(await fill()).toBe(FILMS.length);
    expect((await itemsOf(ALL_FILMS)).toSorted()).toEqual(FILMS.map(({ id }) => id).toSorted());
    expect((await itemsOf(genreRow('Horror'))).toSorted()).toEqual(FILMS.filter(({ genre }) => genre === 'Horror').map(({ id }) => id).toSorted());
    expect(topRated(FILMS).length).toBeGreaterThan(10);
    expect(await itemsOf(TOP_RATED)).toEqual(topRated(FILMS).map(({ id }) => id));
    expect(written).toHaveLength(WRITES + 1);
  });

  it('is left alone once it is whole', async () => {
    await fill();
    written = [];
    expect(await fill()).toBe(0);
    expect(written).toEqual([]);
  });

  it('that was cut off is gone on with, and nothing of it is written twice', async () => {
    const write = store.write.bind(store);
    store.write = (request, itsContext) => {
      if (written.length === 100) cut.abort();
      return write(request, itsContext);
    };
    expect(await fill()).toBeLessThan(FILMS.length);
    expect(await itemsOf(CATALOG_LOADED)).toEqual([]);
    store.write = write;
    cut = new AbortController();
    expect(await fill()).toBe(FILMS.length);
    expect(written).toHaveLength(WRITES + 1);
    expect(await itemsOf(TOP_RATED)).toEqual(topRated(FILMS).map(({ id }) => id));
  });

  it('of an earlier edition gets what has come since, and what has changed', async () => {
    await fill(FILMS.map((film, at) => (at === 7 ? { ...film, title: 'once called otherwise' } : film)));
    await lastValueFrom(store.write({ ...CATALOG_LOADED, item: (await itemsOf(CATALOG_LOADED))[0]!, operation: { kind: 'remove' } }, context));
    for (const film of topRated(FILMS)) await lastValueFrom(store.write({ ...TOP_RATED, item: film.id, operation: { kind: 'remove' } }, context));
    written = [];
    expect(await fill()).toBe(FILMS.length);
    const changed = FILMS[7]!;
    const rows = ['films', ...(changed.genre === null ? [] : [genreRow(changed.genre).row])];
    const expected = [...rows.map((row) => `${row}/${changed.id}`), ...topRated(FILMS).map(({ id }) => `top-rated/${id}`), (await itemsOf(CATALOG_LOADED)).map((edition) => `loaded/${edition}`)[0]];
    expect(new Set(written)).toEqual(new Set(expected));
    expect(written).toHaveLength(expected.length);
  });
});
