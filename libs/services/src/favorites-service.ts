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

export interface FavoritesWatch {
  readonly user: string;
  /** `seen` of the last event, through whichever gateway; absent: begin with the whole list. */
  readonly seen?: Uint8Array;
}

/** A favorite and where it stands: the list is in the order of (position, film), both compared as plain ASCII. */
export interface PlacedFavorite extends Favorite {
  readonly position: string;
}

/** `added`: it is in the list, so; whoever has it replaces it. `moved`: the same elsewhere. `removed`: it is not in the list. */
export type FavoriteChange =
  | { readonly kind: 'added' | 'moved'; readonly favorite: PlacedFavorite }
  | { readonly kind: 'removed'; readonly film: string };

export type FavoritesEvent =
  | { readonly kind: 'list'; readonly favorites: readonly PlacedFavorite[]; readonly seen: Uint8Array }
  | { readonly kind: 'changes'; readonly changes: readonly FavoriteChange[]; readonly seen: Uint8Array };

/** Reads fail as reads of the store do, writes as its writes: `ListStore` has the errors, `WriteFailure` what comes with them. */
export interface FavoritesService {
  readonly page: ServiceCall<FavoritesPageRequest, PageReply<Favorite>>;
  readonly lookup: ServiceCall<FavoritesLookup, LookupReply<Favorite>>;
  readonly add: ServiceCall<AddFavorite, FavoriteReply>;
  readonly remove: ServiceCall<FavoriteWrite, Rest>;
  readonly move: ServiceCall<FavoriteWrite & { readonly position: Placement }, FavoriteReply>;
  /** In how many lists a film is: eventual. */
  readonly count: ServiceCall<{ readonly film: string }, ItemCount>;
  /** What becomes of the list, wherever it is written: goes on until it is left. As `ListStore.watch`. */
  readonly watch: ServiceCall<FavoritesWatch, FavoritesEvent>;
}

