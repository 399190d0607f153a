/**
 * What a user has begun to watch and not finished, the latest first. Without the bookmarks there is no answer, so their failure
 * is the answer's; without the catalog there is one: nobody knows how long a film is, so none counts as finished.
 */
import { forkJoin, map, of, switchMap } from 'rxjs';
import { z } from 'zod';
import type { Served } from '@app/circuit';
import type { Film as CatalogFilm } from '@app/films';
import type { Bookmark } from '@app/services';
import { Film } from '../films/film-view.js';
import { Id } from '../http/schemas.js';
import { orMissing } from '../services/or-missing.js';
import { defineEndpoint } from './endpoint.js';

/** Bookmarks that are looked through for the latest. */
const LOOKED_AT = 2_000;
/** Of these nothing worth going back for is left: the credits. */
const FINISHED = 0.95;

const Begun = z
  .strictObject({
    filmId: Id,
    film: Film.nullable().describe('Null where it could not be had now, or is in no catalog.'),
    secondsWatched: z.int(),
    at: z.string().describe('When it was last watched.'),
  })
  .meta({ id: 'BegunFilm' });

export const continueWatching = defineEndpoint({
  method: 'GET',
  path: 'v1/users/:userId/continue-watching',
  tag: 'pages',
  summary: 'Films begun and not finished, the latest first',
  inputs: {
    path: z.strictObject({ userId: Id }),
    query: z.strictObject({ limit: z.coerce.number().int().min(1).max(50).default(10) }),
  },
  output: z
    .strictObject({ items: z.array(Begun), degraded: z.boolean().describe('Some films could not be had now, or are an earlier answer; finished ones may be among them.') })
    .meta({ id: 'ContinueWatching' }),
  deadlineMs: 300,
  respond: (services, { path: { userId }, query: { limit } }) =>
    services
      .by(0.6)
      .user(userId)
      .bookmarks(LOOKED_AT)
      .pipe(
        map(({ value }) => value.toSorted(latestFirst).slice(0, 2 * limit)),
        switchMap((bookmarks) => {
          if (bookmarks.length === 0) return of([]);
          return forkJoin(bookmarks.map((bookmark) => services.by(0.93).film(bookmark.film).pipe(orMissing(null), map((film) => ({ bookmark, film })))));
        }),
        map((joined) => joined.filter(({ bookmark, film }) => !isFinished(bookmark, film)).slice(0, limit)),
        map((begun) => ({
          items: begun.map(({ bookmark: { film: filmId, secondsWatched, at }, film }) => ({ filmId, film: film.value, secondsWatched, at })),
          degraded: begun.some(({ film }) => film.degraded),
        })),
      ),
});

const latestFirst = (a: Bookmark, b: Bookmark): number => (a.at > b.at ? -1 : a.at < b.at ? 1 : 0);

function isFinished({ secondsWatched }: Bookmark, { value }: Served<CatalogFilm | null>): boolean {
  const minutes = value?.runtimeMinutes ?? Infinity;
  return secondsWatched >= FINISHED * minutes * 60;
}
