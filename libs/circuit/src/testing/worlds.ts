/** The two worlds a circuit is tested in. */
import { SimClock } from '@app/time';
import { vi } from 'vitest';
import { opossumCircuit } from '../opossum-circuit.js';
import { ownCircuit } from '../own-circuit.js';
import type { CircuitWorld } from './circuit-scene.js';

/** Our own state machine, in virtual time. */
export function ownWorld(): CircuitWorld {
  const clock = new SimClock();
  return {
    circuit: (policy) => ownCircuit('films', policy, clock),
    advance: (durationMs) => clock.advance(durationMs),
    pendingTimers: () => clock.pending,
    end: () => {},
  };
}

/** opossum, under vitest's fake timers until `end`. */
export function opossumWorld(): CircuitWorld {
  vi.useFakeTimers();
  return {
    circuit: (policy) => opossumCircuit('films', policy),
    advance: (durationMs) => void vi.advanceTimersByTime(durationMs),
    pendingTimers: () => vi.getTimerCount(),
    end: () => void vi.useRealTimers(),
  };
}
