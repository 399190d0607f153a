/** Where the clauses of the circuit contract are played: a circuit, calls through it, and time in the test's hand. */
import type { CircuitPolicy } from '../circuit-policy.js';
import type { Circuit } from '../circuit.js';
import { Diary, FakeCall } from './fake-call.js';

/** A circuit's surroundings; each state machine brings its own. */
export interface CircuitWorld {
  circuit(policy: CircuitPolicy): Circuit;
  advance(durationMs: number): void;
  /** Timers that somebody asked for and that have neither run nor been cancelled. */
  pendingTimers(): number;
  end(): void;
}

/** Small enough to count on fingers: opens at 2 failures of 4 calls, takes 2 probes, holds 4 calls. */
export const SMALL_POLICY: CircuitPolicy = {
  timeoutMs: 100,
  timeoutUntil: 'end',
  capacity: 4,
  window: { kind: 'time', durationMs: 1_000, bucketCount: 10 },
  volumeThreshold: 4,
  failureRateThreshold: 0.5,
  openMs: 500,
  probeCount: 2,
};

/** One world at a time, made anew for each test. */
export class CircuitScene {
  #world: CircuitWorld | undefined;

  constructor(private readonly makeWorld: () => CircuitWorld) {}

  begin(): void {
    this.#world = this.makeWorld();
  }

  end(): void {
    this.#world?.end();
  }

  circuit(change: Partial<CircuitPolicy> = {}): Circuit {
    return this.#world!.circuit({ ...SMALL_POLICY, ...change });
  }

  openCircuit(change: Partial<CircuitPolicy> = {}): Circuit {
    const circuit = this.circuit(change);
    open(circuit);
    return circuit;
  }

  halfOpenCircuit(change: Partial<CircuitPolicy> = {}): Circuit {
    const circuit = this.openCircuit(change);
    this.advance(SMALL_POLICY.openMs);
    return circuit;
  }

  advance(durationMs: number): void {
    this.#world!.advance(durationMs);
  }

  get pendingTimers(): number {
    return this.#world!.pendingTimers();
  }
}

/** A call in flight through the circuit. */
export function begin(circuit: Circuit): { readonly call: FakeCall; readonly diary: Diary } {
  const call = new FakeCall();
  return { call, diary: new Diary(circuit.protect(call.call$)) };
}

export const answerOne = (circuit: Circuit): void => begin(circuit).call.answer();
export const failOne = (circuit: Circuit, error?: unknown): void => begin(circuit).call.fail(error);
/** As many failures as open a circuit of the small policy. */
export const open = (circuit: Circuit): void => times(SMALL_POLICY.volumeThreshold, () => failOne(circuit));

export function times(count: number, act: () => void): void {
  for (let i = 0; i < count; i++) act();
}
