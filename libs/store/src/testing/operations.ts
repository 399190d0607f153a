/** Operations on a cluster in one process: one under way, a node's answer to it, and the parts of it that tests write again and again. */
import { of, type Observable, type Subscription } from 'rxjs';
import {
  assert,
  InvariantViolation,
  PATTERNS,
  type CallContext,
  type CommitRequest,
  type CountRequest,
  type GetRequest,
  type ListRequest,
  type Operation,
  type Placement,
  type PrepareRequest,
  type RowKey,
  type TriptychError,
  type WatchRequest,
} from '@app/contracts';
import type { StoreNode } from '../node/store-node.js';
import type { PeerRequest } from '../ports/transport.js';

/** An operation under way. */
export interface Pending<T> {
  readonly state: 'waiting' | 'done' | 'failed';
  /** @throws what the operation failed with; InvariantViolation while it is waiting */
  readonly result: T;
  readonly error: TriptychError | null;
  cancel(): void;
}

export class Begun<T> implements Pending<T> {
  state: 'waiting' | 'done' | 'failed' = 'waiting';
  error: TriptychError | null = null;
  #values: T[] = [];
  readonly #subscription: Subscription;

  constructor(operation: Observable<T>) {
    this.#subscription = operation.subscribe({
      next: (value) => this.#values.push(value),
      error: (error: TriptychError) => {
        this.error = error;
        this.state = 'failed';
      },
      complete: () => (this.state = 'done'),
    });
  }

  get result(): T {
    if (this.error !== null) throw this.error;
    assert(this.state === 'done' && this.#values.length === 1, 'the operation has not ended with one value');
    return this.#values[0]!;
  }

  cancel(): void {
    this.#subscription.unsubscribe();
  }
}

/** A node's answer to whoever calls it: what the Nest shell does in production. */
export function answerOf(node: StoreNode, pattern: string, payload: unknown, context: CallContext): Observable<unknown> {
  switch (pattern) {
    case PATTERNS.peer:
      return node.peer(payload as PeerRequest, context);
    case PATTERNS.list:
      return node.list(payload as ListRequest, context);
    case PATTERNS.get:
      return node.get(payload as GetRequest, context);
    case PATTERNS.prepare:
      return node.prepare(payload as PrepareRequest, context);
    case PATTERNS.commit:
      return node.commit(payload as CommitRequest, context);
    case PATTERNS.ring:
      return of(node.ring());
    case PATTERNS.count:
      return of(node.count(payload as CountRequest));
    case PATTERNS.watch:
      return node.watch(payload as WatchRequest, context);
    default:
      throw new InvariantViolation(`no handler for ${pattern}`);
  }
}

export const favorites = (user: string): RowKey => ({ table: 'favorites', row: user });

export const addOf = ({ placement, value = '' }: { placement?: Placement; value?: string } = {}): Operation => ({
  kind: 'add',
  value: Buffer.from(value),
  ...(placement !== undefined && { placement }),
});
