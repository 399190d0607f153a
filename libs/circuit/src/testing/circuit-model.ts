/**
 * The dumb version of a circuit, to check the clever ones against: it keeps every call it ever saw and works out
 * everything anew from that list. Time is a number that the test moves; timeouts happen when it is moved past them.
 */
import type { CallOutcome } from '../call-outcome.js';
import type { CircuitPolicy } from '../circuit-policy.js';
import type { CircuitState } from '../circuit.js';

type ModelEnding = 'answer' | 'fail' | 'mistake' | 'leave';

interface ModelCall {
  readonly beganMs: number;
  /** The number of the period between transitions that it began in. */
  readonly period: number;
  valueSeen: boolean;
  judged: { readonly outcome: CallOutcome; readonly atMs: number; readonly period: number } | null;
  over: boolean;
}

export class CircuitModel {
  nowMs = 0;
  #state: CircuitState = 'closed';
  #period = 0;
  #enteredMs = 0;
  readonly calls: ModelCall[] = [];
  rejected = 0;

  constructor(readonly policy: CircuitPolicy) {}

  get state(): CircuitState {
    return this.#state;
  }

  get inFlight(): number {
    return this.calls.filter((call) => !call.over).length;
  }

  total(outcome: CallOutcome): number {
    if (outcome === 'rejected') return this.rejected;
    return this.calls.filter((call) => call.judged?.outcome === outcome).length;
  }

  /** How a call made now fares; it is in `calls` when it was admitted. */
  call(): 'admitted' | 'CIRCUIT_OPEN' | 'CIRCUIT_SATURATED' {
    const probes = this.#ofThisPeriod().filter((call) => !call.over || this.#isGood(call));
    const refused = this.#state === 'open' || (this.#state === 'half-open' && probes.length >= this.policy.probeCount);
    if (refused || this.inFlight >= this.policy.capacity) {
      this.rejected++;
      return refused ? 'CIRCUIT_OPEN' : 'CIRCUIT_SATURATED';
    }
    this.calls.push({ beganMs: this.nowMs, period: this.#period, valueSeen: false, judged: null, over: false });
    return 'admitted';
  }

  value(call: ModelCall): void {
    call.valueSeen = true;
    if (this.policy.timeoutUntil === 'first-value') this.#judge(call, 'success');
  }

  end(call: ModelCall, how: ModelEnding): void {
    call.over = true;
    if (how === 'answer') this.#judge(call, 'success');
    if (how === 'fail') this.#judge(call, 'failure');
    if (how === 'mistake') this.#judge(call, 'mistake');
    if (how === 'leave') this.#judge(call, call.valueSeen ? 'success' : 'cancelled');
  }

  /** One millisecond at a time, so that nothing can be missed. */
  advance(durationMs: number): void {
    for (let i = 0; i < durationMs; i++) {
      this.nowMs++;
      for (const call of this.calls) {
        if (call.over || call.judged || this.nowMs < call.beganMs + this.policy.timeoutMs) continue;
        call.over = true;
        this.#judge(call, 'timeout');
      }
      if (this.#state === 'open' && this.nowMs >= this.#enteredMs + this.policy.openMs) this.#enter('half-open');
    }
  }

  /** Judged calls that the rates are taken over; of the last closed period. */
  window(): { calls: number; failures: number; slowCalls: number } {
    const { window } = this.policy;
    const period = this.#lastClosedPeriod();
    let judged = this.calls
      .filter((call) => call.period === period && call.judged?.period === period && this.#provesSomething(call))
      .sort((a, b) => a.judged!.atMs - b.judged!.atMs);
    if (window.kind === 'count') {
      judged = this.#judgedInOrder.filter((call) => judged.includes(call)).slice(-window.callCount);
    } else {
      const bucketMs = window.durationMs / window.bucketCount;
      const oldest = Math.floor(this.nowMs / bucketMs) - window.bucketCount + 1;
      judged = judged.filter((call) => Math.floor(call.judged!.atMs / bucketMs) >= oldest);
    }
    return {
      calls: judged.length,
      failures: judged.filter((call) => this.#isFailure(call)).length,
      slowCalls: judged.filter((call) => this.#isSlow(call)).length,
    };
  }

  readonly #judgedInOrder: ModelCall[] = [];
  readonly #closedPeriods: number[] = [0];

  #judge(call: ModelCall, outcome: CallOutcome): void {
    if (call.judged) return;
    call.judged = { outcome, atMs: this.nowMs, period: this.#period };
    this.#judgedInOrder.push(call);
    if (call.period !== this.#period || !this.#provesSomething(call)) return;
    if (this.#state === 'closed') {
      if (!this.#isGood(call) && this.#isTripped()) this.#enter('open');
    } else if (this.#state === 'half-open') {
      if (!this.#isGood(call)) this.#enter('open');
      else if (this.#ofThisPeriod().filter((probe) => this.#isGood(probe)).length === this.policy.probeCount) this.#enter('closed');
    }
  }

  #isTripped(): boolean {
    const { calls, failures, slowCalls } = this.window();
    const { volumeThreshold, failureRateThreshold, slow } = this.policy;
    if (calls < volumeThreshold) return false;
    return failures / calls >= failureRateThreshold || (slow !== undefined && slowCalls / calls >= slow.rateThreshold);
  }

  #enter(state: CircuitState): void {
    this.#state = state;
    this.#period++;
    this.#enteredMs = this.nowMs;
    if (state === 'closed') this.#closedPeriods.push(this.#period);
  }

  #lastClosedPeriod(): number {
    return this.#closedPeriods.at(-1)!;
  }

  #ofThisPeriod(): ModelCall[] {
    return this.calls.filter((call) => call.period === this.#period);
  }

  #provesSomething(call: ModelCall): boolean {
    return call.judged !== null && ['success', 'failure', 'timeout'].includes(call.judged.outcome);
  }

  #isFailure(call: ModelCall): boolean {
    return call.judged?.outcome === 'failure' || call.judged?.outcome === 'timeout';
  }

  #isSlow(call: ModelCall): boolean {
    return call.judged!.atMs - call.beganMs >= (this.policy.slow?.callMs ?? Infinity);
  }

  #isGood(call: ModelCall): boolean {
    return call.judged?.outcome === 'success' && !this.#isSlow(call);
  }
}
