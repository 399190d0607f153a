/** Films for tests, and the writes that put them into a store as the catalog's loader does. */
import type { WriteRequest } from '@app/favorites-client';
import { catalogRows, type Film } from '@app/films';

/** A film of which only what a test is about need be said. Without a genre it is a drama; rated as few others, by many. */
export function aFilm(id: string, known: Partial<Film> = {}): Film {
  return {
    id,
    title: id,
    year: 1995,
    genre: 'Drama',
    director: null,
    runtimeMinutes: 100,
    mpaaRating: null,
    distributor: null,
    imdbRating: 8,
    imdbVotes: 50_000,
    rottenTomatoes: null,
    ...known,
  };
}

/** One after the other: rows are in the order of their writing. */
export function catalogWrites(films: readonly Film[]): WriteRequest[] {
  return catalogRows(films).flatMap(({ row, films: itsFilms }) =>
    itsFilms.map((film) => ({ ...row, item: film.id, operation: { kind: 'add', value: Buffer.from(JSON.stringify(film)) } }) as const),
  );
}
