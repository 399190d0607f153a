/**
 * Trying again, within limits that hold together: so many attempts, a random wait that doubles, nothing that would begin
 * after the deadline, nothing that could take effect twice, and a share of the whole load that no illness can exceed
 * (extra-load-budget.ts). The decision is a function of the failure; what is left is waiting.
 *
 * Full jitter, because callers that failed together would otherwise come back together (Brooker, "Exponential Backoff And
 * Jitter", AWS 2015). A stream that has begun is never begun again behind its listener's back: once a value has passed,
 * an error does too. Refused: rxjs's own `retry`, which waits on the machine's clock.
 */
import { assert } from '@app/contracts';
import type { Clock, Random } from '@app/time';
import { Observable, type MonoTypeOperatorFunction, type Subscriber } from 'rxjs';
import { isCount, isDuration } from '../circuit-policy.js';
import { Attempt, type AttemptListener } from './attempt.js';
import { isTransient, keepDoubt, mayHaveApplied } from './error-reading.js';
import type { ExtraLoadBudget } from './extra-load-budget.js';

export interface RetryPolicy {
  /** Attempts at one call, the first included, a count >= 1. */
  readonly attemptsMax: number;
  /** The wait before the second attempt is at most this; before each further one at most twice as long, ms, > 0. */
  readonly backoffMs: number;
  /** No wait is longer, ms, >= backoffMs. */
  readonly backoffMaxMs: number;
  /** Whether the same call may fare better next time; `isTransient` by default. */
  readonly judge?: (error: unknown) => boolean;
}

/**
 * For reads within a request of some 300 ms: what failed for a moment is asked once or twice more. Longer waits are the
 * device's, who can wait longer.
 */
export const briefRetry: RetryPolicy = Object.freeze({ attemptsMax: 3, backoffMs: 20, backoffMaxMs: 80 });

export interface RetryTerms {
  /** Asked for twice, it takes effect once. Without it, only what surely took no effect is tried again. */
  readonly idempotent: boolean;
  /** On the clock's monotonic time, ms; Infinity for none. */
  readonly deadlineMs: number;
}

export interface RetryPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: ExtraLoadBudget;
}

/**
 * Each attempt subscribes to the source, the last one torn down before. Unsubscribing tears the attempt in flight down, or
 * ends the wait. Fails with the last attempt's error, unless that denies an effect which an earlier one left open.
 */
export function withRetry<T>(policy: RetryPolicy, terms: RetryTerms, ports: RetryPorts): MonoTypeOperatorFunction<T> {
  const isMeant = isCount(policy.attemptsMax) && isDuration(policy.backoffMs) && policy.backoffMaxMs >= policy.backoffMs;
  assert(isMeant, 'a retry policy takes attemptsMax >= 1 and 0 < backoffMs <= backoffMaxMs');
  return (source$) => new Observable<T>((subscriber) => new RetriedCall(subscriber, source$, policy, terms, ports).begin());
}

export interface FailedAttempt extends RetryTerms {
  /** 1 for the first. */
  readonly attempt: number;
  readonly error: unknown;
  readonly nowMs: number;
}

/** How long to wait before the next attempt, ms, or null to give up. @param draw in [0, 1) */
export function retryWaitMs(failed: FailedAttempt, policy: RetryPolicy, draw: number): number | null {
  const { attempt, error, idempotent, nowMs, deadlineMs } = failed;
  if (attempt >= policy.attemptsMax || !(policy.judge ?? isTransient)(error)) return null;
  if (!idempotent && mayHaveApplied(error)) return null;
  const waitMs = draw * Math.min(policy.backoffMaxMs, policy.backoffMs * 2 ** (attempt - 1));
  return nowMs + waitMs < deadlineMs ? waitMs : null;
}

class RetriedCall<T> implements AttemptListener<T> {
  #attempts = 0;
  #answered = false;
  /** What the attempts so far leave to report. */
  #error: unknown;

  constructor(
    private readonly subscriber: Subscriber<T>,
    private readonly source$: Observable<T>,
    private readonly policy: RetryPolicy,
    private readonly terms: RetryTerms,
    private readonly ports: RetryPorts,
  ) {}

  begin(): void {
    this.#attempts++;
    new Attempt(this).begin(this.source$, this.subscriber);
  }

  onValue(value: T): void {
    this.#answered = true;
    this.subscriber.next(value);
  }

  onError(error: unknown): void {
    this.#error = this.#attempts === 1 ? error : keepDoubt(this.#error, error);
    const waitMs = this.#answered ? null : this.#waitMs(error);
    if (waitMs === null || !this.ports.budget.spend('retry')) {
      this.subscriber.error(this.#error);
      return;
    }
    this.subscriber.add(this.ports.clock.after(waitMs, () => this.begin()));
  }

  onComplete(): void {
    this.subscriber.complete();
  }

  #waitMs(error: unknown): number | null {
    const { clock, random } = this.ports;
    const failed = { ...this.terms, attempt: this.#attempts, error, nowMs: clock.monotonicMs() };
    return retryWaitMs(failed, this.policy, random.fraction());
  }
}
