/** Films like a film: of its genre, those of the same director first, then those of the nearest years. */
import { map, of, switchMap } from 'rxjs';
import { z } from 'zod';
import { TriptychError } from '@app/contracts';
import type { Film as CatalogFilm } from '@app/films';
import { Film } from '../films/film-view.js';
import { Id } from '../http/schemas.js';
import { defineEndpoint } from './endpoint.js';

/** Films of the genre that are looked through: the first of the catalog. */
const LOOKED_AT = 500;

export const similarFilms = defineEndpoint({
  method: 'GET',
  path: 'v1/films/:filmId/similar',
  tag: 'films',
  summary: 'Films like this one: of its genre, by the same director first, then by year',
  inputs: {
    path: z.strictObject({ filmId: Id }),
    query: z.strictObject({ limit: z.coerce.number().int().min(1).max(50).default(10) }),
  },
  output: z.strictObject({ items: z.array(Film), degraded: z.boolean().describe('Made from an earlier answer of the catalog.') }).meta({ id: 'SimilarFilms' }),
  deadlineMs: 300,
  refusals: [404],
  respond: (services, { path: { filmId }, query: { limit } }) =>
    services
      .by(0.45)
      .film(filmId)
      .pipe(
        switchMap((like) => {
          const film = like.value;
          if (film === null) throw new TriptychError('ITEM_NOT_FOUND', 'no such film in the catalog', { filmId });
          if (film.genre === null) return of({ items: [], degraded: like.degraded });
          return services
            .by(0.93)
            .filmsOfGenre(film.genre, LOOKED_AT)
            .pipe(map((others) => ({ items: likest(film, others.value, limit), degraded: like.degraded || others.degraded })));
        }),
      ),
});

function likest(like: CatalogFilm, films: readonly CatalogFilm[], limit: number): CatalogFilm[] {
  const isByTheSame = ({ director }: CatalogFilm): boolean => director !== null && director === like.director;
  const yearsApart = ({ year }: CatalogFilm): number => Math.abs(year - like.year);
  return films
    .filter(({ id }) => id !== like.id)
    .toSorted((a, b) => Number(isByTheSame(b)) - Number(isByTheSame(a)) || yearsApart(a) - yearsApart(b))
    .slice(0, limit);
}
