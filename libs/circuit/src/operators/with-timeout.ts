/**
 * A limit on time for one subscription: so long from its beginning, or until a moment that was set before it. A circuit
 * has a timeout of its own, which judges the dependency; these are the caller's patience, and judge nobody. They stand
 * where a circuit's cannot: round a retry, a hedge, a queue.
 *
 * Each subscription has its own timer, gone when it ends; one that is late touches no other.
 */
import { TriptychError, assert } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import { Observable, Subscriber, type MonoTypeOperatorFunction } from 'rxjs';
import { isDuration } from '../circuit-policy.js';

export interface TimeoutPolicy {
  /** From subscription, ms, > 0. */
  readonly timeoutMs: number;
  /** What must happen in time: the completion, or the first value (or completion), as of streams without an end. */
  readonly until: 'end' | 'first-value';
}

/**
 * Unsubscribing tears the source down. Errors besides the source's: CIRCUIT_TIMEOUT {circuit, timeoutMs}, with the source
 * torn down; whether it took effect is unknown.
 * @param name what the error calls it, in its field `circuit`
 */
export function withTimeout<T>(clock: Clock, name: string, policy: TimeoutPolicy): MonoTypeOperatorFunction<T> {
  const { timeoutMs, until } = policy;
  assert(isDuration(timeoutMs), 'timeoutMs must be a duration that a timer can hold');
  const late = () => new TriptychError('CIRCUIT_TIMEOUT', `${name} took longer than ${timeoutMs} ms`, { circuit: name, timeoutMs });
  return (source$) =>
    new Observable<T>((subscriber) => {
      new TimedCall(subscriber, clock, clock.monotonicMs() + timeoutMs, until, late).begin(source$);
    });
}

/**
 * The deadline that came with a call, on the clock's own monotonic time (`CallContext.deadlineMs`); Infinity for none. Once
 * it has passed, the source is not subscribed at all. Unsubscribing tears the source down.
 * Errors besides the source's: DEADLINE_EXCEEDED {lateMs}; whether it took effect is unknown.
 */
export function withDeadline<T>(clock: Clock, deadlineMs: number): MonoTypeOperatorFunction<T> {
  const late = () => deadlineError(clock.monotonicMs() - deadlineMs);
  return (source$) => {
    if (deadlineMs === Infinity) return source$;
    return new Observable<T>((subscriber) => {
      if (clock.monotonicMs() >= deadlineMs) subscriber.error(late());
      else new TimedCall(subscriber, clock, deadlineMs, 'end', late).begin(source$);
    });
  };
}

/** @param lateMs how long ago the deadline was, ms */
export function deadlineError(lateMs: number): TriptychError {
  return new TriptychError('DEADLINE_EXCEEDED', 'the deadline passed before there was an answer', { lateMs });
}

class TimedCall<T> extends Subscriber<T> {
  #cancelTimer: Cancel | null = null;
  #answered = false;

  constructor(
    destination: Subscriber<T>,
    private readonly clock: Clock,
    private readonly dueMs: number,
    private readonly until: TimeoutPolicy['until'],
    private readonly late: () => TriptychError,
  ) {
    super(destination);
  }

  begin(source$: Observable<T>): void {
    source$.subscribe(this);
    // What has answered within its own subscription needs no timer.
    if (this.closed || (this.#answered && this.until === 'first-value')) return;
    const delayMs = Math.max(0, this.dueMs - this.clock.monotonicMs());
    this.#cancelTimer = this.clock.after(delayMs, () => this.#timeOut());
  }

  override unsubscribe(): void {
    this.#stopTimer();
    super.unsubscribe();
  }

  protected override _next(value: T): void {
    if (!this.#answered) {
      this.#answered = true;
      if (this.until === 'first-value') this.#stopTimer();
    }
    this.destination.next(value);
  }

  #timeOut(): void {
    this.#cancelTimer = null;
    const { destination } = this;
    try {
      this.unsubscribe();
    } finally {
      destination.error(this.late());
    }
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}
