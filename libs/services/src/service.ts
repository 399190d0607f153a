/**
 * What every service has in common. A service is an interface of methods `(request, context) => Observable<reply>`, request
 * and reply plain data, so that one thing can be had in three ways and no caller can tell which: stored (over the replicated
 * store), remote (in another process, over the wire), and in memory.
 *
 * Every method is lazy and cold: nothing happens before a subscriber comes, each subscription is one call, and it ends with
 * one value and completion, or one error (a stream: with values, then one of both). Unsubscribing drops a read; a write
 * is only no longer waited for. No method waits longer than `context.deadlineMs`.
 */
import type { Observable } from 'rxjs';
import { type CallContext, type ConsistencyLevel, GET_ITEMS_MAX, type RowReply } from '@app/contracts';

export type ServiceCall<Request, Reply> = (request: Request, context: CallContext) => Observable<Reply>;

/** How a request is to be answered, as far as its caller decides; what is absent the service chooses. */
export interface Terms {
  readonly level?: ConsistencyLevel;
  /** Answers where `level` cannot be had; the reply says so. */
  readonly fallback?: ConsistencyLevel;
  /** What the caller's session has seen of the row that answers: `seen` of its last reply. */
  readonly seen?: Uint8Array;
}

/** What the answer rests on, and what the session has seen now. */
export type Rest = RowReply;

/** Where a page ended, and the next one goes on: exclusive. */
export interface PageEnd {
  readonly position: string;
  readonly item: string;
}

export interface PageRequest extends Terms {
  /** 1 to 500. */
  readonly limit: number;
  readonly after?: PageEnd;
}

export interface PageReply<T> extends Rest {
  readonly items: readonly T[];
  /** Null at the end of the list. */
  readonly next: PageEnd | null;
}

/** Several things by id, answered in the order asked; null for one that is not there. At most `LOOKUP_MAX` ids, each once. */
export interface LookupReply<T> extends Rest {
  readonly found: readonly (T | null)[];
}

export const LOOKUP_MAX = GET_ITEMS_MAX;
