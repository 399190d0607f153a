/**
 * The genre of a film, for whoever stores it beside something else. A favorite keeps it as an attribute, so that a list can
 * be asked for by genre without a look at the catalog (attributes.ts of the store).
 *
 * Known ones are remembered: the catalog is loaded once, so nearly every add finds its genre here and costs no call. One
 * that is not known is asked of one replica, briefly. No answer is no genre: an add never fails, nor waits long, for a
 * catalog that is away, and a film in no catalog has none anyway.
 */
import { catchError, defer, map, type Observable, of, tap } from 'rxjs';
import type { CallContext } from '@app/contracts';
import { genreSlug } from '@app/films';
import type { Clock } from '@app/time';
import type { FilmsService } from '../films-service.js';

/** As a favorite names it: its slug, `romantic-comedy`. Null where there is none, or none is known. */
export type GenreOf = (film: string, context: CallContext) => Observable<string | null>;

const REMEMBERED_MAX = 20_000;
/** How long a film stays one without a genre: the catalog may yet be loaded. */
const NONE_FOR_MS = 60_000;
const LONGEST_WAIT_MS = 200;

export function genreLookup(films: Pick<FilmsService, 'lookup'>, clock: Clock): GenreOf {
  const known = new Map<string, { readonly genre: string | null; readonly untilMs: number }>();
  const remember = (film: string, genre: string | null): void => {
    known.delete(film);
    known.set(film, { genre, untilMs: genre === null ? clock.monotonicMs() + NONE_FOR_MS : Infinity });
    if (known.size > REMEMBERED_MAX) known.delete(known.keys().next().value!);
  };
  return (film, context) =>
    defer(() => {
      const nowMs = clock.monotonicMs();
      const found = known.get(film);
      if (found !== undefined && nowMs < found.untilMs) return of(found.genre);
      const brief = { ...context, deadlineMs: Math.min(context.deadlineMs, nowMs + LONGEST_WAIT_MS) };
      return films.lookup({ films: [film], level: 'ONE' }, brief).pipe(
        map(({ found: [inCatalog] }) => (inCatalog?.genre ? genreSlug(inCatalog.genre) : null)),
        tap((genre) => remember(film, genre)),
        catchError(() => of(null)),
      );
    });
}
