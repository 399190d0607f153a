/** The film catalog: what is known of a film, by id and by page. The same for everybody, and seldom changed. */
import type { Film } from '@app/films';
import type { LookupReply, PageReply, PageRequest, ServiceCall, Terms } from './service.js';

export interface FilmsLookup extends Terms {
  readonly films: readonly string[];
}

export interface FilmsPageRequest extends PageRequest {
  /** As people write it, in any case; absent: the whole catalog. One that no film is of has an empty page. */
  readonly genre?: string;
}

export interface FilmsService {
  /** Errors: those of a read of the store. */
  readonly lookup: ServiceCall<FilmsLookup, LookupReply<Film>>;
  /** In the order of the catalog. Errors: REQUEST_INVALID for what can be no genre, and those of a read. */
  readonly page: ServiceCall<FilmsPageRequest, PageReply<Film>>;
  /** By rating, the best first. Errors: those of a read. */
  readonly topRated: ServiceCall<PageRequest, PageReply<Film>>;
}
