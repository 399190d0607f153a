/**
 * The calls that a circuit's rates are taken over: the last few seconds, or the last few calls. Both are rings of fixed
 * size with running sums, so a breaker's memory does not grow with its traffic, and a judgement costs no walk.
 * Refused: keeping the calls themselves, or their latencies (opossum does, whether asked to or not).
 */
import type { CallWindowPolicy, CircuitPolicy } from './circuit-policy.js';

/** What is in the window now; all are counts of judged calls. */
export interface WindowReading {
  readonly calls: number;
  readonly failures: number;
  readonly slowCalls: number;
}

export interface CallWindow {
  record(failed: boolean, slow: boolean, nowMs: number): void;
  read(nowMs: number): WindowReading;
  clear(): void;
}

/** @param nowMs a monotonic moment: where the first bucket of a time window begins */
export function callWindow(policy: CallWindowPolicy, nowMs: number): CallWindow {
  return policy.kind === 'time' ? new TimeWindow(policy, nowMs) : new CountWindow(policy.callCount);
}

/** Whether what is in the window is reason to open. Asked at bad evidence only: a good call never opens a circuit. */
export function isTripped(window: WindowReading, policy: CircuitPolicy): boolean {
  if (window.calls < policy.volumeThreshold) return false;
  // Divided, not multiplied out: 7 / 100 is exactly 0.07, while 0.07 * 100 is more than 7.
  if (window.failures / window.calls >= policy.failureRateThreshold) return true;
  return policy.slow !== undefined && window.slowCalls / window.calls >= policy.slow.rateThreshold;
}

/** The sums are the window's own reading: it is one object for the window's life, so a judgement allocates nothing. */
interface Sums {
  calls: number;
  failures: number;
  slowCalls: number;
}

class TimeWindow implements CallWindow {
  readonly #bucketMs: number;
  readonly #bucketCount: number;
  readonly #beganMs: number;
  /** Three counts a bucket: calls, failures, slow calls. */
  readonly #buckets: Uint32Array;
  readonly #sums: Sums = { calls: 0, failures: 0, slowCalls: 0 };
  /** Buckets begun since the window began; the current one is at this modulo the count. */
  #epoch = 0;

  constructor(policy: { readonly durationMs: number; readonly bucketCount: number }, nowMs: number) {
    this.#bucketCount = policy.bucketCount;
    this.#bucketMs = policy.durationMs / policy.bucketCount;
    this.#beganMs = nowMs;
    this.#buckets = new Uint32Array(3 * policy.bucketCount);
  }

  record(failed: boolean, slow: boolean, nowMs: number): void {
    this.#forget(nowMs);
    const at = 3 * (this.#epoch % this.#bucketCount);
    const buckets = this.#buckets;
    buckets[at]!++;
    this.#sums.calls++;
    if (failed) {
      buckets[at + 1]!++;
      this.#sums.failures++;
    }
    if (slow) {
      buckets[at + 2]!++;
      this.#sums.slowCalls++;
    }
  }

  read(nowMs: number): WindowReading {
    this.#forget(nowMs);
    return this.#sums;
  }

  clear(): void {
    this.#buckets.fill(0);
    reset(this.#sums);
  }

  #forget(nowMs: number): void {
    const epoch = Math.floor((nowMs - this.#beganMs) / this.#bucketMs);
    if (epoch === this.#epoch) return;
    if (epoch - this.#epoch >= this.#bucketCount) {
      this.clear();
    } else {
      for (let next = this.#epoch + 1; next <= epoch; next++) this.#drop(3 * (next % this.#bucketCount));
    }
    this.#epoch = epoch;
  }

  #drop(at: number): void {
    const buckets = this.#buckets;
    this.#sums.calls -= buckets[at]!;
    this.#sums.failures -= buckets[at + 1]!;
    this.#sums.slowCalls -= buckets[at + 2]!;
    buckets.fill(0, at, at + 3);
  }
}

const FAILED = 1;
const SLOW = 2;

class CountWindow implements CallWindow {
  /** One call a place: the bits FAILED and SLOW. */
  readonly #calls: Uint8Array;
  readonly #sums: Sums = { calls: 0, failures: 0, slowCalls: 0 };
  #next = 0;

  constructor(callCount: number) {
    this.#calls = new Uint8Array(callCount);
  }

  record(failed: boolean, slow: boolean): void {
    const sums = this.#sums;
    if (sums.calls === this.#calls.length) {
      const oldest = this.#calls[this.#next]!;
      if (oldest & FAILED) sums.failures--;
      if (oldest & SLOW) sums.slowCalls--;
    } else {
      sums.calls++;
    }
    this.#calls[this.#next] = (failed ? FAILED : 0) | (slow ? SLOW : 0);
    this.#next = (this.#next + 1) % this.#calls.length;
    if (failed) sums.failures++;
    if (slow) sums.slowCalls++;
  }

  read(): WindowReading {
    return this.#sums;
  }

  clear(): void {
    this.#next = 0;
    reset(this.#sums);
  }
}

function reset(sums: Sums): void {
  sums.calls = 0;
  sums.failures = 0;
  sums.slowCalls = 0;
}
