/** A film as a device sees it. The store keeps it as this very JSON, so the catalog's loader decides what is in it. */
import { z } from 'zod';
import { Id, NextCursor, Page } from '../http/schemas.js';

export const FilmPath = z.strictObject({ filmId: Id });
export type FilmPath = z.output<typeof FilmPath>;

export const FilmsQuery = Page.extend({
  genre: z.string().min(1).max(100).optional().describe('As the film itself names it, in any case: "Romantic Comedy" or "romantic-comedy".'),
});
export type FilmsQuery = z.output<typeof FilmsQuery>;

export const Film = z
  .object({
    id: Id,
    title: z.string(),
    year: z.int().describe('Of the first release.'),
    genre: z.string().nullable(),
    director: z.string().nullable(),
    runtimeMinutes: z.number().nullable(),
    mpaaRating: z.string().nullable(),
    distributor: z.string().nullable(),
    imdbRating: z.number().nullable(),
    imdbVotes: z.number().nullable(),
    rottenTomatoes: z.number().nullable().describe('Share of critics in favour, percent.'),
  })
  .meta({ id: 'Film' });
export type Film = z.output<typeof Film>;

export const FilmsPage = z.strictObject({ items: z.array(Film), nextCursor: NextCursor }).meta({ id: 'FilmsPage' });
export type FilmsPage = z.output<typeof FilmsPage>;

export const FavoritesCount = z
  .strictObject({
    filmId: Id,
    count: z.int().describe('Lists that hold the film, as far as the ranges that answered know.'),
    eventual: z.literal(true).describe('Each range is counted by one replica of it: a write of a moment ago may not be counted yet.'),
    coverage: z.number().describe('The share of all lists that answered, 0 to 1; below 1 the count is too low.'),
    missing: z
      .array(z.strictObject({ nodes: z.array(z.string()), slots: z.int() }))
      .describe('Ranges that did not answer: the nodes that hold each, and how many of the 4,096 slots it is.'),
  })
  .meta({ id: 'FavoritesCount' });
export type FavoritesCount = z.output<typeof FavoritesCount>;
