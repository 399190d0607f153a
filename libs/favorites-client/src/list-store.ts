/**
 * The service layer's port to whatever keeps the lists. The replicated store is its default filling; an in-memory one
 * serves tests; both pass one contract suite, and no caller can tell them apart.
 *
 * Every method is lazy and cold: nothing happens before a subscriber comes, each subscription is one operation, and it
 * ends with one value and completion, or one error; `watch` alone goes on. Unsubscribing drops a read; a write is only no longer waited for,
 * since replicas may already hold it.
 */
import type { Observable } from 'rxjs';
import type {
  CallContext,
  ConsistencyLevel,
  CountRequest,
  GetReply,
  GetRequest,
  Item,
  ItemChange,
  ListReply,
  ListRequest,
  Operation,
  RowKey,
  RowReply,
  RowRequest,
  TriptychError,
  WatchRequest,
} from '@app/contracts';
import type { ItemCount } from './count-gather.js';

/** What any request to a list may say of how it is to be answered, beside what it asks. */
export interface ListStoreRequest extends RowRequest {
  /**
   * Answers where `level` cannot be had: too few replicas in reach, or none in time. The reply says so. A write that falls
   * back is still one operation.
   */
  readonly fallback?: ConsistencyLevel;
}

export interface WriteRequest extends ListStoreRequest {
  readonly item: string;
  readonly operation: Operation;
  /**
   * An earlier write of the same session to the same item whose outcome is unknown. The same operation again is carried
   * on with (same delta, one effect however often it is sent); another operation supersedes it.
   */
  readonly pending?: PendingWrite;
}

/** All that is needed to carry on with a write at any coordinator, through any gateway, at any time. */
export interface PendingWrite extends RowKey {
  readonly item: string;
  readonly operation: Operation;
  /** The prepared delta, exactly as the coordinator returned it. */
  readonly delta: Uint8Array;
  /** The item as the write leaves it; null for a remove. */
  readonly result: Item | null;
}

export interface WriteReply extends RowReply {
  /** The item as it now is; null after a remove. */
  readonly item: Item | null;
}

/**
 * What `write` fails with: `pending` is there exactly when a COMMIT was sent and none was acknowledged at the level
 * asked, so the write may or may not be, or come to be, in effect.
 */
export interface WriteFailure extends TriptychError {
  readonly pending?: PendingWrite;
  /**
   * There with `pending`: what the session has seen, and that this write is of unknown outcome, so that its next write to the
   * item supersedes it. Absent where an earlier write was carried on with outside of a session.
   */
  readonly seen?: Uint8Array | undefined;
}

/** What a listener is told of a row; with `seen` of the last event it goes on through any client. */
export type RowEvent =
  /** The row as it is: at the beginning, and where what became of it since `seen` is not known any more. */
  | { readonly kind: 'full'; readonly items: readonly Item[]; readonly seen: Uint8Array }
  /** A step from what was seen to what is: at least one change, and each item at most once. */
  | { readonly kind: 'changes'; readonly changes: readonly ItemChange[]; readonly seen: Uint8Array };

export interface ListStore {
  /**
   * Adds, moves or removes one item.
   * Errors: ITEM_NOT_FOUND (move of what is not there), NEIGHBOUR_NOT_FOUND, LIST_FULL, POSITION_EXHAUSTED,
   * STORE_VALUE_TOO_LARGE, STORE_QUORUM_UNAVAILABLE (details needed, alive), and with an unknown outcome
   * STORE_WRITE_UNCERTAIN or DEADLINE_EXCEEDED carrying `pending` (see WriteFailure).
   */
  write(request: WriteRequest, context: CallContext): Observable<WriteReply>;
  /** A page of a row, in order of (position, item). Errors: STORE_QUORUM_UNAVAILABLE, DEADLINE_EXCEEDED. */
  list(request: ListRequest & ListStoreRequest, context: CallContext): Observable<ListReply>;
  /**
   * Some items of a row, all of one state of it: what one item shows is not older than what another does. Errors as for `list`,
   * and REQUEST_INVALID where they are none, more than GET_ITEMS_MAX, or one twice.
   */
  get(request: GetRequest & ListStoreRequest, context: CallContext): Observable<GetReply>;
  /**
   * In how many rows of a table an item is: eventual, summed up over what one replica of each range counts. Errors:
   * STORE_QUORUM_UNAVAILABLE where none answers, REQUEST_INVALID of a table whose items are not counted.
   */
  count(request: CountRequest, context: CallContext): Observable<ItemCount>;
  /**
   * What becomes of a row, from the moment of `seen` on, each step once, whichever replicas come and go; what is shown is on the disk
   * of one replica, and so may be what no quorum has acknowledged. While no replica sees a quorum nothing comes.
   * Goes on until it is unsubscribed, or the deadline passes (STORE_READ_TIMEOUT): give it none, `deadlineMs: Infinity`, for as
   * long as somebody listens. Errors: REQUEST_INVALID.
   */
  watch(request: WatchRequest, context: CallContext): Observable<RowEvent>;
}
