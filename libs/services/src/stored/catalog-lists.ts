/**
 * The lists of the catalog that rows are made of: the top rated, and each genre. They are the same for everybody and change
 * when a catalog is loaded, while every page of every user asks for a dozen of them: so each is read once a minute and kept, its
 * first 500 films by id and director. What does not answer is not kept, nor an empty list, as before the catalog is loaded: both
 * are asked for again the next time.
 */
import { defer, map, type Observable, of, tap } from 'rxjs';
import type { CallContext } from '@app/contracts';
import { type Film, GENRES, TOP_RATED_MAX } from '@app/films';
import type { Clock } from '@app/time';
import type { FilmsService } from '../films-service.js';
import type { PageReply } from '../service.js';

export type ListedFilm = Pick<Film, 'id' | 'director'>;

/** What a list shows may be so old. */
export const LISTS_AGE_MAX_MS = 60_000;
/** As many as one page has. */
const GENRE_FILMS_MAX = 500;
/** No genre's slug has such a sign. */
const TOP_RATED_LIST = '*';

export class CatalogLists {
  readonly #kept = new Map<string, { readonly films: readonly ListedFilm[]; readonly untilMs: number }>();

  constructor(
    private readonly films: Pick<FilmsService, 'page' | 'topRated'>,
    private readonly clock: Clock,
  ) {}

  /** Cold; unsubscribing drops the read. Errors: those of the films. */
  topRated(context: CallContext): Observable<readonly ListedFilm[]> {
    return this.#list(TOP_RATED_LIST, () => this.films.topRated({ limit: TOP_RATED_MAX }, context));
  }

  /** As `topRated`. @param genre its slug */
  ofGenre(genre: string, context: CallContext): Observable<readonly ListedFilm[]> {
    return this.#list(genre, () => this.films.page({ genre, limit: GENRE_FILMS_MAX }, context));
  }

  #list(name: string, read: () => Observable<PageReply<Film>>): Observable<readonly ListedFilm[]> {
    return defer(() => {
      const kept = this.#kept.get(name);
      if (kept !== undefined && this.clock.monotonicMs() < kept.untilMs) return of(kept.films);
      return read().pipe(
        map(({ items }) => items.map(({ id, director }) => ({ id, director }))),
        tap((films) => films.length > 0 && this.#keep(name, films)),
      );
    });
  }

  /** Every genre and the top rated, and no more, whatever genres a catalog may have. */
  #keep(name: string, films: readonly ListedFilm[]): void {
    this.#kept.delete(name);
    this.#kept.set(name, { films, untilMs: this.clock.monotonicMs() + LISTS_AGE_MAX_MS });
    if (this.#kept.size > GENRES.length + 1) this.#kept.delete(this.#kept.keys().next().value!);
  }
}
