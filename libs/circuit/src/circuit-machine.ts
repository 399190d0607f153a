/**
 * What a circuit needs from a state machine, and nothing that knows Observables: may this call go out, and what did it
 * prove? Two fill it: own-circuit.ts in plain code on any clock, opossum-circuit.ts around opossum. Everything that both
 * need and opossum cannot do (permits, timeouts, teardown, leaving) is in guarded-circuit.ts, once.
 */
import type { Evidence } from './call-outcome.js';
import type { WindowReading } from './call-window.js';
import type { CircuitState } from './circuit.js';

export interface CircuitMachine {
  /** The state a call made at `nowMs` would meet. */
  stateAt(nowMs: number): CircuitState;
  /**
   * May one call go out? A ticket if so, to be handed to `settle` exactly once; REFUSED if not. The ticket names the
   * period between two transitions in which the call began: what it proves later is about that period only.
   */
  admit(nowMs: number): number;
  /** `slow`: the call took long enough to be called slow by the policy. */
  settle(ticket: number, evidence: Evidence, failed: boolean, slow: boolean, nowMs: number): void;
  /** Valid until the next call of anything here. */
  read(nowMs: number): WindowReading;
  /** Frees timers. Nothing but `stateAt` and `read` is called afterwards. */
  stop(): void;
}

export const REFUSED = -1;

/** Told after the machine is in the new state, so a listener may call the circuit again. */
export type TransitionListener = (from: CircuitState, to: CircuitState) => void;
