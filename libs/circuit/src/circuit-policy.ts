/**
 * When a circuit gives up on a dependency, for how long, and what it takes to trust it again: plain data, so that a
 * policy can be named, compared, overridden field by field and shown on a console.
 *
 * Sources: Hystrix (`HystrixCommandProperties`: volume, error percentage, sleep window, semaphore), resilience4j
 * (`CircuitBreakerConfig`: both windows, slow-call rate, a set number of half-open permits).
 */
import { assert } from '@app/contracts';
import type { ErrorVerdict } from './call-outcome.js';

export interface CircuitPolicy {
  /**
   * How long a call may take, ms, > 0. Keep it below the deadlines of the callers: a caller who leaves first proves
   * nothing, so a dependency that hangs would never open the circuit.
   */
  readonly timeoutMs: number;
  /**
   * What must happen in time. 'end': the call's completion; right for single answers and short streams. 'first-value':
   * its first value or its completion; right for streams without an end. Such a call is judged by how it begins, and
   * how it ends later is a matter for its listener. The permit is held to the end in both.
   */
  readonly timeoutUntil: 'end' | 'first-value';
  /**
   * Permits: calls in flight at once, a count >= 1; the next one is rejected, never queued. By Little's law, the calls
   * a second that the dependency must carry times `timeoutMs` is what a dependency that hangs can fill.
   */
  readonly capacity: number;
  /** The calls that the rates are taken over. Shorter reacts sooner, and to less. */
  readonly window: CallWindowPolicy;
  /** Judged calls in the window before a rate means anything, a count >= 1. */
  readonly volumeThreshold: number;
  /** Share of failures and timeouts among the judged calls at which the circuit opens, in (0, 1]. */
  readonly failureRateThreshold: number;
  /**
   * Successes taking `callMs` or longer (and every failure that does) are slow; the circuit opens when their share of
   * the judged calls reaches `rateThreshold`, in (0, 1]. Absent: no call is slow.
   */
  readonly slow?: { readonly callMs: number; readonly rateThreshold: number };
  /** How long an open circuit refuses everything before it lets probes out, ms, > 0. */
  readonly openMs: number;
  /**
   * Probes a half-open circuit lets out, a count >= 1. It closes when so many were good, and opens again at the first
   * that was bad or slow. A probe that proves nothing gives its place back.
   */
  readonly probeCount: number;
  /** What an error of the call means; see `judgeByErrorTable`, the default. A judge that throws means failure. */
  readonly judge?: (error: unknown) => ErrorVerdict;
}

export type CallWindowPolicy =
  /** The last `durationMs`, in `bucketCount` equal parts that are forgotten one by one. */
  | { readonly kind: 'time'; readonly durationMs: number; readonly bucketCount: number }
  /** The last `callCount` judged calls, however long ago. */
  | { readonly kind: 'count'; readonly callCount: number };

/**
 * Reading from one store node. Another replica is asked long before 1.5 s (the client hedges after some 60 ms), so this
 * is no patience of the caller's: it says when a call proves that the node is at fault. Half a second was too little,
 * since a machine that stalls for a moment then fails every replica's call at once, with the deadline still far. 512
 * permits carry 340 reads a second into a hung node; beyond that memory is worth more. One second open: a node that was
 * restarted is back in use about as soon as it answers, and a dead one costs three calls a second.
 */
export const storeRead: CircuitPolicy = Object.freeze({
  timeoutMs: 1_500,
  timeoutUntil: 'end',
  capacity: 512,
  window: Object.freeze({ kind: 'time', durationMs: 10_000, bucketCount: 10 }),
  volumeThreshold: 10,
  failureRateThreshold: 0.5,
  openMs: 1_000,
  probeCount: 3,
});

/**
 * Writing through one store node. As `storeRead`; a circuit of its own, because a node whose disk fails may read well.
 * Never judged by slowness, which may be another node's.
 */
export const storeWrite: CircuitPolicy = Object.freeze({ ...storeRead });

/**
 * One lookup, or one batch of lookups, at a service behind the gateway, within a page's 300 ms. A page that is served
 * without one of its parts costs little, so this gives up sooner than a store's: calls that take the larger part of the
 * page's time are no use even when they succeed, and half of them being slow is as bad as half of them failing.
 */
export const serviceRead: CircuitPolicy = Object.freeze({
  timeoutMs: 250,
  timeoutUntil: 'end',
  capacity: 128,
  window: Object.freeze({ kind: 'time', durationMs: 5_000, bucketCount: 10 }),
  volumeThreshold: 20,
  failureRateThreshold: 0.5,
  slow: Object.freeze({ callMs: 200, rateThreshold: 0.5 }),
  openMs: 1_000,
  probeCount: 3,
});

/** @throws InvariantViolation on a policy that means nothing: a mistake in the program, found when it starts */
export function assertPolicy(policy: CircuitPolicy): void {
  const { window, slow } = policy;
  assert(isDuration(policy.timeoutMs), `timeoutMs must be a duration that a timer can hold, is ${policy.timeoutMs}`);
  assert(isDuration(policy.openMs), `openMs must be a duration that a timer can hold, is ${policy.openMs}`);
  assert(isCount(policy.capacity), `capacity must be a count of at least 1, is ${policy.capacity}`);
  assert(isCount(policy.volumeThreshold), `volumeThreshold must be a count of at least 1, is ${policy.volumeThreshold}`);
  assert(isCount(policy.probeCount), `probeCount must be a count of at least 1, is ${policy.probeCount}`);
  assert(isRate(policy.failureRateThreshold), `failureRateThreshold must be in (0, 1], is ${policy.failureRateThreshold}`);
  if (slow !== undefined) {
    assert(slow.callMs > 0 && slow.callMs <= policy.timeoutMs, `slow.callMs must be in (0, timeoutMs], is ${slow.callMs}`);
    assert(isRate(slow.rateThreshold), `slow.rateThreshold must be in (0, 1], is ${slow.rateThreshold}`);
  }
  if (window.kind === 'time') {
    assert(isDuration(window.durationMs), `window.durationMs must be > 0, is ${window.durationMs}`);
    assert(isCount(window.bucketCount), `window.bucketCount must be a count of at least 1, is ${window.bucketCount}`);
  } else {
    assert(isCount(window.callCount), `window.callCount must be a count of at least 1, is ${window.callCount}`);
    assert(policy.volumeThreshold <= window.callCount, 'volumeThreshold exceeds window.callCount: it would never open');
  }
}

/** Node's timers hold at most 2^31 - 1 ms; a longer delay would fire at once. */
export const isDuration = (ms: number): boolean => ms > 0 && ms <= 2_147_483_647;
export const isCount = (count: number): boolean => Number.isInteger(count) && count >= 1;
export const isRate = (rate: number): boolean => rate > 0 && rate <= 1;
