/**
 * Puts the films into the cluster's own catalog, once: through the same client as any gateway, so what is loaded is
 * replicated like everything else. A mark is written last; a load that was cut off is done again, which changes nothing of
 * what is there already.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { lastValueFrom } from 'rxjs';
import type { CallContext, RowKey, ZoneId } from '@app/contracts';
import { connectListStore, type ListStore } from '@app/favorites-client';
import { ALL_FILMS, CATALOG_LOADED, genreRow, readFilms, type Film } from '@app/films';
import { systemClock } from '@app/time';

/** Another list of films, or another form of it, is another edition, and is loaded anew. */
const EDITION = 'movies-1';
const AT_ONCE = 32;
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

/** Films written: 0 when they were there. Stops early, without its mark, when `signal` aborts. */
export async function loadCatalog({ clusterId, zone, seeds, say }: CatalogTarget, signal: AbortSignal): Promise<number> {
  const connection = connectListStore({ seeds, clusterId, nodeName: 'catalog-loader', zone });
  try {
    const endMs = systemClock.monotonicMs() + CONNECT_TIMEOUT_MS;
    while (!connection.ready() && !signal.aborted) {
      if (systemClock.monotonicMs() > endMs) throw connection.obstacle();
      await delay(CONNECT_POLL_MS);
    }
    return signal.aborted ? 0 : await load(connection.store, readFilms(), say, signal);
  } finally {
    connection.close();
  }
}

async function load(store: ListStore, films: readonly Film[], say: (line: string) => void, signal: AbortSignal): Promise<number> {
  const found = await lastValueFrom(store.get({ ...CATALOG_LOADED, item: EDITION, level: 'QUORUM' }, context()));
  if (found.item !== null) return 0;
  let written = 0;
  const progress = setInterval(() => say(`catalog: ${written} of ${films.length} films`), PROGRESS_MS);
  const left = films.values();
  const worker = async (): Promise<void> => {
    for (const film of left) {
      if (signal.aborted) return;
      const value = Buffer.from(JSON.stringify(film));
      await add(store, ALL_FILMS, film.id, value);
      if (film.genre !== null) await add(store, genreRow(film.genre), film.id, value);
      written++;
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    if (signal.aborted) return written;
    await add(store, CATALOG_LOADED, EDITION, new Uint8Array(0));
  } finally {
    clearInterval(progress);
  }
  return written;
}

async function add(store: ListStore, row: RowKey, item: string, value: Uint8Array): Promise<void> {
  await lastValueFrom(store.write({ ...row, item, operation: { kind: 'add', value }, level: 'QUORUM' }, context()));
}

const context = (): CallContext => ({
  deadlineMs: systemClock.monotonicMs() + WRITE_TIMEOUT_MS,
  traceId: 'catalog-load',
  priority: 'background',
  principal: { kind: 'service', name: 'catalog-loader' },
});
