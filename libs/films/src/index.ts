export { ALL_FILMS, CATALOG_LOADED, genreRow, genreSlug } from './catalog-rows.js';
export { parseFilms, readFilms, type Film } from './film-catalog.js';
