/**
 * The circuit with opossum as its state machine; the only file that knows opossum. Real time only: opossum reads the
 * machine's clock and timers itself.
 *
 * opossum is told how calls ended; it is never handed a call. It keeps what it does well: the rolling failure rate, the
 * volume threshold, the open state and its timer. The rest is on our side (guarded-circuit.ts and below), because handed
 * a call it is wrong about each of: Observables (success without a subscription), callers who leave (permit and work
 * leak), timeouts (one aborts its neighbours), rejections (count as failures), filtered errors (count as successes, and
 * close a half-open circuit), probes (one, and a lost one blocks the circuit for ever), calls in flight and refused calls
 * (both dilute the rate), closing (old failures stay in the window). opossum-defects.spec.ts shows each of them, there
 * and gone; docs/decisions/0003 has the reasons.
 *
 * Three small bends:
 * - An outcome is reported through a thenable that settles at once, so a circuit has judged a call before its caller hears
 *   of the end; through a promise it would lag by some microtasks, and a retry would meet the state before.
 * - The window turns by opossum's `rotateBucketController` when there is something to record, in place of an interval.
 * - Count windows and slow calls, which opossum does not have, are kept beside it (call-window.ts) and open it by `open()`.
 */
import { EventEmitter } from 'node:events';
import { systemClock } from '@app/time';
import CircuitBreaker from 'opossum';
import type { Evidence } from './call-outcome.js';
import { callWindow, isTripped, type CallWindow, type WindowReading } from './call-window.js';
import { REFUSED, type CircuitMachine, type TransitionListener } from './circuit-machine.js';
import type { CircuitPolicy } from './circuit-policy.js';
import type { Circuit, CircuitState } from './circuit.js';
import { GuardedCircuit } from './guarded-circuit.js';

/** @throws InvariantViolation when the policy means nothing */
export function opossumCircuit(name: string, policy: CircuitPolicy): Circuit {
  return new GuardedCircuit(
    name,
    policy,
    systemClock,
    (onTransition) => new OpossumMachine(name, policy, systemClock.monotonicMs(), onTransition),
  );
}

class OpossumMachine implements CircuitMachine {
  readonly #policy: CircuitPolicy;
  readonly #breaker: CircuitBreaker<[Promise<void>], void>;
  readonly #rotation = new EventEmitter();
  /** What opossum cannot count; null when its own window says it all. */
  readonly #beside: CallWindow | null;
  readonly #bucketCount: number;
  readonly #bucketMs: number;
  readonly #beganMs: number;
  readonly #onTransition: TransitionListener;
  #bucketsBegun = 0;
  #state: CircuitState = 'closed';
  #generation = 0;
  #probesOut = 0;
  #probesGood = 0;

  constructor(name: string, policy: CircuitPolicy, nowMs: number, onTransition: TransitionListener) {
    const { window } = policy;
    this.#policy = policy;
    this.#onTransition = onTransition;
    this.#beganMs = nowMs;
    this.#bucketCount = window.kind === 'time' ? window.bucketCount : 1;
    this.#bucketMs = window.kind === 'time' ? window.durationMs / window.bucketCount : Infinity;
    this.#beside = window.kind === 'count' || policy.slow ? callWindow(window, nowMs) : null;
    this.#breaker = new CircuitBreaker((outcome: Promise<void>) => outcome, {
      name,
      timeout: false,
      // opossum opens above its threshold, we at it; no two rates of fewer than 10^9 calls are this close.
      errorThresholdPercentage: 100 * policy.failureRateThreshold - 1e-9,
      volumeThreshold: policy.volumeThreshold,
      resetTimeout: policy.openMs,
      rollingCountBuckets: this.#bucketCount,
      rotateBucketController: this.#rotation,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
    });
    this.#breaker.on('open', () => this.#enter('open'));
    this.#breaker.on('halfOpen', () => this.#enter('half-open'));
    this.#breaker.on('close', () => this.#enter('closed'));
  }

  stateAt(): CircuitState {
    return this.#state;
  }

  admit(): number {
    if (this.#state === 'closed') return this.#generation;
    if (this.#state === 'open' || this.#probesOut + this.#probesGood >= this.#policy.probeCount) return REFUSED;
    this.#probesOut++;
    return this.#generation;
  }

  settle(ticket: number, evidence: Evidence, failed: boolean, slow: boolean, nowMs: number): void {
    if (ticket !== this.#generation) return;
    if (this.#state === 'half-open') {
      this.#probesOut--;
      if (evidence === 'bad') this.#breaker.open();
      else if (evidence === 'good' && ++this.#probesGood === this.#policy.probeCount) this.#breaker.close();
    } else if (evidence !== 'none') {
      this.#beside?.record(failed, slow, nowMs);
      if (this.#policy.window.kind === 'time') this.#tellOpossum(failed, nowMs);
      // Does nothing where opossum has opened already.
      if (evidence === 'bad' && this.#beside && isTripped(this.#beside.read(nowMs), this.#policy)) this.#breaker.open();
    }
  }

  read(nowMs: number): WindowReading {
    if (this.#beside) return this.#beside.read(nowMs);
    this.#turn(nowMs);
    const { successes, failures } = this.#breaker.stats;
    return { calls: successes + failures, failures, slowCalls: 0 };
  }

  stop(): void {
    this.#breaker.shutdown();
  }

  #tellOpossum(failed: boolean, nowMs: number): void {
    this.#turn(nowMs);
    const fired = this.#breaker.fire(failed ? FAILED : ANSWERED);
    if (failed) fired.catch(() => {});
    // opossum keeps a number per call for percentiles that are switched off.
    this.#breaker.status.window[0]!.latencyTimes.length = 0;
  }

  /** Begins the buckets that are due. */
  #turn(nowMs: number): void {
    const due = Math.floor((nowMs - this.#beganMs) / this.#bucketMs);
    if (due === this.#bucketsBegun) return;
    this.#rotate(Math.min(due - this.#bucketsBegun, this.#bucketCount));
    this.#bucketsBegun = due;
  }

  #rotate(turns: number): void {
    for (let i = 0; i < turns; i++) this.#rotation.emit('rotate');
  }

  #enter(to: CircuitState): void {
    const from = this.#state;
    this.#state = to;
    this.#generation++;
    this.#probesOut = 0;
    this.#probesGood = 0;
    if (to === 'closed') {
      this.#rotate(this.#bucketCount);
      this.#beside?.clear();
    }
    this.#onTransition(from, to);
  }
}

/**
 * Outcomes for opossum to hear at once. opossum calls `then(heard).catch(heard)` on whatever has a `then`, and these call
 * back within that. Should a release use promises in another way, the contract suite fails at the first clause.
 */
const FAILURE = new Error('a call failed');
const ANSWERED = {
  then(heard: () => void) {
    heard();
    return { catch() {} };
  },
} as unknown as Promise<void>;
const FAILED = {
  then() {
    return { catch: (heard: (error: Error) => void) => heard(FAILURE) };
  },
} as unknown as Promise<void>;
