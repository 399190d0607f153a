/** The services that this gateway answers from: all stored, over the one store, for films at ONE as they hardly ever change. */
import type { ZoneId } from '@app/contracts';
import type { ListStore } from '@app/favorites-client';
import { type FilmsService, genreLookup, type GenreOf, type Services, storedBookmarks, storedFavorites, storedFilms, storedRatings, storedRows } from '@app/services';
import type { Clock } from '@app/time';

/** @param genreOf of the films that are added to lists: the catalog's word, but for tests */
export function storedServices(listStore: ListStore, zone: ZoneId, clock: Clock, genreOf?: GenreOf): Services {
  const films = storedFilms(listStore);
  const favorites = storedFavorites(listStore, { zone, genreOf: genreOf ?? genreLookup(films, clock) });
  return {
    films,
    favorites,
    bookmarks: storedBookmarks(listStore),
    ratings: storedRatings(listStore),
    rows: storedRows({ films: atOne(films), favorites, clock }),
  };
}

/** Any replica's word, unless more is asked for. */
function atOne(films: FilmsService): FilmsService {
  return {
    lookup: (request, context) => films.lookup({ level: 'ONE', ...request }, context),
    page: (request, context) => films.page({ level: 'ONE', ...request }, context),
    topRated: (request, context) => films.topRated({ level: 'ONE', ...request }, context),
  };
}
