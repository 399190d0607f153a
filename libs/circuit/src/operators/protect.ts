/**
 * The usual protection of a call, in the one order that works; docs/CIRCUITS.md has the reasons. From the caller inwards:
 *
 *     deadline    the caller's patience, over everything below: waits, queues, all attempts
 *     earning     one call of the extra-load budget
 *     retry       sees attempts that have ended, hedged ones as one
 *     hedge       two attempts of one try, each with a place and a permit of its own
 *     bulkhead    a place, or a short wait for one; outside the circuit, which would take the wait for slowness
 *     circuit     judges each attempt; open, it refuses at once
 *     call$
 *
 * Not in here, because they belong to the caller and change what is asked or answered: the fallback stands outside all
 * this, a collapser has this round its batch call, a request cache outside the collapser.
 */
import type { Clock, Random } from '@app/time';
import type { Observable } from 'rxjs';
import type { Circuit } from '../circuit.js';
import { throughBulkhead, type Bulkhead } from './bulkhead.js';
import { earning, type ExtraLoadBudget } from './extra-load-budget.js';
import { withHedge, type HedgePolicy } from './with-hedge.js';
import { withRetry, type RetryPolicy } from './with-retry.js';
import { withDeadline } from './with-timeout.js';

/** How calls to one dependency are protected; made once, what is left out is not there. */
export interface Protection {
  readonly clock: Clock;
  readonly circuit?: Circuit;
  readonly bulkhead?: Bulkhead;
  /** The attempts nobody asked for; the budget is the one of the process. */
  readonly extraLoad?: {
    readonly budget: ExtraLoadBudget;
    readonly random: Random;
    readonly retry?: RetryPolicy;
    readonly hedge?: HedgePolicy;
  };
}

/** What is known of one call. */
export interface CallTerms {
  /** On the clock's monotonic time, ms (`CallContext.deadlineMs`); none by default. */
  readonly deadlineMs?: number;
  /**
   * Made twice, it takes effect once; false by default. Then it is never hedged, and tried again only after an error that
   * rules out an effect.
   */
  readonly idempotent?: boolean;
}

/**
 * Cold: each subscription is one call. Unsubscribing tears down whatever is running for it, and counts nothing.
 * Errors besides those of `call$`: DEADLINE_EXCEEDED, CIRCUIT_OPEN, CIRCUIT_SATURATED, CIRCUIT_TIMEOUT.
 */
export function protect<T>(call$: Observable<T>, protection: Protection, terms: CallTerms = {}): Observable<T> {
  const { clock, circuit, bulkhead, extraLoad } = protection;
  const { deadlineMs = Infinity, idempotent = false } = terms;
  let protected$ = call$;
  if (circuit) protected$ = circuit.protect(protected$);
  if (bulkhead) protected$ = protected$.pipe(throughBulkhead(bulkhead));
  if (extraLoad) {
    const { budget, random, retry, hedge } = extraLoad;
    if (hedge && idempotent) protected$ = protected$.pipe(withHedge(hedge, { clock, budget }));
    if (retry) protected$ = protected$.pipe(withRetry(retry, { idempotent, deadlineMs }, { clock, random, budget }));
    protected$ = protected$.pipe(earning(budget));
  }
  return protected$.pipe(withDeadline(clock, deadlineMs));
}
