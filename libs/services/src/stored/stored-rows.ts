/**
 * Lists of films made of two other services: the catalog and the favorites. Nothing of it is stored; the same user with the
 * same favorites is always shown the same. The catalog's own lists are kept for a minute (catalog-lists.ts).
 *
 * The order: the top rated, then "because you added ..." for the films that the user added last, then the genres, those of
 * most films first. Favorites that do not answer cost their rows and no others, and not all of the time either: they get half of what
 * the caller has left, so that the answer without them still arrives.
 */
import { catchError, concatMap, defer, map, type Observable, of } from 'rxjs';
import { isUnavailable, withDeadline } from '@app/circuit';
import { type CallContext, TriptychError } from '@app/contracts';
import { type Film, GENRES, genreSlug } from '@app/films';
import type { Clock } from '@app/time';
import type { FavoritesService } from '../favorites-service.js';
import type { FilmsService } from '../films-service.js';
import type { FilmRow, RowsService } from '../rows-service.js';
import { CatalogLists, type ListedFilm } from './catalog-lists.js';

export interface StoredRowsOptions {
  readonly films: FilmsService;
  readonly favorites: Pick<FavoritesService, 'page'>;
  readonly clock: Clock;
}

/** Rows "because you added ...", at most. */
export const BECAUSE_ROWS_MAX = 3;
/** Favorites among which the last added are found: the first of the list. Of a longer list, what stands further down does not count. */
export const FAVORITES_LOOKED_AT = 100;

const ROWS_MAX = 50;
const FILMS_MAX = 100;
const SHARE_OF_FAVORITES = 0.5;

const TOP_RATED_ROW: FilmRow = { id: 'top-rated', title: 'Top rated' };
const GENRE_ROWS: readonly FilmRow[] = GENRES.map(({ slug, title }) => ({ id: `genre.${slug}`, title }));
/** Rows for which the favorites of the user must be known; what `missing` calls them while nobody knows which films they are. */
const BECAUSE = 'because';

interface Because {
  readonly rows: readonly FilmRow[];
  readonly missing: readonly string[];
}

/** Errors besides those of the films: REQUEST_INVALID for a limit out of range. */
export function storedRows({ films, favorites, clock }: StoredRowsOptions): RowsService {
  const lists = new CatalogLists(films, clock);

  /** Empty where the favorites do not answer in their share of the time, or the films that they are of. */
  const becauseRows = (user: string, context: CallContext): Observable<Because> =>
    defer(() => {
      const nowMs = clock.monotonicMs();
      const deadlineMs = nowMs + (context.deadlineMs - nowMs) * SHARE_OF_FAVORITES;
      const brief = { ...context, deadlineMs };
      return favorites.page({ user, limit: FAVORITES_LOOKED_AT }, brief).pipe(
        concatMap(({ items }) => {
          const last = items.toSorted(byDateAdded).slice(0, BECAUSE_ROWS_MAX).map(({ film }) => film);
          if (last.length === 0) return of({ rows: [], missing: [] });
          return films.lookup({ films: last }, brief).pipe(
            map(({ found }) => ({ rows: found.filter(hasGenre).map(becauseRow), missing: [] })),
            missingInstead(last.map((film) => `${BECAUSE}.${film}`)),
          );
        }),
        withDeadline(clock, deadlineMs),
        missingInstead([BECAUSE]),
      );
    });

  /** Films of the genre of a film, those of its director first; without the film. */
  const becauseOf = (film: string, context: CallContext): Observable<readonly ListedFilm[]> =>
    films.lookup({ films: [film] }, context).pipe(
      concatMap(({ found: [like] }) => {
        if (!like) throw noSuchRow(`${BECAUSE}.${film}`);
        if (like.genre === null) return of([]);
        return lists.ofGenre(genreSlug(like.genre), context).pipe(
          map((ofGenre) => {
            const others = ofGenre.filter(({ id }) => id !== film);
            const isByTheSame = ({ director }: ListedFilm): boolean => director !== null && director === like.director;
            return [...others.filter(isByTheSame), ...others.filter((other) => !isByTheSame(other))];
          }),
        );
      }),
    );

  const filmsOf = (row: string, context: CallContext): Observable<readonly ListedFilm[]> => {
    if (row === TOP_RATED_ROW.id) return lists.topRated(context);
    const kind = row.split('.', 1)[0]!;
    const name = row.slice(kind.length + 1);
    if (kind === BECAUSE && name !== '') return becauseOf(name, context);
    if (kind !== 'genre' || !GENRES.some(({ slug }) => slug === name)) throw noSuchRow(row);
    return lists.ofGenre(name, context);
  };

  return {
    rows: ({ user, limit }, context) =>
      defer(() => {
        refuseLimit(limit, ROWS_MAX);
        return becauseRows(user, context).pipe(
          map(({ rows, missing }) => ({ rows: [TOP_RATED_ROW, ...rows, ...GENRE_ROWS].slice(0, limit), missing })),
        );
      }),
    films: ({ row, limit }, context) =>
      defer(() => {
        refuseLimit(limit, FILMS_MAX);
        return filmsOf(row, context).pipe(map((listed) => ({ films: listed.slice(0, limit).map(({ id }) => id) })));
      }),
  };
}

const becauseRow = ({ id, title }: Film): FilmRow => ({ id: `${BECAUSE}.${id}`, title: `Because you added ${title}` });

/** A film that is in no catalog, or of no genre, is like no other. */
const hasGenre = (film: Film | null): film is Film => film !== null && film.genre !== null;

/** The last added first; of two added at the same moment, by id. */
function byDateAdded(a: { addedAt: string; film: string }, b: { addedAt: string; film: string }): number {
  if (a.addedAt !== b.addedAt) return a.addedAt > b.addedAt ? -1 : 1;
  return a.film < b.film ? -1 : 1;
}

/** Only for who does not answer: a mistake of ours is no reason to show less. */
const missingInstead = (missing: readonly string[]) => catchError<Because, Observable<Because>>((error: unknown) => {
  if (!isUnavailable(error)) throw error;
  return of({ rows: [], missing });
});

function refuseLimit(limit: number, max: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= max) return;
  throw new TriptychError('REQUEST_INVALID', `limit must be 1 to ${max}, is ${limit}`, { max });
}

const noSuchRow = (row: string): TriptychError => new TriptychError('ITEM_NOT_FOUND', 'there is no such row', { row });
