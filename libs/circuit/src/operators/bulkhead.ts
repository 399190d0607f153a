/**
 * So many calls at once, and a short line for those who come when all places are taken. A circuit has permits too, and
 * refuses at once; a line is worth having where calls come in bursts that are over in milliseconds, as the lookups of one
 * page do. It is bounded in length and in time, because a long line only makes every answer late: whoever would find it
 * full, or has stood in it too long, is refused.
 *
 * First come, first served. A waiting caller who leaves gives up the place at once; a call that ends is torn down, then
 * the next in line begins, then its own caller hears of the end: never are more calls alive than there are places.
 */
import { TriptychError, assert } from '@app/contracts';
import type { Clock } from '@app/time';
import { Observable, Subscriber, type MonoTypeOperatorFunction } from 'rxjs';
import { isCount, isDuration } from '../circuit-policy.js';
import { TimeoutQueue, type TimedCall } from '../timeout-queue.js';

export interface BulkheadPolicy {
  /** Calls in flight at once, a count >= 1. At most the capacity of a circuit behind it, or that one refuses first. */
  readonly capacity: number;
  /** Callers who may wait for a place, a count >= 0. */
  readonly queueLength: number;
  /** How long one may wait, ms, > 0; well within the callers' deadlines. */
  readonly queueWaitMs: number;
}

/** For one dependency behind one gateway: bursts of a page's lookups pass, and nobody waits for what will be too late. */
export const shortLine: BulkheadPolicy = Object.freeze({ capacity: 64, queueLength: 128, queueWaitMs: 50 });

export interface BulkheadStatistics {
  readonly inFlight: number;
  readonly waiting: number;
  /** Callers turned away, since the bulkhead was made: the line was full, or the wait too long. */
  readonly refused: number;
}

export class Bulkhead {
  readonly line: TimeoutQueue;
  #inFlight = 0;
  #waiting = 0;
  #refused = 0;
  #isCallingIn = false;

  /** @throws InvariantViolation when the policy means nothing */
  constructor(
    readonly name: string,
    readonly policy: BulkheadPolicy,
    private readonly clock: Clock,
  ) {
    const { capacity, queueLength, queueWaitMs } = policy;
    assert(isCount(capacity), `capacity must be a count of at least 1, is ${capacity}`);
    assert(queueLength === 0 || isCount(queueLength), `queueLength must be a count, is ${queueLength}`);
    assert(isDuration(queueWaitMs), `queueWaitMs must be a duration that a timer can hold, is ${queueWaitMs}`);
    this.line = new TimeoutQueue(clock);
  }

  /**
   * `call$` with a place in here: cold, subscribed once if a place is had. Unsubscribing tears it down, or leaves the line.
   * Errors besides those of `call$`: CIRCUIT_SATURATED {circuit, capacity, waiting}; it was not subscribed.
   */
  protect<T>(call$: Observable<T>): Observable<T> {
    return new Observable<T>((subscriber) => this.#enter(new Guest(subscriber, this, call$)));
  }

  statistics(): BulkheadStatistics {
    return { inFlight: this.#inFlight, waiting: this.#waiting, refused: this.#refused };
  }

  /** A guest has gone: out of its place, or out of the line. */
  gone(guest: Guest<unknown>): void {
    if (guest.stand === 'waiting') {
      this.#waiting--;
      this.line.leave(guest);
    } else if (guest.stand === 'inside') {
      this.#inFlight--;
      this.#callIn();
    }
  }

  refuse(guest: Guest<unknown>): void {
    this.#refused++;
    const { name, policy } = this;
    const message = `${name} has all of its ${policy.capacity} places taken`;
    guest.turnAway(new TriptychError('CIRCUIT_SATURATED', message, { circuit: name, capacity: policy.capacity, waiting: this.#waiting }));
  }

  #enter(guest: Guest<unknown>): void {
    if (guest.closed) return;
    if (this.#inFlight < this.policy.capacity && this.#waiting === 0) this.#admit(guest);
    else if (this.#waiting < this.policy.queueLength) this.#queue(guest);
    else this.refuse(guest);
  }

  #queue(guest: Guest<unknown>): void {
    this.#waiting++;
    guest.stand = 'waiting';
    guest.dueMs = this.clock.monotonicMs() + this.policy.queueWaitMs;
    this.line.enter(guest);
    this.line.watch();
  }

  #admit(guest: Guest<unknown>): void {
    this.#inFlight++;
    guest.begin();
  }

  /** Fills free places from the line. A call that ends as it begins comes back here: the outer run sees to the rest. */
  #callIn(): void {
    if (this.#isCallingIn) return;
    this.#isCallingIn = true;
    try {
      for (let next = this.line.oldest; next !== null && this.#inFlight < this.policy.capacity; next = this.line.oldest) {
        this.#waiting--;
        this.line.leave(next);
        this.#admit(next as Guest<unknown>);
      }
    } finally {
      this.#isCallingIn = false;
    }
  }
}

/** The bulkhead as an operator. */
export function throughBulkhead<T>(bulkhead: Bulkhead): MonoTypeOperatorFunction<T> {
  return (call$) => bulkhead.protect(call$);
}

/** One caller: turned away, or waiting, then inside, then gone. */
class Guest<T> extends Subscriber<T> implements TimedCall {
  stand: 'outside' | 'waiting' | 'inside' = 'outside';
  dueMs = 0;
  older: TimedCall | null = null;
  younger: TimedCall | null = null;

  constructor(
    destination: Subscriber<T>,
    private readonly bulkhead: Bulkhead,
    private readonly call$: Observable<T>,
  ) {
    super(destination);
  }

  begin(): void {
    this.stand = 'inside';
    this.call$.subscribe(this);
  }

  override unsubscribe(): void {
    if (this.closed) return;
    try {
      super.unsubscribe();
    } finally {
      this.bulkhead.gone(this as Guest<unknown>);
    }
  }

  /** Has waited too long. */
  timeOut(): void {
    this.bulkhead.refuse(this as Guest<unknown>);
  }

  turnAway(error: TriptychError): void {
    this.#end((destination) => destination.error(error));
  }

  protected override _error(error: unknown): void {
    this.#end((destination) => destination.error(error));
  }

  protected override _complete(): void {
    this.#end((destination) => destination.complete());
  }

  #end(tell: (destination: Subscriber<T>) => void): void {
    const destination = this.destination as Subscriber<T>;
    try {
      this.unsubscribe();
    } finally {
      tell(destination);
    }
  }
}
