/**
 * What retries and hedges may add to the load, as a share of the calls: a token bucket. An attempt that nobody asked for
 * helps against one failure, and harms when all fail because there is too much to do: three attempts a call are three
 * times too much. So each call earns a part of an extra attempt, savings are capped, and who finds none left goes without.
 *
 *     extra attempts <= burst + perCall x calls        at every moment, and between any two: see `statistics`
 *
 * One budget for the process, shared by all that retries or hedges, so that the bound holds whichever dependency is ill.
 * Earning is its own operator, outermost, once a call: were it left out, there would be no extra attempts; were it part
 * of retry and of hedge, a call that has both would earn twice.
 *
 * Counted in whole millionths, since 0.1 ten times is not 1 in binary. Refused: a rate over a time window, which needs a
 * clock and forgets a burst at its edge. Source: the retry budgets of Finagle and Envoy.
 */
import { assert } from '@app/contracts';
import { Observable, type MonoTypeOperatorFunction } from 'rxjs';
import { isCount } from '../circuit-policy.js';

export interface ExtraLoadPolicy {
  /** Extra attempts earned by one call, in (0, 1]; in steps of a millionth. */
  readonly perCall: number;
  /** Savings at most, and at first: extra attempts that may come at once, a count >= 1. */
  readonly burst: number;
}

/** The bound that a gateway lives with: a tenth more load than was asked for, and 20 attempts when all was quiet before. */
export const tenPercentMore: ExtraLoadPolicy = Object.freeze({ perCall: 0.1, burst: 20 });

export type ExtraAttempt = 'retry' | 'hedge';

/** Counts since the budget was made. */
export interface ExtraLoadStatistics {
  readonly calls: number;
  readonly retries: number;
  readonly hedges: number;
  /** Attempts that were wanted and not paid for. */
  readonly refused: number;
}

const WHOLE = 1_000_000;

export class ExtraLoadBudget {
  readonly #earned: number;
  readonly #cap: number;
  #savings: number;
  readonly #counts = { calls: 0, retries: 0, hedges: 0, refused: 0 };

  /** @throws InvariantViolation when the policy means nothing */
  constructor(readonly policy: ExtraLoadPolicy) {
    const { perCall, burst } = policy;
    assert(perCall >= 1 / WHOLE && perCall <= 1, `perCall must be in [0.000001, 1], is ${perCall}`);
    assert(isCount(burst), `burst must be a count of at least 1, is ${burst}`);
    this.#earned = Math.round(perCall * WHOLE);
    this.#cap = burst * WHOLE;
    this.#savings = this.#cap;
  }

  /** A call that somebody asked for. */
  earn(): void {
    this.#counts.calls++;
    this.#savings = Math.min(this.#cap, this.#savings + this.#earned);
  }

  /** Pays for one extra attempt, or says no. */
  spend(kind: ExtraAttempt): boolean {
    if (this.#savings < WHOLE) {
      this.#counts.refused++;
      return false;
    }
    this.#savings -= WHOLE;
    if (kind === 'retry') this.#counts.retries++;
    else this.#counts.hedges++;
    return true;
  }

  statistics(): ExtraLoadStatistics {
    return { ...this.#counts };
  }
}

/** Each subscription is a call, and earns. To stand outside all that spends, and once in a chain. */
export function earning<T>(budget: ExtraLoadBudget): MonoTypeOperatorFunction<T> {
  return (source$) =>
    new Observable<T>((subscriber) => {
      budget.earn();
      source$.subscribe(subscriber);
    });
}
