/**
 * The services as an endpoint sees them: bound to one request, so that nobody hands on a deadline, a trace id, a level or a
 * session by hand. Every method answers with a cold Observable of one value, or an error; nothing is asked before somebody
 * subscribes, and unsubscribing gives up. Whoever asks for one thing twice within a request is answered from one call,
 * and lookups that are made within 2 ms of each other go out as one.
 *
 * Answers are `Served`: `degraded` says that the value is an earlier answer, since no new one could be had. Only what is the
 * same for everybody, or a suggestion, is answered so. A user's own favorites, bookmarks and ratings never are: a stale one
 * would undo, before the user's eyes, what the user has just done.
 */
import type { Observable } from 'rxjs';
import type { Served } from '@app/circuit';
import type { CallContext, ZoneId } from '@app/contracts';
import type { Film } from '@app/films';
import type { Bookmark, Favorite, FilmRow, Rating } from '@app/services';

/**
 * Errors of every method, where no earlier answer stands in: those of the service (a read's), CIRCUIT_OPEN, CIRCUIT_SATURATED,
 * CIRCUIT_TIMEOUT, DEADLINE_EXCEEDED, ACCESS_DENIED. `orMissing` makes a part of a page of them.
 */
export interface RequestServices {
  /** Deadline, trace id, priority and principal of the request, for whatever else is asked on its behalf. */
  readonly context: CallContext;
  /** Of this gateway. */
  readonly zone: ZoneId;

  /**
   * The same services with a part of the request's time: what is asked through them ends at `share` of it, counted from the
   * request's beginning. So a slow first level leaves the second its time.
   * @param share in (0, 1]
   */
  by(share: number): RequestServices;

  /** Null: the catalog has no such film. */
  film(film: string): Observable<Served<Film | null>>;
  /** Many at once, in their order, for a fraction of the cost: each film that cannot be had is an earlier answer, or degraded and null. */
  films(films: readonly string[]): Observable<readonly Served<Film | null>[]>;
  /** Of the catalog, the best first. @param limit 1 to 500 */
  topRated(limit: number): Observable<Served<readonly Film[]>>;
  /** In the order of the catalog. @param genre as people write it, in any case @param limit 1 to 500 */
  filmsOfGenre(genre: string, limit: number): Observable<Served<readonly Film[]>>;

  user(user: string): UserServices;
}

export interface UserServices {
  isFavorite(film: string): Observable<Served<boolean>>;
  /** Null: none. */
  bookmark(film: string): Observable<Served<Bookmark | null>>;
  /** Null: none. */
  rating(film: string): Observable<Served<Rating | null>>;
  /** Many at once, in their order, for a fraction of the cost. */
  areFavorites(films: readonly string[]): Observable<readonly Served<boolean>[]>;
  bookmarksOf(films: readonly string[]): Observable<readonly Served<Bookmark | null>[]>;
  ratingsOf(films: readonly string[]): Observable<readonly Served<Rating | null>[]>;

  /** The first so many of the list, in its order; in calls of 500, one after the other. */
  favorites(limit: number): Observable<Served<readonly Favorite[]>>;
  /** The first so many films that were marked, in that order; in calls of 500, one after the other. */
  bookmarks(limit: number): Observable<Served<readonly Bookmark[]>>;
  ratings(limit: number): Observable<Served<readonly Rating[]>>;

  /** Which rows of films to show. @param limit 1 to 50 */
  rows(limit: number): Observable<Served<FilmRows>>;
  /** Ids. Errors: ITEM_NOT_FOUND for a row that there is not. @param limit 1 to 100 */
  rowFilms(row: string, limit: number): Observable<Served<readonly string[]>>;
}

export interface FilmRows {
  readonly rows: readonly FilmRow[];
  /** Names of rows that could not be found out. */
  readonly missing: readonly string[];
}
