/**
 * The first page that a device shows: rows of films, and for each film all that a cell shows.
 *
 *     level 1   which rows?           one call
 *     level 2   films of each row     a call for each row, all at once
 *     level 3   film, bookmark,       of all cells at once: a call to each of the four services, as long as the rows come
 *               rating, favorite?     together; cells of a row do not wait for other rows
 *
 * The time of a level is counted from the request's beginning, so one that was quick leaves the next one more, and one that
 * is slow takes no more than its own share. What cannot be had in time is a degraded part of the page, and named.
 */
import { catchError, forkJoin, map, type MonoTypeOperatorFunction, type Observable, of, switchMap } from 'rxjs';
import { z } from 'zod';
import type { Served } from '@app/circuit';
import { TriptychError } from '@app/contracts';
import type { Film } from '@app/films';
import type { Bookmark, FilmRow, Rating } from '@app/services';
import { defineEndpoint } from '../endpoints/endpoint.js';
import { Id } from '../http/schemas.js';
import { eachOrMissing, orMissing } from '../services/or-missing.js';
import type { RequestServices } from '../services/request-services.js';
import { DegradedParts } from './degraded.js';
import { type CellPart, type HomeCell, HomePage, type HomeRow } from './home-view.js';

/** When each level ends, as a share of the page's time; what is left after the last is for putting the page together, and for the way to the device. */
const ENDS = { rows: 0.25, films: 0.45, cells: 0.8 } as const;

export const home = defineEndpoint({
  method: 'GET',
  path: 'v1/users/:userId/home',
  tag: 'pages',
  summary: 'Rows of films to start from, each film with bookmark, rating and whether it is a favorite',
  description:
    'Always 200 when the request itself is well: what fails, or is not there within its share of the time, is marked in its place and named in `degraded`, and the rest is served.',
  inputs: {
    path: z.strictObject({ userId: Id }),
    query: z.strictObject({
      rows: z.coerce.number().int().min(1).max(12).default(6).describe('Rows at most.'),
      columns: z.coerce.number().int().min(1).max(50).default(25).describe('Films in a row at most.'),
    }),
  },
  output: HomePage,
  deadlineMs: 300,
  respond: (services, { path: { userId }, query: { rows, columns } }) =>
    services
      .by(ENDS.rows)
      .user(userId)
      .rows(rows)
      .pipe(
        orMissing(null),
        switchMap((listed) => all(listed.value?.rows ?? [], (row) => gridRow(services, userId, row, columns)).pipe(map((grid) => pageOf(listed, grid)))),
      ),
});

interface GridRow {
  readonly row: FilmRow;
  readonly films: Served<readonly string[] | null>;
  readonly cells: readonly GridCell[];
}

interface GridCell {
  readonly filmId: string;
  readonly film: Served<Film | null>;
  readonly bookmark: Served<Bookmark | null>;
  readonly rating: Served<Rating | null>;
  readonly isFavorite: Served<boolean | null>;
}

function gridRow(services: RequestServices, userId: string, row: FilmRow, columns: number): Observable<GridRow> {
  return services
    .by(ENDS.films)
    .user(userId)
    .rowFilms(row.id, columns)
    .pipe(
      emptyIfGone,
      orMissing(null),
      switchMap((films) => {
        return gridCells(services.by(ENDS.cells), userId, films.value ?? []).pipe(map((cells) => ({ row, films, cells })));
      }),
    );
}

/** By the row: asked for one by one, 600 lookups cost some ten times as much. */
function gridCells(services: RequestServices, userId: string, films: readonly string[]): Observable<readonly GridCell[]> {
  const user = services.user(userId);
  return forkJoin({
    film: services.films(films).pipe(eachOrMissing(films.length, null)),
    bookmark: user.bookmarksOf(films).pipe(eachOrMissing(films.length, null)),
    rating: user.ratingsOf(films).pipe(eachOrMissing(films.length, null)),
    isFavorite: user.areFavorites(films).pipe(eachOrMissing(films.length, null)),
  }).pipe(
    map(({ film, bookmark, rating, isFavorite }) =>
      films.map((filmId, at) => ({ filmId, film: film[at]!, bookmark: bookmark[at]!, rating: rating[at]!, isFavorite: isFavorite[at]! })),
    ),
  );
}

function pageOf(listed: Served<{ readonly missing: readonly string[] } | null>, grid: readonly GridRow[]): HomePage {
  const degraded = new DegradedParts();
  degraded.note('rows', listed);
  for (const name of listed.value?.missing ?? []) degraded.add('rows', null, false, name);
  // A row that is empty because there is nothing in it is not worth showing.
  const worthShowing = grid.filter(({ films, cells }) => films.degraded || cells.length > 0);
  return { rows: worthShowing.map((row) => rowOf(row, degraded)), degraded: degraded.all() };
}

function rowOf({ row: { id, title }, films, cells }: GridRow, degraded: DegradedParts): HomeRow {
  degraded.note('row', films, id);
  return { id, title, degraded: films.degraded, cells: cells.map((cell) => cellOf(cell, id, degraded)) };
}

function cellOf({ filmId, film, bookmark, rating, isFavorite }: GridCell, row: string, degraded: DegradedParts): HomeCell {
  const parts = { film, bookmark, rating, isFavorite };
  const names = (Object.keys(parts) as CellPart[]).filter((name) => parts[name].degraded);
  for (const name of names) degraded.note(name, parts[name], `${row}/${filmId}`);
  return {
    filmId,
    film: film.value,
    bookmark: bookmark.value && { secondsWatched: bookmark.value.secondsWatched, at: bookmark.value.at },
    rating: rating.value && { stars: rating.value.stars, at: rating.value.at },
    isFavorite: isFavorite.value,
    degraded: names,
  };
}

/** A row that went away between the two levels. */
const emptyIfGone: MonoTypeOperatorFunction<Served<readonly string[]>> = catchError((error: unknown) => {
  if (error instanceof TriptychError && error.code === 'ITEM_NOT_FOUND') return of({ value: [], degraded: false } as const);
  throw error;
});

/** All at once. */
function all<T, R>(items: readonly T[], ask: (item: T) => Observable<R>): Observable<readonly R[]> {
  return items.length === 0 ? of([]) : forkJoin(items.map(ask));
}
