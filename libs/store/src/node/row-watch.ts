/**
 * Tells listeners what becomes of a row, as this replica has it on disk: not before, or a power cut could take an event back. One
 * replica feeds a listener, normally the one in its zone, and any other goes on where that one left off.
 *
 * What is kept of a listener is what it has seen, as a context of the row, and nothing else. What it is to be told is worked out
 * when it can take it, from that to what is here now (row-changes.ts): so a listener that is slow, or comes back, or comes from
 * another replica, is told each item once, as it is; and where the operations in between are not known any more, it is told the
 * whole row. Nothing queues, whatever the listener does. Refused: a queue of events for each, which has to be cut somewhere, and
 * whose order is that of one replica.
 *
 * A replica that lacks some of what a listener has seen tells it nothing: old news would undo newer ones. It first reads the row at
 * a quorum, which brings it up to date; what a quorum does not have either was never acknowledged there, and then the listener
 * begins anew. A replica that may not answer for the row (no vote, no replica, too few others in its reach) says so, and the
 * listener's client turns to another.
 *
 * Every listener hears something each WATCH_BEAT_MS. Nobody listens: one look at an empty map for each write.
 */
import { Observable, Subscription, type Subscriber } from 'rxjs';
import { TriptychError, WATCH_BEAT_MS, type Item, type RowKey, type WatchEvent, type WatchRequest } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import { CausalContext } from '../core/causality/causal-context.js';
import { encodeSeen, NOTHING_SEEN } from '../core/causality/seen-row.js';
import { asStoreError } from './read-repair.js';
import { decodeRequestSeen } from './request-terms.js';
import { rowId } from './row-records.js';
import type { RowStore } from './row-store.js';

/** What the caller of a stream is ready to take: the wire's, where there is one. */
export interface Demand {
  readonly credit: number;
  /** Runs `task` once when more credit comes; the last one asked for counts. */
  whenCredit(task: () => void): void;
}

/** For callers that take everything at once. */
export const EVERYTHING: Demand = { credit: Infinity, whenCredit: () => {} };

export interface RowWatchPorts {
  readonly rows: Pick<RowStore, 'header' | 'page' | 'changesSince'>;
  readonly clock: Clock;
  /** Why this node cannot answer for the row; null when it can. */
  readonly obstacle: (key: RowKey) => TriptychError | null;
  /** Reads the row at a quorum, which must cover `seen`, or fails as such a read does. */
  readonly bringUpToDate: (key: RowKey, seen: Uint8Array) => Observable<unknown>;
}

export interface RowWatchLimits {
  readonly watchesPerNode: number;
  readonly watchesPerRow: number;
  /** One part of a whole row; well within a frame. */
  readonly partBytes: number;
  /** A whole row goes out at one moment, and so within the credit that a caller has given at least: half of its window. */
  readonly partsMax: number;
}

export const ROW_WATCH_LIMITS: RowWatchLimits = { watchesPerNode: 20_000, watchesPerRow: 200, partBytes: 512 * 1024, partsMax: 16 };

export interface RowWatchStats {
  readonly watches: number;
  readonly rows: number;
  /** Since the start: steps told, and whole rows. */
  readonly changes: number;
  readonly full: number;
}

/** What an item costs beside its value. */
const ITEM_BYTES = 384;

interface Watch {
  readonly key: RowKey;
  readonly subscriber: Subscriber<WatchEvent>;
  readonly demand: Demand;
  /** Null: nothing, so that it is told the whole row. */
  seen: CausalContext | null;
  /** Told something since the last beat. */
  isFresh: boolean;
  catchingUp: Subscription | null;
}

export class RowWatches {
  readonly #rows = new Map<string, Set<Watch>>();
  /** To be looked at in the next turn: within the callback of a write the row may be further on than its header. */
  readonly #due = new Set<Watch>();
  /** What those who have seen the same are told is worked out once. */
  #last: { readonly from: CausalContext; readonly to: CausalContext; readonly event: WatchEvent | null } | null = null;
  #cancelTurn: Cancel | null = null;
  #cancelBeat: Cancel | null = null;
  #count = 0;
  #changes = 0;
  #full = 0;

  constructor(
    private readonly ports: RowWatchPorts,
    private readonly limits: RowWatchLimits = ROW_WATCH_LIMITS,
  ) {}

  /**
   * Cold; unsubscribing ends it. Never completes.
   * Errors: WATCH_LIMIT, REQUEST_INVALID, what `obstacle` says, and those of a read at a quorum.
   */
  watch({ table, row, seen }: WatchRequest, demand: Demand): Observable<WatchEvent> {
    return new Observable((subscriber) => {
      const key = { table, row };
      const context = seen === undefined ? null : decodeRequestSeen(seen).context;
      const watch: Watch = { key, subscriber, demand, seen: context, isFresh: false, catchingUp: null };
      this.#enter(watch);
      return () => this.#leave(watch);
    });
  }

  /** A change of the row is durable. */
  changed(key: RowKey): void {
    if (this.#count === 0) return;
    for (const watch of this.#rows.get(rowId(key)) ?? []) this.#tellSoon(watch);
  }

  /** Who answers for which row may have changed. */
  review(): void {
    for (const watches of this.#rows.values()) for (const watch of watches) this.#tellSoon(watch);
  }

  /** Ends all, with an error that sends their clients elsewhere. */
  end(error: TriptychError): void {
    for (const watches of [...this.#rows.values()]) for (const watch of [...watches]) watch.subscriber.error(error);
  }

  stop(): void {
    this.#cancelTurn?.();
    this.#cancelBeat?.();
    for (const watches of [...this.#rows.values()]) for (const watch of [...watches]) this.#leave(watch);
  }

  stats(): RowWatchStats {
    return { watches: this.#count, rows: this.#rows.size, changes: this.#changes, full: this.#full };
  }

  #enter(watch: Watch): void {
    const id = rowId(watch.key);
    const watches = this.#rows.get(id) ?? new Set();
    if (this.#count >= this.limits.watchesPerNode || watches.size >= this.limits.watchesPerRow) {
      throw new TriptychError('WATCH_LIMIT', 'too many listen already', { atNode: this.#count, toRow: watches.size });
    }
    this.#rows.set(id, watches.add(watch));
    this.#count++;
    this.#cancelBeat ??= this.ports.clock.after(WATCH_BEAT_MS, () => this.#beat());
    this.#tellSoon(watch);
  }

  #leave(watch: Watch): void {
    const id = rowId(watch.key);
    const watches = this.#rows.get(id);
    if (watches?.delete(watch) !== true) return;
    if (watches.size === 0) this.#rows.delete(id);
    this.#count--;
    this.#due.delete(watch);
    watch.catchingUp?.unsubscribe();
    if (this.#count > 0) return;
    this.#cancelBeat?.();
    this.#cancelTurn?.();
    this.#cancelBeat = this.#cancelTurn = this.#last = null;
  }

  #tellSoon(watch: Watch): void {
    this.#due.add(watch);
    this.#cancelTurn ??= this.ports.clock.after(0, () => {
      this.#cancelTurn = null;
      const due = [...this.#due];
      this.#due.clear();
      for (const each of due) if (!each.subscriber.closed) this.#tell(each);
    });
  }

  #tell(watch: Watch): void {
    try {
      const obstacle = this.ports.obstacle(watch.key);
      if (obstacle !== null) throw obstacle;
      if (watch.catchingUp !== null) return;
      if (watch.demand.credit < 1) return watch.demand.whenCredit(() => this.#tellSoon(watch));
      const { context } = this.ports.rows.header(watch.key);
      if (watch.seen === null) return this.#tellAll(watch, context);
      if (watch.isFresh && watch.seen === context) return;
      if (!context.covers(watch.seen)) return this.#bringUpToDate(watch, watch.seen);
      const event = this.#eventBetween(watch.key, watch.seen, context);
      if (event === null) return this.#tellAll(watch, context);
      this.#hand(watch, context, event);
    } catch (error) {
      watch.subscriber.error(asStoreError(error));
    }
  }

  #hand(watch: Watch, context: CausalContext, event: WatchEvent): void {
    watch.seen = context;
    watch.isFresh = true;
    if (event.kind === 'changes' && event.changes.length > 0) this.#changes++;
    watch.subscriber.next(event);
  }

  #eventBetween(key: RowKey, from: CausalContext, to: CausalContext): WatchEvent | null {
    if (this.#last?.from === from && this.#last.to === to) return this.#last.event;
    const changes = this.ports.rows.changesSince(key, from);
    const event = changes === null ? null : ({ kind: 'changes', changes, seen: seenOf(to) } as const);
    this.#last = { from, to, event };
    return event;
  }

  /** All parts at one moment, so that they are of one state. */
  #tellAll(watch: Watch, context: CausalContext): void {
    const parts = inParts(this.ports.rows.page(watch.key, Infinity).items, this.limits.partBytes);
    if (parts.length > this.limits.partsMax) throw new TriptychError('WATCH_LIMIT', 'the row is too large to be listened to', { parts: parts.length });
    if (watch.demand.credit < parts.length) return watch.demand.whenCredit(() => this.#tellSoon(watch));
    const seen = seenOf(context);
    this.#full++;
    for (const [at, items] of parts.entries()) {
      const more = at < parts.length - 1;
      if (watch.subscriber.closed) return;
      if (more) watch.subscriber.next({ kind: 'full', items, more, seen });
      else this.#hand(watch, context, { kind: 'full', items, more, seen });
    }
  }

  #bringUpToDate(watch: Watch, seen: CausalContext): void {
    const over = (): void => {
      watch.catchingUp = null;
      this.#tellSoon(watch);
    };
    const catchingUp = new Subscription();
    watch.catchingUp = catchingUp;
    catchingUp.add(
      this.ports.bringUpToDate(watch.key, seenOf(seen)).subscribe({
        error: (thrown: unknown) => {
          const error = asStoreError(thrown);
          // A quorum has answered, and lacks it.
          if (error.code !== 'STORE_SESSION_AHEAD') return watch.subscriber.error(error);
          watch.seen = null;
          over();
        },
        complete: () => {
          // All have answered, and none has it any more.
          if (!this.ports.rows.header(watch.key).context.covers(seen)) watch.seen = null;
          over();
        },
      }),
    );
  }

  #beat(): void {
    this.#cancelBeat = this.ports.clock.after(WATCH_BEAT_MS, () => this.#beat());
    for (const watches of this.#rows.values()) {
      for (const watch of watches) {
        watch.isFresh = false;
        this.#tellSoon(watch);
      }
    }
  }
}

function inParts(items: readonly Item[], partBytes: number): (readonly Item[])[] {
  const parts: Item[][] = [[]];
  let bytes = 0;
  for (const item of items) {
    bytes += ITEM_BYTES + item.value.length;
    if (bytes > partBytes && parts.at(-1)!.length > 0) {
      parts.push([]);
      bytes = ITEM_BYTES + item.value.length;
    }
    parts.at(-1)!.push(item);
  }
  return parts;
}

const SEEN = new WeakMap<CausalContext, Uint8Array>();

/** A context never changes, so its bytes are made once. */
function seenOf(context: CausalContext): Uint8Array {
  let bytes = SEEN.get(context);
  if (bytes === undefined) SEEN.set(context, (bytes = encodeSeen({ ...NOTHING_SEEN, context, isOnQuorum: false })));
  return bytes;
}
