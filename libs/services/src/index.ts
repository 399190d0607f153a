export type { AddFavorite, Favorite, FavoriteReply, FavoritesLookup, FavoritesPageRequest, FavoritesService, FavoriteWrite } from './favorites-service.js';
export type { Bookmark, BookmarksService, FilmMarks, MarkPath, MarksLookup, MarksPageRequest, MarkWrite, Rating, RatingsService } from './film-marks.js';
export type { FilmsLookup, FilmsPageRequest, FilmsService } from './films-service.js';
export type { FilmRow, RowFilmsRequest, RowsRequest, RowsService } from './rows-service.js';
export { LOOKUP_MAX, type LookupReply, type PageEnd, type PageReply, type PageRequest, type Rest, type ServiceCall, type Terms } from './service.js';
