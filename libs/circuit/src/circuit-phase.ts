/**
 * The decisions of our own state machine: (phase, event, now) -> phase, no clock, no timer, nothing kept. A phase that
 * does not change is returned as the same object, so the closed circuit allocates nothing per call.
 *
 * Time alone does one thing, ending an open phase, and that is worked out when somebody asks: no timer is needed to turn
 * an idle circuit half-open. Refused: a timer per open circuit, which a simulation would have to drain and a process
 * would have to unref.
 *
 * Each phase has a generation. A call carries the one it began in, and its evidence counts only there: a call that
 * began before the circuit opened is no probe, whatever it brings home.
 */
import type { Evidence } from './call-outcome.js';
import type { CircuitPolicy } from './circuit-policy.js';

export type CircuitPhase =
  | { readonly state: 'closed'; readonly generation: number }
  | { readonly state: 'open'; readonly generation: number; readonly untilMs: number }
  | {
      readonly state: 'half-open';
      readonly generation: number;
      /** Probes in flight, and probes that were good; together at most the policy's `probeCount`. */
      readonly probesOut: number;
      readonly probesGood: number;
    };

export const INITIAL_PHASE: CircuitPhase = { state: 'closed', generation: 0 };

/** What the passing of time makes of a phase. */
export function phaseAt(phase: CircuitPhase, nowMs: number): CircuitPhase {
  if (phase.state !== 'open' || nowMs < phase.untilMs) return phase;
  return { state: 'half-open', generation: phase.generation + 1, probesOut: 0, probesGood: 0 };
}

/** A call asks to go out: the phase with the call in it, or null when it is refused. `phase` is of now. */
export function admitted(phase: CircuitPhase, policy: CircuitPolicy): CircuitPhase | null {
  if (phase.state === 'closed') return phase;
  if (phase.state === 'open' || phase.probesOut + phase.probesGood >= policy.probeCount) return null;
  return { ...phase, probesOut: phase.probesOut + 1 };
}

/**
 * A call has ended. `generation` is that of the phase it was admitted in, `tripped` whether the window, with this call
 * in it, is reason to open.
 */
export function settled(
  phase: CircuitPhase,
  generation: number,
  evidence: Evidence,
  tripped: boolean,
  nowMs: number,
  policy: CircuitPolicy,
): CircuitPhase {
  if (generation !== phase.generation || phase.state === 'open') return phase;
  if (phase.state === 'closed') return evidence === 'bad' && tripped ? opened(phase, nowMs, policy) : phase;
  if (evidence === 'bad') return opened(phase, nowMs, policy);
  const probesGood = phase.probesGood + (evidence === 'good' ? 1 : 0);
  if (probesGood === policy.probeCount) return { state: 'closed', generation: phase.generation + 1 };
  return { ...phase, probesOut: phase.probesOut - 1, probesGood };
}

function opened(phase: CircuitPhase, nowMs: number, policy: CircuitPolicy): CircuitPhase {
  return { state: 'open', generation: phase.generation + 1, untilMs: nowMs + policy.openMs };
}
