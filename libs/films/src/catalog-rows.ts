/**
 * Where the catalog lies in the store: the table `catalog`, in it one row of all films, one per genre and one of the top
 * rated, each film an item under its id. A film is stored once per row, so a page of a genre is a page of one row.
 */
import { type RowKey, TriptychError } from '@app/contracts';
import type { Film } from './film-catalog.js';
import { topRated } from './top-rated.js';

const TABLE = 'catalog';

export const ALL_FILMS: RowKey = { table: TABLE, row: 'films' };

/** The best by rating, the best first: top-rated.ts says which. */
export const TOP_RATED: RowKey = { table: TABLE, row: 'top-rated' };

/** Says that the catalog was loaded to its end, and which: the item is named by its edition. */
export const CATALOG_LOADED: RowKey = { table: TABLE, row: 'loaded' };

/**
 * @param genre as people write it, in any case
 * @throws REQUEST_INVALID when it has neither letter nor digit, so that nothing of it can stand in an id
 */
export function genreRow(genre: string): RowKey {
  return { table: TABLE, row: `genre.${genreSlug(genre)}` };
}

/** A genre as an id: `romantic-comedy`. @throws as genreRow */
export function genreSlug(genre: string): string {
  const slug = genre.normalize('NFD').toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
  if (slug === '') throw new TriptychError('REQUEST_INVALID', 'genre: has neither letter nor digit');
  return slug;
}

export interface CatalogRow {
  readonly row: RowKey;
  readonly films: readonly Film[];
}

/** What the catalog is in the store: each row with its films, in their order; the rows in the order of `films`, the top rated last. */
export function catalogRows(films: readonly Film[]): CatalogRow[] {
  const byGenre = Map.groupBy(films.filter(({ genre }) => genre !== null), ({ genre }) => genreRow(genre!).row);
  return [
    { row: ALL_FILMS, films },
    ...[...byGenre].map(([row, ofGenre]) => ({ row: { table: TABLE, row }, films: ofGenre })),
    { row: TOP_RATED, films: topRated(films) },
  ];
}
