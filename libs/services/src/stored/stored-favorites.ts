/**
 * Favorites in the replicated store: one row of the table `favorites` for each user, one item of it for each film. Adding a
 * film writes its item and fetches nothing of the list.
 */
import { deferMap, deferThen } from '@app/circuit';
import { assert, type CallContext, type Item, type ItemChange, type Operation, type Placement, type RowKey, TriptychError } from '@app/contracts';
import type { ListStore, RowEvent, WriteReply } from '@app/favorites-client';
import { genreSlug } from '@app/films';
import { defer, map, type Observable } from 'rxjs';
import type { FavoriteChange, FavoriteReply, FavoritesEvent, FavoritesService, FavoriteWrite, PlacedFavorite } from '../favorites-service.js';
import { decodeAddedFrom, encodeAddedFrom, favoriteOf } from './favorite-value.js';
import type { GenreOf } from './genre-lookup.js';
import { restOf, storedLookup, storedPage, termsOf } from './stored-page.js';

export interface StoredFavoritesOptions {
  /** Where films are added from: the zone of the gateway. Null where that is not known. */
  readonly zone: string | null;
  readonly genreOf: GenreOf;
}

const TABLE = 'favorites';

/** Where a user's favorites lie in the store. */
export const favoritesRow = (user: string): RowKey => ({ table: TABLE, row: user });

/** Errors besides those of the store: REQUEST_INVALID where a film is its own neighbour, or what is asked for can be no genre. */
export function storedFavorites(listStore: Pick<ListStore, 'write' | 'list' | 'get' | 'count' | 'watch'>, { zone, genreOf }: StoredFavoritesOptions): FavoritesService {
  const write = (request: FavoriteWrite, asked: Operation, context: CallContext): Observable<WriteReply> => {
    const { user, film, pending } = request;
    const common = { ...favoritesRow(user), ...termsOf(request), item: film };
    return pending === undefined
      ? listStore.write({ ...common, operation: asked }, context)
      : listStore.write({ ...common, operation: carriedOn(asked, pending.operation), pending }, context);
  };
  return {
    page: ({ user, device, genre, ...page }, context) =>
      defer(() => {
        const where = { ...(device !== undefined && { device }), ...(genre !== undefined && { genre: genreSlug(genre) }) };
        const isFiltered = Object.keys(where).length > 0;
        return storedPage(listStore, favoritesRow(user), isFiltered ? { ...page, where } : page, favoriteOf, context);
      }),
    lookup: (request, context) => storedLookup(listStore, favoritesRow(request.user), request, favoriteOf, context),
    add: (request, context) =>
      deferMap(() => {
        const { film, position, device = null } = request;
        refuseSelfAsNeighbour(film, position);
        const withGenre = (genre: string | null): Observable<WriteReply> => {
          const value = encodeAddedFrom({ zone, device }, genre);
          return write(request, position === undefined ? { kind: 'add', value } : { kind: 'add', value, placement: position }, context);
        };
        return deferThen(() => genreOf(film, context), withGenre);
      }, shown),
    remove: (request, context) => deferMap(() => write(request, { kind: 'remove' }, context), restOf),
    move: (request, context) =>
      deferMap(() => {
        refuseSelfAsNeighbour(request.film, request.position);
        return write(request, { kind: 'move', placement: request.position }, context);
      }, shown),
    count: ({ film }, context) => defer(() => listStore.count({ table: TABLE, item: film }, context)),
    watch: ({ user, seen }, context) => defer(() => listStore.watch({ ...favoritesRow(user), ...(seen && { seen }) }, context).pipe(map(eventOf))),
  };
}

function shown(reply: WriteReply): FavoriteReply {
  assert(reply.item !== null, 'the store answers an add or a move with the item as it is');
  return { ...restOf(reply), favorite: favoriteOf(reply.item) };
}

function eventOf(event: RowEvent): FavoritesEvent {
  const { seen } = event;
  return event.kind === 'full' ? { kind: 'list', favorites: event.items.map(placed), seen } : { kind: 'changes', changes: event.changes.map(changeOf), seen };
}

const placed = (item: Item): PlacedFavorite => ({ ...favoriteOf(item), position: item.position });

const changeOf = (change: ItemChange): FavoriteChange =>
  change.kind === 'removed' ? { kind: 'removed', film: change.item } : { kind: change.kind, favorite: placed(change.now) };

/**
 * The operation to send with a pending one. The same request through another gateway is the same operation, although that
 * gateway would have stored its own zone: what a device asked for is the place and the device, so those are compared.
 */
export function carriedOn(asked: Operation, pending: Operation): Operation {
  return JSON.stringify(intentOf(asked)) === JSON.stringify(intentOf(pending)) ? pending : asked;
}

function intentOf(operation: Operation): unknown {
  if (operation.kind === 'remove') return [operation.kind];
  const { kind, placement = null } = operation;
  return kind === 'add' ? [kind, placement, decodeAddedFrom(operation.value).device] : [kind, placement];
}

function refuseSelfAsNeighbour(film: string, placement: Placement | undefined): void {
  if (typeof placement !== 'object') return;
  const neighbour = 'before' in placement ? placement.before : placement.after;
  if (neighbour !== film) return;
  throw new TriptychError('REQUEST_INVALID', 'position: a film cannot be its own neighbour', { neighbour });
}
