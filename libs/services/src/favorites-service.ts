/** The favorites of a user: a queue of films, in the user's own order. */
import type { Placement } from '@app/contracts';
import type { ItemCount, PendingWrite } from '@app/favorites-client';
import type { LookupReply, PageReply, PageRequest, Rest, ServiceCall, Terms } from './service.js';

export interface Favorite {
  readonly film: string;
  /** ISO 8601, UTC, with milliseconds. */
  readonly addedAt: string;
  readonly addedFrom: { readonly zone: string | null; readonly device: string | null };
}

export interface FavoritesPageRequest extends PageRequest {
  readonly user: string;
  /** Only films added with this device, named as it was then. */
  readonly device?: string;
  /** Only films of this genre, in any case. */
  readonly genre?: string;
}

export interface FavoritesLookup extends Terms {
  readonly user: string;
  readonly films: readonly string[];
}

/** Carries on with, or supersedes, an earlier write of unknown outcome: `WriteRequest.pending`. */
export interface FavoriteWrite extends Terms {
  readonly user: string;
  readonly film: string;
  readonly pending?: PendingWrite;
}

export interface AddFavorite extends FavoriteWrite {
  /** Absent: last, or where it is already. */
  readonly position?: Placement;
  readonly device?: string;
}

export type FavoriteReply = Rest & { readonly favorite: Favorite };

/** Reads fail as reads of the store do, writes as its writes: `ListStore` has the errors, `WriteFailure` what comes with them. */
export interface FavoritesService {
  readonly page: ServiceCall<FavoritesPageRequest, PageReply<Favorite>>;
  readonly lookup: ServiceCall<FavoritesLookup, LookupReply<Favorite>>;
  readonly add: ServiceCall<AddFavorite, FavoriteReply>;
  readonly remove: ServiceCall<FavoriteWrite, Rest>;
  readonly move: ServiceCall<FavoriteWrite & { readonly position: Placement }, FavoriteReply>;
  /** In how many lists a film is: eventual. */
  readonly count: ServiceCall<{ readonly film: string }, ItemCount>;
}

