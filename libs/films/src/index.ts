export { ALL_FILMS, CATALOG_LOADED, type CatalogRow, catalogRows, genreRow, genreSlug, TOP_RATED } from './catalog-rows.js';
export { parseFilms, readFilms, type Film } from './film-catalog.js';
export { GENRES, type Genre } from './genres.js';
export { topRated, TOP_RATED_MAX, TOP_RATED_VOTES_MIN } from './top-rated.js';
