/**
 * Many requests for one thing each, made within a moment, become one request for many: 150 film lookups of a page are a
 * handful of calls. The first request opens a batch; it is sent when its window ends, or at once when it is full.
 *
 * Each caller keeps what is its own. It gets its own result, or its own error. It may leave at any time: its key is no
 * longer asked for if the batch has not been sent, and the batch is torn down when nobody waits any more. And it has its
 * own deadline, at which it alone fails. The batch therefore carries the LATEST deadline of those in it: the earliest would
 * make a patient caller fail with an impatient neighbour, and where all have left early the call is torn down anyway.
 *
 * A batch is sent under one context: the most urgent priority of those in it, the trace id of the one whose key was asked
 * for first, and their principal. Callers on behalf of different principals are therefore never in one batch, unless
 * `groupOf` says so.
 *
 * Source: Hystrix's request collapser (window 10 ms; one tick is what DataLoader does). Refused: answering a caller from a
 * batch that has already been sent: sharing answers is the request cache's.
 */
import { TriptychError, assert, type CallContext, type Priority } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import { Observable, Subscription, defer } from 'rxjs';
import { isCount, isDuration } from '../circuit-policy.js';
import { Attempt, type AttemptListener } from './attempt.js';
import { deadlineError } from './with-timeout.js';

export interface CollapsePolicy {
  /** From the first request to the sending, ms, >= 0; 0 gathers what is asked in one turn of the event loop. */
  readonly windowMs: number;
  /** Different keys in one batch at most, a count >= 1; the one that fills it sends it. */
  readonly keysMax: number;
}

/** The lookups of one page: asked in one turn, or within the few milliseconds in which its rows arrive. */
export const pageLookups: CollapsePolicy = Object.freeze({ windowMs: 2, keysMax: 50 });

/** What a batch says of one key. A key of which it says nothing before it completes has failed. */
export type BatchEntry<K, V> = { readonly key: K; readonly value: V } | { readonly key: K; readonly error: unknown };

/**
 * The one call for many. It may tell entries one by one, and each caller is answered when its own comes; an error is the
 * error of all who still wait. It is torn down when nobody waits any more, be it that all were answered.
 * @param keys at least one, all different, in the order in which they were first asked for
 */
export type BatchCall<K, V> = (keys: readonly K[], context: CallContext) => Observable<BatchEntry<K, V>>;

/** Counts since the collapser was made; `callers / batches` is what collapsing saves. */
export interface CollapseStatistics {
  readonly callers: number;
  readonly batches: number;
  /** Keys that were sent. */
  readonly keys: number;
}

export class Collapser<K extends string | number, V> {
  /** Not yet sent, by group. */
  readonly #gathering = new Map<string, Batch<K, V>>();
  readonly #counts = { callers: 0, batches: 0, keys: 0 };

  /** @throws InvariantViolation when the policy means nothing */
  constructor(
    private readonly policy: CollapsePolicy,
    private readonly clock: Clock,
    private readonly batchCall: BatchCall<K, V>,
    private readonly groupOf: (context: CallContext) => string = ({ principal }) => `${principal.kind}/${principal.name}`,
  ) {
    assert(policy.windowMs === 0 || isDuration(policy.windowMs), `windowMs must be 0 or a duration, is ${policy.windowMs}`);
    assert(isCount(policy.keysMax), `keysMax must be a count of at least 1, is ${policy.keysMax}`);
  }

  /**
   * The value of one key: cold, one value and completion. Unsubscribing leaves the batch.
   * Errors: that of its entry, or of the batch; DEADLINE_EXCEEDED {lateMs} at its own deadline; INTERNAL {key} when the
   * batch completes without a word about it.
   */
  load(key: K, context: CallContext): Observable<V> {
    return new Observable<V>((subscriber) => {
      const answered = (value: V): void => {
        subscriber.next(value);
        subscriber.complete();
      };
      const caller = { key, context, answered, failed: (error: unknown) => subscriber.error(error) };
      const batch = this.#join(caller);
      subscriber.add(() => batch?.leave(caller));
    });
  }

  /**
   * The values of several keys, in their order, once all are there: `load` for each, for one caller, and at a fraction of
   * the cost where there are hundreds. Errors: the first of theirs.
   */
  loadAll(keys: readonly K[], context: CallContext): Observable<readonly V[]> {
    return new Observable<readonly V[]>((subscriber) => {
      const values = new Array<V>(keys.length);
      let awaited = keys.length;
      const failed = (error: unknown): void => subscriber.error(error);
      const answeredAt = (at: number) => (value: V): void => {
        values[at] = value;
        awaited--;
        if (awaited === 0) finish();
      };
      const finish = (): void => {
        subscriber.next(values);
        subscriber.complete();
      };
      if (awaited === 0) return finish();
      const joined: { readonly batch: Batch<K, V> | null; readonly caller: Caller<K, V> }[] = [];
      subscriber.add(() => {
        for (const { batch, caller } of joined) batch?.leave(caller);
      });
      for (const [at, key] of keys.entries()) {
        if (subscriber.closed) return;
        const caller = { key, context, answered: answeredAt(at), failed };
        joined.push({ batch: this.#join(caller), caller });
      }
    });
  }

  statistics(): CollapseStatistics {
    return { ...this.#counts };
  }

  /** Null for one who is too late, and has been told. */
  #join(caller: Caller<K, V>): Batch<K, V> | null {
    const nowMs = this.clock.monotonicMs();
    this.#counts.callers++;
    if (nowMs >= caller.context.deadlineMs) {
      caller.failed(deadlineError(nowMs - caller.context.deadlineMs));
      return null;
    }
    const group = this.groupOf(caller.context);
    const batch = this.#gathering.get(group) ?? this.#open(group);
    batch.add(caller);
    if (batch.keyCount >= this.policy.keysMax) batch.send();
    return batch;
  }

  #open(group: string): Batch<K, V> {
    const batch: Batch<K, V> = new Batch(
      this.clock,
      (keys, context) => {
        this.#counts.batches++;
        this.#counts.keys += keys.length;
        return this.batchCall(keys, context);
      },
      () => {
        if (this.#gathering.get(group) === batch) this.#gathering.delete(group);
      },
    );
    this.#gathering.set(group, batch);
    batch.sendAfter(this.policy.windowMs);
    return batch;
  }
}

/** One who waits for one key. */
interface Caller<K, V> {
  readonly key: K;
  readonly context: CallContext;
  readonly answered: (value: V) => void;
  readonly failed: (error: unknown) => void;
}

/** Gathering, then sent, then over: when nobody waits any more, whichever way they went. */
class Batch<K, V> implements AttemptListener<BatchEntry<K, V>> {
  readonly #waiting = new Map<K, Set<Caller<K, V>>>();
  readonly #call = new Subscription();
  #cancelWindow: Cancel | null = null;
  #cancelDeadline: Cancel | null = null;
  #deadlineTimerMs = Infinity;

  /** @param closed nobody may join any more */
  constructor(
    private readonly clock: Clock,
    private readonly batchCall: BatchCall<K, V>,
    private readonly closed: () => void,
  ) {}

  get keyCount(): number {
    return this.#waiting.size;
  }

  add(caller: Caller<K, V>): void {
    const { key, context } = caller;
    const callers = this.#waiting.get(key);
    if (callers === undefined) this.#waiting.set(key, new Set([caller]));
    else callers.add(caller);
    this.#watchDeadline(context.deadlineMs);
  }

  sendAfter(windowMs: number): void {
    this.#cancelWindow = this.clock.after(windowMs, () => this.send());
  }

  send(): void {
    this.#stopWindow();
    this.closed();
    const keys = [...this.#waiting.keys()];
    const context = contextOf(this.#callers().map((caller) => caller.context));
    new Attempt(this).begin(
      defer(() => this.batchCall(keys, context)),
      this.#call,
    );
  }

  onValue(entry: BatchEntry<K, V>): void {
    for (const { answered, failed } of this.#take(entry.key)) {
      if ('error' in entry) failed(entry.error);
      else answered(entry.value);
    }
  }

  onError(error: unknown): void {
    for (const key of [...this.#waiting.keys()]) this.onValue({ key, error });
  }

  onComplete(): void {
    for (const key of [...this.#waiting.keys()]) {
      this.onValue({ key, error: new TriptychError('INTERNAL', 'a batch said nothing of one of its keys', { key: String(key) }) });
    }
  }

  /** Those who wait for `key`, who no longer do. The call is over before the last of them hears. */
  #take(key: K): Iterable<Caller<K, V>> {
    const callers = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    this.#endWhenEmpty();
    return callers;
  }

  leave(caller: Caller<K, V>): void {
    const callers = this.#waiting.get(caller.key);
    if (callers === undefined || !callers.delete(caller) || callers.size > 0) return;
    this.#waiting.delete(caller.key);
    this.#endWhenEmpty();
  }

  #endWhenEmpty(): void {
    if (this.#waiting.size > 0) return;
    this.#stopWindow();
    this.#cancelDeadline?.();
    this.closed();
    this.#call.unsubscribe();
  }

  /** One timer for the earliest deadline of those who wait; it may run for somebody who has left. */
  #watchDeadline(deadlineMs: number): void {
    if (deadlineMs >= this.#deadlineTimerMs) return;
    this.#cancelDeadline?.();
    this.#deadlineTimerMs = deadlineMs;
    this.#cancelDeadline = this.clock.after(Math.max(0, deadlineMs - this.clock.monotonicMs()), () => this.#expire());
  }

  #expire(): void {
    const nowMs = this.clock.monotonicMs();
    this.#cancelDeadline = null;
    this.#deadlineTimerMs = Infinity;
    const late: Caller<K, V>[] = [];
    for (const caller of this.#callers()) {
      if (caller.context.deadlineMs <= nowMs) late.push(caller);
      else this.#watchDeadline(caller.context.deadlineMs);
    }
    for (const caller of late) {
      this.leave(caller);
      caller.failed(deadlineError(nowMs - caller.context.deadlineMs));
    }
  }

  #callers(): Caller<K, V>[] {
    return [...this.#waiting.values()].flatMap((callers) => [...callers]);
  }

  #stopWindow(): void {
    this.#cancelWindow?.();
    this.#cancelWindow = null;
  }
}

const MOST_URGENT_FIRST: readonly Priority[] = ['write', 'read', 'prefetch', 'background'];

/** The context that one call for several is made under. @param contexts at least one, in the order of their coming */
function contextOf(contexts: readonly CallContext[]): CallContext {
  return {
    ...contexts[0]!,
    deadlineMs: contexts.reduce((latestMs, { deadlineMs }) => Math.max(latestMs, deadlineMs), 0),
    priority: MOST_URGENT_FIRST.find((priority) => contexts.some((context) => context.priority === priority)) ?? contexts[0]!.priority,
  };
}
