/**
 * What every circuit promises, whatever state machine is behind it: run by own-circuit.spec.ts in virtual time and by
 * opossum-circuit.spec.ts under fake timers. All of it is synchronous: a circuit has judged a call before its caller
 * hears of the end.
 */
import { afterEach, beforeEach, describe } from 'vitest';
import { callClauses } from './call-clauses.js';
import { CircuitScene, type CircuitWorld } from './circuit-scene.js';
import { modelClauses } from './model-clauses.js';
import { stateClauses } from './state-clauses.js';

export function circuitContract(name: string, makeWorld: () => CircuitWorld): void {
  describe(`${name}`, () => {
    const scene = new CircuitScene(makeWorld);
    beforeEach(() => scene.begin());
    afterEach(() => scene.end());
    callClauses(scene);
    stateClauses(scene);
    modelClauses(scene);
  });
}
