/**
 * Puts the films into the cluster's own catalog, once: through the same client as any gateway, so what is loaded is
 * replicated like everything else. What is there as it should be is left alone, so a load that was cut off goes on where it
 * was, and a cluster with an earlier edition gets what has come since. A mark is written last.
 *
 * A film is written at ONE, since an add to the catalog would otherwise ask a quorum first, thousands of times, for what is not
 * there. That it is on a quorum is found out at the end instead, by looking at all of it there, 200 films at a time: what a quorum
 * read has shown it has also repaired.
 *
 * Films are written many at once, each into its rows; the top rated one after the other beside them, because a row is in the
 * order of its writing and theirs matters.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { lastValueFrom } from 'rxjs';
import { type CallContext, type ConsistencyLevel, GET_ITEMS_MAX, type RowKey, type ZoneId } from '@app/contracts';
import { connectListStore, type ListStore } from '@app/favorites-client';
import { CATALOG_LOADED, type CatalogRow, catalogRows, type Film, readFilms, TOP_RATED } from '@app/films';
import { systemClock } from '@app/time';

/** Another list of films, or another form of it, is another edition, and is loaded anew. */
const EDITION = 'movies-2';
const AT_ONCE = 96;
const ROUNDS_MAX = 3;
const WRITE_TIMEOUT_MS = 10_000;
const PROGRESS_MS = 2_000;
const CONNECT_TIMEOUT_MS = 10_000;
const CONNECT_POLL_MS = 20;

export interface CatalogTarget {
  readonly clusterId: string;
  readonly zone: ZoneId;
  readonly seeds: readonly { readonly host: string; readonly port: number }[];
  readonly say: (line: string) => void;
}

/** Films of the catalog that are now there: 0 when this edition was loaded before. Stops early, without its mark, when `signal` aborts. */
export async function loadCatalog({ clusterId, zone, seeds, say }: CatalogTarget, signal: AbortSignal): Promise<number> {
  const connection = connectListStore({ seeds, clusterId, nodeName: 'catalog-loader', zone });
  try {
    const endMs = systemClock.monotonicMs() + CONNECT_TIMEOUT_MS;
    while (!connection.ready() && !signal.aborted) {
      if (systemClock.monotonicMs() > endMs) throw connection.obstacle();
      await delay(CONNECT_POLL_MS);
    }
    return signal.aborted ? 0 : await fillCatalog(connection.store, readFilms(), say, signal);
  } finally {
    connection.close();
  }
}

/** As `loadCatalog`, for any films and any store. */
export async function fillCatalog(store: ListStore, films: readonly Film[], say: (line: string) => void, signal: AbortSignal): Promise<number> {
  const mark = await lastValueFrom(store.get({ ...CATALOG_LOADED, items: [EDITION], level: 'QUORUM' }, context()));
  if (mark.items[0] !== null) return 0;
  const rows = catalogRows(films);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const missing = await Promise.all(rows.map((row) => missingOf(store, row)));
    if (missing.every(({ films: none }) => none.length === 0)) {
      await write(store, CATALOG_LOADED, EDITION, new Uint8Array(0), 'QUORUM');
      return films.length;
    }
    const there = await fill(store, films, missing, say, signal);
    if (signal.aborted) return there;
  }
  throw new Error(`films were written ${ROUNDS_MAX} times and are still not all there`);
}

/** Films that are in all their rows but the top rated, at the end. */
async function fill(store: ListStore, films: readonly Film[], missing: readonly CatalogRow[], say: (line: string) => void, signal: AbortSignal): Promise<number> {
  const rowsOf = Map.groupBy(missing.flatMap(({ row, films: itsFilms }) => itsFilms.map((film) => ({ row, film }))), ({ film }) => film);
  let there = 0;
  const progress = setInterval(() => say(`catalog: ${there} of ${films.length} films`), PROGRESS_MS);
  const left = films.values();
  const worker = async (): Promise<void> => {
    for (const film of left) {
      for (const { row } of rowsOf.get(film) ?? []) {
        if (signal.aborted) return;
        if (row !== TOP_RATED) await add(store, row, film);
      }
      there++;
    }
  };
  const inOrder = async (): Promise<void> => {
    for (const film of missing.find(({ row }) => row === TOP_RATED)!.films) {
      if (signal.aborted) return;
      await add(store, TOP_RATED, film);
    }
  };
  try {
    await Promise.all([inOrder(), ...Array.from({ length: AT_ONCE }, worker)]);
  } finally {
    clearInterval(progress);
  }
  return there;
}

/** The films of a row that a quorum does not have, or not as they should be. */
async function missingOf(store: ListStore, { row, films }: CatalogRow): Promise<CatalogRow> {
  const missing: Film[] = [];
  for (let at = 0; at < films.length; at += GET_ITEMS_MAX) {
    const asked = films.slice(at, at + GET_ITEMS_MAX);
    const { items } = await lastValueFrom(store.get({ ...row, items: asked.map(({ id }) => id), level: 'QUORUM' }, context()));
    missing.push(...asked.filter((film, i) => !items[i] || Buffer.compare(bytesOf(film), items[i].value) !== 0));
  }
  return { row, films: missing };
}

const bytesOf = (film: Film): Uint8Array => Buffer.from(JSON.stringify(film));
const add = (store: ListStore, row: RowKey, film: Film): Promise<void> => write(store, row, film.id, bytesOf(film), 'ONE');

async function write(store: ListStore, row: RowKey, item: string, value: Uint8Array, level: ConsistencyLevel): Promise<void> {
  await lastValueFrom(store.write({ ...row, item, operation: { kind: 'add', value }, level }, context()));
}

const context = (): CallContext => ({
  deadlineMs: systemClock.monotonicMs() + WRITE_TIMEOUT_MS,
  traceId: 'catalog-load',
  priority: 'background',
  principal: { kind: 'service', name: 'catalog-loader' },
});
