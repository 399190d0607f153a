/**
 * Our own circuit: the decisions of circuit-phase.ts over the rings of call-window.ts, on an injected clock, so that it
 * runs in virtual time under the simulator exactly as it does in production. Its only timers are those of calls in flight.
 */
import type { Clock } from '@app/time';
import type { Evidence } from './call-outcome.js';
import { callWindow, isTripped, type CallWindow, type WindowReading } from './call-window.js';
import { REFUSED, type CircuitMachine, type TransitionListener } from './circuit-machine.js';
import { INITIAL_PHASE, admitted, phaseAt, settled, type CircuitPhase } from './circuit-phase.js';
import type { CircuitPolicy } from './circuit-policy.js';
import type { Circuit, CircuitState } from './circuit.js';
import { GuardedCircuit } from './guarded-circuit.js';

/** @throws InvariantViolation when the policy means nothing */
export function ownCircuit(name: string, policy: CircuitPolicy, clock: Clock): Circuit {
  return new GuardedCircuit(name, policy, clock, (onTransition) => new OwnMachine(policy, clock.monotonicMs(), onTransition));
}

class OwnMachine implements CircuitMachine {
  readonly #policy: CircuitPolicy;
  readonly #window: CallWindow;
  readonly #onTransition: TransitionListener;
  #phase: CircuitPhase = INITIAL_PHASE;

  constructor(policy: CircuitPolicy, nowMs: number, onTransition: TransitionListener) {
    this.#policy = policy;
    this.#window = callWindow(policy.window, nowMs);
    this.#onTransition = onTransition;
  }

  stateAt(nowMs: number): CircuitState {
    return phaseAt(this.#phase, nowMs).state;
  }

  admit(nowMs: number): number {
    this.#enter(phaseAt(this.#phase, nowMs));
    const next = admitted(this.#phase, this.#policy);
    if (next === null) return REFUSED;
    this.#phase = next;
    return next.generation;
  }

  settle(ticket: number, evidence: Evidence, failed: boolean, slow: boolean, nowMs: number): void {
    const phase = this.#phase;
    if (ticket !== phase.generation) return;
    let tripped = false;
    if (phase.state === 'closed' && evidence !== 'none') {
      this.#window.record(failed, slow, nowMs);
      tripped = evidence === 'bad' && isTripped(this.#window.read(nowMs), this.#policy);
    }
    this.#enter(settled(phase, ticket, evidence, tripped, nowMs, this.#policy));
  }

  read(nowMs: number): WindowReading {
    return this.#window.read(nowMs);
  }

  stop(): void {}

  #enter(next: CircuitPhase): void {
    const from = this.#phase.state;
    this.#phase = next;
    if (next.state === from) return;
    // A closed circuit starts with a clean sheet: what opened it is no evidence about the dependency that came back.
    if (next.state === 'closed') this.#window.clear();
    this.#onTransition(from, next.state);
  }
}
