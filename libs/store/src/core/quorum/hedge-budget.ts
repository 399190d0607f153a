/**
 * Hedges as a share of requests: a token bucket. Hedging answers one slow replica; when all are slow because there is too
 * much to do, it doubles what is too much (scylladb#7342: speculation that fed on itself). So each request earns a part of
 * a hedge, savings are capped, and who has none left waits. Only attempts beside pending ones are paid for: a failover
 * replaces an attempt that has ended. Used twice: by a coordinator for its replicas, by a client for its coordinators.
 *
 * Source: the retry budgets of Finagle and Envoy.
 */
export interface HedgeBudgetPolicy {
  /** Hedges earned by one request, in (0, 1]. */
  readonly perRequest: number;
  /** Savings at most, and at first: about what is in flight to one node at the moment it hangs. A count >= 1. */
  readonly burst: number;
}

export class HedgeBudget {
  #savings: number;

  constructor(readonly policy: HedgeBudgetPolicy) {
    this.#savings = policy.burst;
  }

  get available(): boolean {
    return this.#savings >= 1;
  }

  earn(): void {
    this.#savings = Math.min(this.policy.burst, this.#savings + this.policy.perRequest);
  }

  spend(): void {
    this.#savings -= 1;
  }
}
