/**
 * A ListStore in memory, for the tests of whoever needs one: it keeps the whole contract (list-store-contract.ts), answers
 * after as long as it is told to, and fails when it is told to. With a delay of 0 it answers within the subscription.
 */
import type { Achieved, CallContext, ConsistencyLevel, GetReply, GetRequest, ListReply, ListRequest } from '@app/contracts';
import { nodeId, TriptychError, zoneId } from '@app/contracts';
import type { Clock } from '@app/time';
import { Observable } from 'rxjs';
import type { ListStore, WriteReply, WriteRequest } from '../list-store.js';
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

  /** The next calls, one each, fail with these instead of doing anything. */
  failNext(...errors: TriptychError[]): void {
    this.#failures.push(...errors);
  }

  /** The next write that would be sent fails with STORE_WRITE_UNCERTAIN and `pending`; whether it took effect is `applied`. */
  loseNextReply(applied: boolean): void {
    this.#lostReplies.push(applied);
  }

  write(request: WriteRequest, context: CallContext): Observable<WriteReply> {
    return this.#answer(context, () => {
      const { table, row, item, operation, level, pending } = request;
      const resumed = pending !== undefined && sameOperation(pending.operation, operation);
      const prepared = resumed
        ? { delta: pending.delta, item: pending.result }
        : this.#rows.prepare({ table, row, item, operation, level, ...(pending && { pending: pending.delta }) });
      if (prepared.delta === null) return { item: prepared.item, achieved: achieved(level) };
      const applied = this.#lostReplies.shift();
      if (applied !== false) this.#rows.commit({ table, row, delta: prepared.delta, level });
      if (applied !== undefined) {
        const left = { table, row, item, operation, delta: prepared.delta, result: prepared.item };
        throw new UncertainWrite('STORE_WRITE_UNCERTAIN', 'the reply was lost', {}, left);
      }
      return { item: prepared.item, achieved: achieved(level) };
    });
  }

  list(request: ListRequest, context: CallContext): Observable<ListReply> {
    return this.#answer(context, () => ({ ...this.#rows.list(request), achieved: achieved(request.level) }));
  }

  get(request: GetRequest, context: CallContext): Observable<GetReply> {
    return this.#answer(context, () => ({ item: this.#rows.get(request), achieved: achieved(request.level) }));
  }

  /** Takes effect at the end of the delay, so that a caller who leaves before has left no trace. */
  #answer<T>(context: CallContext, act: () => T): Observable<T> {
    return new Observable<T>((subscriber) => {
      const finish = (): void => {
        try {
          const failure = this.#failures.shift();
          if (failure !== undefined) throw failure;
          subscriber.next(act());
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

function achieved(level: ConsistencyLevel): Achieved {
  return { level, node: NODE, zone: ZONE, replicas: [NODE], zones: [ZONE], replicationFactor: 1, repaired: false };
}
