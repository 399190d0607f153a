/**
 * The genres of the catalog, those of the most films first: the order in which they are shown. Written down, because the
 * catalog is fixed and whoever shows a list of genres should not have to read 3,201 films for it; a test counts them.
 * Genres of as many films as each other are in the order of their names.
 */
import { genreSlug } from './catalog-rows.js';

export interface Genre {
  /** As the films themselves name it. */
  readonly title: string;
  /** As ids do: `romantic-comedy`. */
  readonly slug: string;
}

const TITLES = [
  'Drama', 'Comedy', 'Action', 'Adventure', 'Thriller/Suspense', 'Horror', 'Romantic Comedy', 'Musical', 'Documentary', 'Black Comedy',
  'Western', 'Concert/Performance',
];

export const GENRES: readonly Genre[] = TITLES.map((title) => ({ title, slug: genreSlug(title) }));
