/**
 * The services bound to one request (request-services.ts is the face of it). What is kept here lives as long as the request: its
 * cache, the collapsers of the users it asks about, what its session has seen, and what the access policy allowed it.
 *
 * A user's lookups are collapsed within the request and never across requests: an answer differs with the level, the session
 * and the principal, which are the request's, and two requests for one user at one moment are rare.
 */
import { catchError, defer, map, mergeMap, type Observable, of, tap } from 'rxjs';
import { type CallTerms, Collapser, isUnavailable, type LastAnswers, protect, RequestCache, type Served, withFallback } from '@app/circuit';
import { assert, type CallContext, type RowKey, type ZoneId } from '@app/contracts';
import { ALL_FILMS, type Film, genreRow } from '@app/films';
import type { SessionToken } from '@app/favorites-client';
import {
  type Bookmark,
  BOOKMARKS,
  type Favorite,
  favoritesRow,
  type LookupReply,
  marksRow,
  type PageReply,
  type PageRequest,
  type Rating,
  RATINGS,
  type Rest,
  type ServiceCall,
  type Terms,
} from '@app/services';
import { demandAccess } from '../http/access.js';
import { type Call, termsFor } from '../http/request-context.js';
import { type DependencyName, inOneCall } from './dependencies.js';
import type { ServiceLayer, ServiceLayerPorts } from './service-layer.js';
import type { FilmRows, RequestServices, UserServices } from './request-services.js';

const PAGE_MAX = 500;
/** Some lookups for each of a few hundred films, and the rest; pages of more ask for many at once. */
const CACHE = { entriesMax: 4_000, valuesMax: 1 };

type Lookups<T> = Collapser<string, T | null>;

interface UserLookups {
  readonly favorites: Lookups<Favorite>;
  readonly bookmarks: Lookups<Bookmark>;
  readonly ratings: Lookups<Rating>;
}

export class RequestState {
  readonly cache = new RequestCache<string>(CACHE);
  readonly startMs: number;
  readonly #lookups = new Map<string, UserLookups>();
  readonly #allowed = new Set<string>();
  #session: SessionToken;

  constructor(
    readonly call: Call,
    private readonly ports: ServiceLayerPorts,
  ) {
    this.#session = call.session;
    this.startMs = ports.clock.monotonicMs();
  }

  /** With what this request was shown. Of parallel answers about one row, the last to come. */
  get session(): SessionToken {
    return this.#session;
  }

  /** @throws ACCESS_DENIED */
  demandRead(row: RowKey): void {
    const name = `${row.table}/${row.row}`;
    if (this.#allowed.has(name)) return;
    demandAccess(this.ports.accessPolicy, 'read', row, this.call.context);
    this.#allowed.add(name);
  }

  termsOf(row: RowKey): Terms {
    return termsFor(row, { levels: this.call.levels, session: this.#session });
  }

  /** Remembers what an answer about the row has shown. */
  seeing<R extends Rest>(row: RowKey): (source$: Observable<R>) => Observable<R> {
    return tap(({ seen }) => (this.#session = this.#session.after(row, seen)));
  }

  lookupsOf(user: string, make: () => UserLookups): UserLookups {
    const known = this.#lookups.get(user) ?? make();
    this.#lookups.set(user, known);
    return known;
  }
}

export class BoundServices implements RequestServices {
  readonly zone: ZoneId;

  constructor(
    private readonly layer: ServiceLayer,
    private readonly state: RequestState,
    readonly context: CallContext,
  ) {
    this.zone = layer.ports.zone;
  }

  get session(): SessionToken {
    return this.state.session;
  }

  by(share: number): BoundServices {
    assert(share > 0 && share <= 1, `a share of the time is in (0, 1], is ${share}`);
    const { startMs, call } = this.state;
    const deadlineMs = startMs + share * (call.context.deadlineMs - startMs);
    return new BoundServices(this.layer, this.state, { ...this.context, deadlineMs });
  }

  film(film: string): Observable<Served<Film | null>> {
    const { films, lastFilms } = this.layer;
    return this.remembered(ALL_FILMS, `film/${film}`, film, lastFilms, () => films.load(film, this.context));
  }

  films(films: readonly string[]): Observable<readonly Served<Film | null>[]> {
    const { films: lookups, lastFilms } = this.layer;
    return defer(() => {
      this.state.demandRead(ALL_FILMS);
      return lookups.loadAll(films, this.context).pipe(
        tap((found) => found.forEach((film, at) => lastFilms.remember(films[at]!, film))),
        map((found) => found.map(fresh)),
        catchError((cause: unknown) => {
          if (!isUnavailable(cause)) throw cause;
          return of(films.map((film) => ({ value: lastFilms.last(film)?.value ?? null, degraded: true, cause }) as const));
        }),
      );
    });
  }

  topRated(limit: number): Observable<Served<readonly Film[]>> {
    const { films } = this.layer.ports.services;
    return this.filmList(`top-rated/${limit}`, () => films.topRated({ limit, level: 'ONE' }, this.context));
  }

  filmsOfGenre(genre: string, limit: number): Observable<Served<readonly Film[]>> {
    const { films } = this.layer.ports.services;
    return defer(() => {
      // Under its slug, so that all spellings of a genre are one.
      const { row } = genreRow(genre);
      return this.filmList(`${row}/${limit}`, () => films.page({ genre, limit, level: 'ONE' }, this.context));
    });
  }

  user(user: string): BoundUserServices {
    return new BoundUserServices(user, this, this.layer, this.state);
  }

  /** A call through the circuit of its dependency, in the time there is. Made twice it is the same, so it may be hedged. */
  protected$<T>(name: DependencyName, call$: Observable<T>): Observable<T> {
    const terms: CallTerms = { idempotent: true, deadlineMs: this.context.deadlineMs };
    return protect(call$, this.layer.guards.protectionOf(name), terms);
  }

  /** Asked once in a request, and answered with the last answer of any request where there is no new one. */
  remembered<T>(row: RowKey, cacheKey: string, key: string, last: LastAnswers<string, T>, call: () => Observable<T>): Observable<Served<T>> {
    return defer(() => {
      this.state.demandRead(row);
      return this.state.cache.get(cacheKey, call).pipe(last.remembering(key), withFallback(() => last.recall(key)));
    });
  }

  private filmList(key: string, call: () => Observable<PageReply<Film>>): Observable<Served<readonly Film[]>> {
    const films = (): Observable<readonly Film[]> => this.protected$('films', defer(call)).pipe(map(({ items }) => items));
    return this.remembered(ALL_FILMS, key, key, this.layer.lastFilmLists, films);
  }
}

class BoundUserServices implements UserServices {
  readonly #favorites: RowKey;
  readonly #bookmarks: RowKey;
  readonly #ratings: RowKey;

  constructor(
    private readonly user: string,
    private readonly services: BoundServices,
    private readonly layer: ServiceLayer,
    private readonly state: RequestState,
  ) {
    this.#favorites = favoritesRow(user);
    this.#bookmarks = marksRow(BOOKMARKS, user);
    this.#ratings = marksRow(RATINGS, user);
  }

  isFavorite(film: string): Observable<Served<boolean>> {
    return this.lookup(this.#favorites, film, ({ favorites }) => favorites).pipe(map((favorite) => fresh(favorite !== null)));
  }

  bookmark(film: string): Observable<Served<Bookmark | null>> {
    return this.lookup(this.#bookmarks, film, ({ bookmarks }) => bookmarks).pipe(map(fresh));
  }

  rating(film: string): Observable<Served<Rating | null>> {
    return this.lookup(this.#ratings, film, ({ ratings }) => ratings).pipe(map(fresh));
  }

  areFavorites(films: readonly string[]): Observable<readonly Served<boolean>[]> {
    return this.lookupAll(this.#favorites, films, ({ favorites }) => favorites).pipe(map((found) => found.map((favorite) => fresh(favorite !== null))));
  }

  bookmarksOf(films: readonly string[]): Observable<readonly Served<Bookmark | null>[]> {
    return this.lookupAll(this.#bookmarks, films, ({ bookmarks }) => bookmarks).pipe(map((found) => found.map(fresh)));
  }

  ratingsOf(films: readonly string[]): Observable<readonly Served<Rating | null>[]> {
    return this.lookupAll(this.#ratings, films, ({ ratings }) => ratings).pipe(map((found) => found.map(fresh)));
  }

  favorites(limit: number): Observable<Served<readonly Favorite[]>> {
    return this.list('favorites', this.#favorites, limit, (request, context) => this.layer.ports.services.favorites.page(request, context));
  }

  bookmarks(limit: number): Observable<Served<readonly Bookmark[]>> {
    return this.list('bookmarks', this.#bookmarks, limit, (request, context) => this.layer.ports.services.bookmarks.page(request, context));
  }

  ratings(limit: number): Observable<Served<readonly Rating[]>> {
    return this.list('ratings', this.#ratings, limit, (request, context) => this.layer.ports.services.ratings.page(request, context));
  }

  /** Made from the favorites, so whoever may not read those may not read them off here either. */
  rows(limit: number): Observable<Served<FilmRows>> {
    const { user, services, layer } = this;
    const key = `${user}/rows/${limit}`;
    const call$ = defer(() => layer.ports.services.rows.rows({ user, limit }, services.context));
    return services.remembered(this.#favorites, key, key, layer.lastRows, () => services.protected$('rows', call$));
  }

  rowFilms(row: string, limit: number): Observable<Served<readonly string[]>> {
    const { user, services, layer } = this;
    const key = `${user}/row/${row}/${limit}`;
    const call$ = defer(() => layer.ports.services.rows.films({ user, row, limit }, services.context)).pipe(map(({ films }) => films));
    return services.remembered(this.#favorites, key, key, layer.lastRowFilms, () => services.protected$('rows', call$));
  }

  private lookup<T>(row: RowKey, film: string, of: (lookups: UserLookups) => Lookups<T>): Observable<T | null> {
    const { state, services, user } = this;
    return defer(() => {
      state.demandRead(row);
      const lookups = of(state.lookupsOf(user, () => this.makeLookups()));
      return state.cache.get(`${row.table}/${user}/${film}`, () => lookups.load(film, services.context));
    });
  }

  private lookupAll<T>(row: RowKey, films: readonly string[], of: (lookups: UserLookups) => Lookups<T>): Observable<readonly (T | null)[]> {
    const { state, services, user } = this;
    return defer(() => {
      state.demandRead(row);
      return of(state.lookupsOf(user, () => this.makeLookups())).loadAll(films, services.context);
    });
  }

  private makeLookups(): UserLookups {
    const { favorites, bookmarks, ratings } = this.layer.ports.services;
    return {
      favorites: this.collapsed('favorites', this.#favorites, (request, context) => favorites.lookup(request, context)),
      bookmarks: this.collapsed('bookmarks', this.#bookmarks, (request, context) => bookmarks.lookup(request, context)),
      ratings: this.collapsed('ratings', this.#ratings, (request, context) => ratings.lookup(request, context)),
    };
  }

  private collapsed<T>(
    name: DependencyName,
    row: RowKey,
    lookup: ServiceCall<Terms & { readonly user: string; readonly films: readonly string[] }, LookupReply<T>>,
  ): Lookups<T> {
    const { state, layer, user } = this;
    return new Collapser(inOneCall, layer.ports.clock, (films, context) => {
      const call$ = defer(() => lookup({ user, films, ...state.termsOf(row) }, context));
      return protect(call$, layer.guards.protectionOf(name), { idempotent: true, deadlineMs: context.deadlineMs }).pipe(
        state.seeing(row),
        mergeMap(({ found }) => found.map((value, at) => ({ key: films[at]!, value }))),
      );
    });
  }

  private list<T>(name: DependencyName, row: RowKey, limit: number, page: ServiceCall<PageRequest & { readonly user: string }, PageReply<T>>): Observable<Served<readonly T[]>> {
    const { state, services, user } = this;
    const from = (left: number, after?: PageRequest['after']): Observable<readonly T[]> => {
      const call$ = defer(() => page({ user, limit: Math.min(left, PAGE_MAX), ...(after && { after }), ...state.termsOf(row) }, services.context));
      return services.protected$(name, call$).pipe(
        state.seeing(row),
        mergeMap(({ items, next }) => {
          const more = left - items.length;
          return next === null || more <= 0 ? of(items) : from(more, next).pipe(map((rest) => [...items, ...rest]));
        }),
      );
    };
    return defer(() => {
      state.demandRead(row);
      return state.cache.get(`${row.table}/${user}/list/${limit}`, () => from(limit)).pipe(map(fresh));
    });
  }
}

const fresh = <T>(value: T): Served<T> => ({ value, degraded: false });
