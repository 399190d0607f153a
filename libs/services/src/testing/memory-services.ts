/**
 * All services in memory, on an injected clock: the production code of the stored ones over a ListStore in memory, so that
 * limits, errors, sessions and writes of unknown outcome are the real ones. Refused: maps of their own, a second set of rules for
 * places and pending writes, which would drift from the first until a test passes that should not.
 *
 * With `store.delayMs` of 0 they answer within the subscription. `store.failNext`, `store.loseNextReply` make single calls fail.
 */
import { zoneId, type CallContext } from '@app/contracts';
import type { ListStore } from '@app/favorites-client';
import { MemoryListStore } from '@app/favorites-client/testing';
import type { Film } from '@app/films';
import type { Clock } from '@app/time';
import type { Services } from '../services.js';
import { genreLookup } from '../stored/genre-lookup.js';
import { storedFavorites } from '../stored/stored-favorites.js';
import { storedFilms } from '../stored/stored-films.js';
import { storedBookmarks, storedRatings } from '../stored/stored-marks.js';
import { storedRows } from '../stored/stored-rows.js';
import { catalogWrites } from './catalog-writes.js';

export interface MemoryServices extends Services {
  readonly store: MemoryListStore;
}

/** @param films the catalog; a film more comes in by `loadFilms` */
export function memoryServices(clock: Clock, films: readonly Film[] = []): MemoryServices {
  const store = new MemoryListStore(clock);
  loadFilms(store, films);
  return { ...servicesOver(store, clock), store };
}

/** The stored services over any ListStore, as a gateway in zone a has them. */
export function servicesOver(store: ListStore, clock: Clock): Services {
  const films = storedFilms(store);
  const favorites = storedFavorites(store, { zone: zoneId('zone-a'), genreOf: genreLookup(films, clock) });
  return { films, favorites, bookmarks: storedBookmarks(store), ratings: storedRatings(store), rows: storedRows({ films, favorites, clock }) };
}

/** At once, into a store that answers at once. */
export function loadFilms(store: MemoryListStore, films: readonly Film[]): void {
  const context: CallContext = { deadlineMs: Infinity, traceId: 'catalog', priority: 'background', principal: { kind: 'service', name: 'test' } };
  for (const write of catalogWrites(films)) store.write(write, context).subscribe();
}
