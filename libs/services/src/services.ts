/** All services that an endpoint may be made of. Whoever fills it chooses of each whether it is stored, remote or in memory. */
import type { BookmarksService, RatingsService } from './film-marks.js';
import type { FavoritesService } from './favorites-service.js';
import type { FilmsService } from './films-service.js';
import type { RowsService } from './rows-service.js';

export interface Services {
  readonly favorites: FavoritesService;
  readonly films: FilmsService;
  readonly bookmarks: BookmarksService;
  readonly ratings: RatingsService;
  readonly rows: RowsService;
}
