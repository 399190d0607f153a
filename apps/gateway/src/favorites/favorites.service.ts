/**
 * The favorites of a user: one row of the table `favorites`, one item per film. Every method returns a cold Observable
 * of one answer; unsubscribing drops a read, and stops waiting for a write that replicas may already hold.
 */
import { Inject, Injectable } from '@nestjs/common';
import { concatMap, defer, map, type Observable } from 'rxjs';
import { assert, type Operation, type Placement, type RowKey, TriptychError } from '@app/contracts';
import type { PendingWrite, WriteReply } from '@app/favorites-client';
import { genreSlug } from '@app/films';
import { GATEWAY_PORTS, type GatewayPorts } from '../gateway-ports.js';
import { demandAccess } from '../http/access.js';
import { type Answer, answerFrom } from '../http/answer.js';
import { type Call, requestFor } from '../http/request-context.js';
import { readPage } from '../http/row-page.js';
import {
  decodeAddedFrom,
  encodeAddedFrom,
  type Favorite,
  type FavoritePath,
  favoriteOf,
  type FavoritesPage,
  type ListQuery,
  neighbourOf,
} from './favorite-view.js';

export interface Addition {
  readonly placement?: Placement | undefined;
  readonly device?: string | undefined;
}

@Injectable()
export class FavoritesService {
  constructor(@Inject(GATEWAY_PORTS) private readonly ports: GatewayPorts) {}

  /**
   * Errors: REQUEST_INVALID (a film is its own neighbour), NEIGHBOUR_NOT_FOUND, LIST_FULL, POSITION_EXHAUSTED, and those
   * of any write: `ListStore.write` has them.
   * @param pending the write of unknown outcome that this one carries on with, or supersedes
   */
  add(path: FavoritePath, { placement, device }: Addition, call: Call, pending?: PendingWrite): Observable<Answer<Favorite>> {
    return this.ports.genreOf(path.filmId, call.context).pipe(
      concatMap((genre) => {
        const value = encodeAddedFrom({ zone: this.ports.zone, device: device ?? null }, genre);
        const operation: Operation = placement === undefined ? { kind: 'add', value } : { kind: 'add', value, placement };
        return this.write(path, operation, call, pending);
      }),
      map((reply) => shown(reply, path, call)),
    );
  }

  /** Errors: those of any write. Removing what is not there succeeds. */
  remove(path: FavoritePath, call: Call, pending?: PendingWrite): Observable<Answer<null>> {
    return this.write(path, { kind: 'remove' }, call, pending).pipe(map((reply) => answerFrom(null, reply, rowOf(path.userId), call)));
  }

  /** Errors: ITEM_NOT_FOUND, and those of `add`. */
  move(path: FavoritePath, placement: Placement, call: Call, pending?: PendingWrite): Observable<Answer<Favorite>> {
    return this.write(path, { kind: 'move', placement }, call, pending).pipe(map((reply) => shown(reply, path, call)));
  }

  /** Errors: REQUEST_INVALID for what can be no genre, and those of `readPage`. */
  list(userId: string, { device, genre, ...page }: ListQuery, call: Call): Observable<Answer<FavoritesPage>> {
    return defer(() => {
      const where = { ...(device !== undefined && { device }), ...(genre !== undefined && { genre: genreSlug(genre) }) };
      const isFiltered = Object.keys(where).length > 0;
      return readPage(rowOf(userId), isFiltered ? { ...page, where } : page, favoriteOf, call, this.ports);
    });
  }

  private write({ userId, filmId }: FavoritePath, asked: Operation, call: Call, pending?: PendingWrite): Observable<WriteReply> {
    return defer(() => {
      const row = rowOf(userId);
      const { context } = call;
      demandAccess(this.ports.accessPolicy, 'write', row, context);
      refuseSelfAsNeighbour(filmId, asked);
      const request = { ...requestFor(row, call), item: filmId };
      return pending === undefined
        ? this.ports.listStore.write({ ...request, operation: asked }, context)
        : this.ports.listStore.write({ ...request, operation: carriedOn(asked, pending.operation), pending }, context);
    });
  }
}

export function rowOf(userId: string): RowKey {
  return { table: 'favorites', row: userId };
}

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

function refuseSelfAsNeighbour(filmId: string, operation: Operation): void {
  if (operation.kind === 'remove' || neighbourOf(operation.placement) !== filmId) return;
  throw new TriptychError('REQUEST_INVALID', 'position: a film cannot be its own neighbour', { neighbour: filmId });
}

function shown({ item, ...reply }: WriteReply, { userId }: FavoritePath, call: Call): Answer<Favorite> {
  assert(item !== null, 'the store answers an add or a move with the item as it is');
  return answerFrom(favoriteOf(item), reply, rowOf(userId), call);
}
