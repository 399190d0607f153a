import { describe, expect, it } from 'vitest';
import { INITIAL_PHASE, admitted, phaseAt, settled, type CircuitPhase } from './circuit-phase.js';
import { SMALL_POLICY as policy } from './testing/circuit-scene.js';

const open: CircuitPhase = { state: 'open', generation: 1, untilMs: 1_500 };
const halfOpen: CircuitPhase = { state: 'half-open', generation: 2, probesOut: 0, probesGood: 0 };

describe('a phase', () => {
  it('closed: admits every call and changes for none that is good, the same object all along', () => {
    expect(phaseAt(INITIAL_PHASE, 1e9)).toBe(INITIAL_PHASE);
    expect(admitted(INITIAL_PHASE, policy)).toBe(INITIAL_PHASE);
    expect(settled(INITIAL_PHASE, 0, 'good', true, 0, policy)).toBe(INITIAL_PHASE);
    expect(settled(INITIAL_PHASE, 0, 'none', true, 0, policy)).toBe(INITIAL_PHASE);
    expect(settled(INITIAL_PHASE, 0, 'bad', false, 0, policy)).toBe(INITIAL_PHASE);
  });

  it('closed: opens for openMs at bad evidence when the window is reason to', () => {
    expect(settled(INITIAL_PHASE, 0, 'bad', true, 1_000, policy)).toEqual(open);
  });

  it('open: admits nobody, and ends by time alone', () => {
    expect(admitted(open, policy)).toBeNull();
    expect(phaseAt(open, 1_499)).toBe(open);
    expect(phaseAt(open, 1_500)).toEqual(halfOpen);
  });

  it('half-open: counts probes out and probes good, and admits while both together are too few', () => {
    const one = admitted(halfOpen, policy)!;
    const two = admitted(one, policy)!;
    expect(two).toMatchObject({ probesOut: 2, probesGood: 0 });
    expect(admitted(two, policy)).toBeNull();
    const good = settled(two, 2, 'good', false, 0, policy);
    expect(good).toMatchObject({ probesOut: 1, probesGood: 1 });
    expect(admitted(good, policy)).toBeNull();
    const left = settled(good, 2, 'none', false, 0, policy);
    expect(left).toMatchObject({ state: 'half-open', probesOut: 0, probesGood: 1 });
    expect(settled(admitted(left, policy)!, 2, 'good', false, 0, policy)).toEqual({ state: 'closed', generation: 3 });
    expect(settled(two, 2, 'bad', false, 2_000, policy)).toEqual({ state: 'open', generation: 3, untilMs: 2_500 });
  });

  it('takes no notice of evidence from another generation', () => {
    for (const phase of [INITIAL_PHASE, open, halfOpen]) {
      for (const evidence of ['good', 'bad', 'none'] as const) {
        expect(settled(phase, phase.generation + 1, evidence, true, 0, policy)).toBe(phase);
        expect(settled(phase, phase.generation - 1, evidence, true, 0, policy)).toBe(phase);
      }
    }
  });
});
