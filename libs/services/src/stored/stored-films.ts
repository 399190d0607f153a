/**
 * The catalog in the replicated store: the rows of @app/films, each film an item under its id. A film is kept as its very
 * JSON, so the catalog's loader decides what is in it.
 */
import { defer } from 'rxjs';
import type { Item } from '@app/contracts';
import type { ListStore } from '@app/favorites-client';
import { ALL_FILMS, type Film, genreRow, TOP_RATED } from '@app/films';
import type { FilmsService } from '../films-service.js';
import { storedLookup, storedPage } from './stored-page.js';

export function storedFilms(listStore: Pick<ListStore, 'list' | 'get'>): FilmsService {
  return {
    lookup: (request, context) => storedLookup(listStore, ALL_FILMS, request, filmOf, context),
    page: ({ genre, ...page }, context) =>
      defer(() => storedPage(listStore, genre === undefined ? ALL_FILMS : genreRow(genre), page, filmOf, context)),
    topRated: (request, context) => storedPage(listStore, TOP_RATED, request, filmOf, context),
  };
}

export function filmOf({ value }: Item): Film {
  return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()) as Film;
}
