/**
 * A ListStore in memory, for the tests of whoever needs one: it keeps the whole contract (list-store-contract.ts), answers
 * after as long as it is told to, and fails when it is told to. With a delay of 0 it answers within the subscription.
 */
import type { Achieved, CallContext, ConsistencyLevel, CountRequest, GetReply, GetRequest, ListReply, ListRequest, RowReply, WatchRequest } from '@app/contracts';
import { nodeId, TriptychError, zoneId } from '@app/contracts';
import type { Clock } from '@app/time';
import { defer, Observable, of, throwError } from 'rxjs';
import { isUnavailable } from '../attempt-failure.js';
import type { ItemCount } from '../count-gather.js';
import type { ListStore, ListStoreRequest, RowEvent, WriteReply, WriteRequest } from '../list-store.js';
import { sameOperation, UncertainWrite } from '../uncertain-write.js';
import { MemoryRows } from './memory-rows.js';

export class MemoryListStore implements ListStore {
  /** How long every call takes, ms. */
  delayMs = 0;
  readonly #rows: MemoryRows;
  readonly #failures: TriptychError[] = [];
  readonly #lostReplies: boolean[] = [];

  /** @param options.maxItems a list holds so many items at most; 10,000 unless said otherwise */
  constructor(
    readonly clock: Clock,
    options: { readonly maxItems?: number } = {},
  ) {
    this.#rows = new MemoryRows({ maxItems: options.maxItems ?? 10_000, wallMs: () => clock.wallMs() });
  }

  /** The next calls, one each, fail with these instead of doing anything; where a fallback helps, it answers. */
  failNext(...errors: TriptychError[]): void {
    this.#failures.push(...errors);
  }

  /** The next write that would be sent fails with STORE_WRITE_UNCERTAIN and `pending`; whether it took effect is `applied`. */
  loseNextReply(applied: boolean): void {
    this.#lostReplies.push(applied);
  }

  write(request: WriteRequest, context: CallContext): Observable<WriteReply> {
    return this.#answer(request, context, (level) => {
      const { table, row, item, operation, pending, seen } = request;
      const resumed = pending !== undefined && sameOperation(pending.operation, operation);
      const prepared = resumed
        ? { delta: pending.delta, item: pending.result, seen }
        : this.#rows.prepare({ table, row, item, operation, ...(pending && { pending: pending.delta }), ...(seen && { seen }) });
      if (prepared.delta === null) return { item: prepared.item, achieved: achieved(level), seen: prepared.seen! };
      const commit = { table, row, delta: prepared.delta, ...(prepared.seen && { seen: prepared.seen }) };
      const applied = this.#lostReplies.shift();
      if (applied !== false) this.#rows.commit(commit);
      if (applied !== undefined) {
        const left = { table, row, item, operation, delta: commit.delta, result: prepared.item };
        throw new UncertainWrite('STORE_WRITE_UNCERTAIN', 'the reply was lost', {}, left, prepared.seen);
      }
      return { item: prepared.item, achieved: achieved(level), seen: this.#rows.seenAfterWrite(commit) };
    });
  }

  list(request: ListRequest & ListStoreRequest, context: CallContext): Observable<ListReply> {
    return this.#answer(request, context, (level) => ({ ...this.#rows.list(request), achieved: achieved(level), seen: this.#rows.seenAfterRead(request) }));
  }

  get(request: GetRequest & ListStoreRequest, context: CallContext): Observable<GetReply> {
    return this.#answer(request, context, (level) => ({ items: this.#rows.get(request), achieved: achieved(level), seen: this.#rows.seenAfterRead(request) }));
  }

  /** At once, whatever the delay. */
  count(request: CountRequest): Observable<ItemCount> {
    return defer(() => {
      const failure = this.#failures.shift();
      if (failure !== undefined) return throwError(() => failure);
      return of({ count: this.#rows.count(request), coverage: 1, missing: [] });
    });
  }

  /** The first event comes after the delay, each other within the write that it tells of. */
  watch(request: WatchRequest, context: CallContext): Observable<RowEvent> {
    return new Observable<RowEvent>((subscriber) => {
      let { seen } = request;
      const tell = (): void => {
        const event = this.#rows.eventSince(request, seen);
        if (event === null) return;
        seen = event.seen;
        subscriber.next(event);
      };
      const begin = (): void => {
        const failure = this.#failures.shift();
        if (failure !== undefined) return subscriber.error(failure);
        subscriber.add(this.#rows.onChange(request, tell));
        tell();
      };
      if (context.deadlineMs !== Infinity) {
        const late = new TriptychError('STORE_READ_TIMEOUT', 'the time for this stream is over');
        subscriber.add(this.clock.after(Math.max(0, context.deadlineMs - this.clock.monotonicMs()), () => subscriber.error(late)));
      }
      if (this.delayMs === 0) begin();
      else subscriber.add(this.clock.after(this.delayMs, begin));
    });
  }

  /** Those who watch at this moment. */
  get watchers(): number {
    return this.#rows.listenerCount;
  }

  /** From now on it is not known what became of rows: who has missed something is told all. */
  forgetSteps(): void {
    this.#rows.forgetSteps();
  }

  /** Takes effect at the end of the delay, so that a caller who leaves before has left no trace. */
  #answer<T extends RowReply>({ level = 'QUORUM', fallback }: ListStoreRequest, context: CallContext, act: (level: ConsistencyLevel) => T): Observable<T> {
    return new Observable<T>((subscriber) => {
      const finish = (): void => {
        try {
          const failure = this.#failures.shift();
          if (failure !== undefined && !(fallback !== undefined && isUnavailable(failure))) throw failure;
          const reply = act(failure === undefined ? level : fallback!);
          subscriber.next(failure === undefined ? reply : { ...reply, achieved: { ...reply.achieved, fallback: true } });
          subscriber.complete();
        } catch (error) {
          subscriber.error(error);
        }
      };
      const leftMs = context.deadlineMs - this.clock.monotonicMs();
      if (leftMs <= this.delayMs) {
        const late = new TriptychError('STORE_READ_TIMEOUT', 'the deadline passed before anything was done');
        return this.clock.after(Math.max(0, leftMs), () => subscriber.error(late));
      }
      if (this.delayMs === 0) return finish();
      return this.clock.after(this.delayMs, finish);
    });
  }
}

const NODE = nodeId('memory');
const ZONE = zoneId('zone-a');
/** An answer of which there is nothing more to say. */
export const PLAIN = { repaired: false, hedged: false, versions: 1, fallback: false, tokenAhead: false, sloppy: false };

function achieved(level: ConsistencyLevel): Achieved {
  return { level, node: NODE, zone: ZONE, replicas: [NODE], zones: [ZONE], replicationFactor: 1, ...PLAIN };
}
