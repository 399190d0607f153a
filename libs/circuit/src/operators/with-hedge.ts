/**
 * A second attempt beside a first one that is late; whichever brings a value first is the answer, and the other is torn
 * down before that value passes. It cuts off the tail that one slow instance makes (Dean and Barroso, "The Tail at Scale",
 * CACM 2013), and doubles the load when all are slow, so each hedge is paid for (extra-load-budget.ts).
 *
 * The first answer wins, and not the first end: an attempt that fails while the other is in flight is only remembered
 * (cassandra-gocql-driver#1707). An attempt that fails before the hedge is no matter for a hedge: that is retry's.
 * Both attempts reach the dependency, so what is hedged must be idempotent.
 */
import { assert } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import { Observable, type MonoTypeOperatorFunction, type Subscriber } from 'rxjs';
import { isDuration } from '../circuit-policy.js';
import { Attempt, type AttemptListener } from './attempt.js';
import { keepDoubt } from './error-reading.js';
import type { ExtraLoadBudget } from './extra-load-budget.js';

export interface HedgePolicy {
  /**
   * How long the first attempt may be without a value, ms, > 0: about the 95th percentile of its answers, so that one
   * call in twenty is hedged. A function where that is measured; asked once a call.
   */
  readonly delayMs: number | (() => number);
}

/** For reads that mostly take a few milliseconds: the delay is beyond nearly all of them, and well within 300 ms. */
export const lateHedge: HedgePolicy = Object.freeze({ delayMs: 50 });

export interface HedgePorts {
  readonly clock: Clock;
  readonly budget: ExtraLoadBudget;
}

/**
 * The source is subscribed once, or twice when the first is late and the budget pays. Unsubscribing tears both down. Fails
 * when all attempts made have failed, with the later error, unless that denies an effect which the other left open.
 */
export function withHedge<T>(policy: HedgePolicy, ports: HedgePorts): MonoTypeOperatorFunction<T> {
  assert(typeof policy.delayMs === 'function' || isDuration(policy.delayMs), 'a hedge comes after a delay of more than 0 ms');
  return (source$) => new Observable<T>((subscriber) => new HedgedCall(subscriber, source$, policy, ports).begin());
}

class HedgedCall<T> implements AttemptListener<T> {
  /** In flight, none of them with a value yet. */
  readonly #racing: Attempt<T>[] = [];
  #isDecided = false;
  #failed = false;
  #error: unknown;
  #cancelTimer: Cancel | null = null;

  constructor(
    private readonly subscriber: Subscriber<T>,
    private readonly source$: Observable<T>,
    private readonly policy: HedgePolicy,
    private readonly ports: HedgePorts,
  ) {}

  begin(): void {
    const { delayMs } = this.policy;
    this.#race();
    if (this.#isDecided || this.subscriber.closed) return;
    this.#cancelTimer = this.ports.clock.after(typeof delayMs === 'number' ? delayMs : delayMs(), () => this.#hedge());
    this.subscriber.add(() => this.#stopTimer());
  }

  onValue(value: T, attempt: Attempt<T>): void {
    try {
      if (!this.#isDecided) this.#decide(attempt);
    } finally {
      this.subscriber.next(value);
    }
  }

  onError(error: unknown, attempt: Attempt<T>): void {
    if (this.#isDecided) {
      this.subscriber.error(error);
      return;
    }
    this.#error = this.#failed ? keepDoubt(this.#error, error) : error;
    this.#failed = true;
    this.#racing.splice(this.#racing.indexOf(attempt), 1);
    if (this.#racing.length === 0) this.#fail();
  }

  onComplete(attempt: Attempt<T>): void {
    try {
      if (!this.#isDecided) this.#decide(attempt);
    } finally {
      this.subscriber.complete();
    }
  }

  #race(): void {
    const attempt = new Attempt(this);
    this.#racing.push(attempt);
    attempt.begin(this.source$, this.subscriber);
  }

  #hedge(): void {
    this.#cancelTimer = null;
    if (this.ports.budget.spend('hedge')) this.#race();
  }

  /** Whoever else is racing is torn down. */
  #decide(winner: Attempt<T>): void {
    this.#isDecided = true;
    this.#stopTimer();
    for (const attempt of this.#racing) if (attempt !== winner) attempt.unsubscribe();
    this.#racing.length = 0;
  }

  #fail(): void {
    this.#isDecided = true;
    this.#stopTimer();
    this.subscriber.error(this.#error);
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}
