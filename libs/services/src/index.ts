export type { AddFavorite, Favorite, FavoriteChange, FavoriteReply, FavoritesEvent, FavoritesLookup, FavoritesPageRequest, FavoritesService, FavoritesWatch, FavoriteWrite, PlacedFavorite } from './favorites-service.js';
export type { Bookmark, BookmarksService, FilmMarks, MarkPath, MarksLookup, MarksPageRequest, MarkWrite, Rating, RatingsService } from './film-marks.js';
export type { FilmsLookup, FilmsPageRequest, FilmsService } from './films-service.js';
export type { FilmRow, RowFilmsRequest, RowsRequest, RowsService } from './rows-service.js';
export { LOOKUP_MAX, type LookupReply, type PageEnd, type PageReply, type PageRequest, type Rest, type ServiceCall, type Terms } from './service.js';
export type { Services } from './services.js';
export { type GenreOf, genreLookup } from './stored/genre-lookup.js';
export { favoritesRow, storedFavorites, type StoredFavoritesOptions } from './stored/stored-favorites.js';
export { storedFilms } from './stored/stored-films.js';
export { BOOKMARKS, type MarkKind, marksRow, RATINGS, storedBookmarks, storedMarks, storedRatings } from './stored/stored-marks.js';
export { BECAUSE_ROWS_MAX, FAVORITES_LOOKED_AT, storedRows, type StoredRowsOptions } from './stored/stored-rows.js';
export { remoteService } from './remote/remote-service.js';
export { type HandlerHost, serveService } from './remote/serve-service.js';
export {
  bookmarksDeclaration,
  defineService,
  favoritesDeclaration,
  filmsDeclaration,
  type MethodKind,
  ratingsDeclaration,
  rowsDeclaration,
  type ServiceDeclaration,
} from './remote/service-declaration.js';
