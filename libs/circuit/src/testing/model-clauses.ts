/** The contract, at random: any sequence of calls, ends and waits leaves a circuit where the dumb model says. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallOutcome } from '../call-outcome.js';
import type { CircuitPolicy } from '../circuit-policy.js';
import { MISTAKE } from './call-clauses.js';
import { CircuitModel } from './circuit-model.js';
import { begin, type CircuitScene } from './circuit-scene.js';

type Step =
  | { readonly kind: 'call' }
  | { readonly kind: 'value' | 'answer' | 'fail' | 'mistake' | 'leave'; readonly which: number }
  | { readonly kind: 'wait'; readonly durationMs: number };

const OUTCOMES: readonly CallOutcome[] = ['success', 'failure', 'timeout', 'mistake', 'cancelled', 'rejected'];

const policies: fc.Arbitrary<CircuitPolicy> = fc.record({
  timeoutMs: fc.constantFrom(20, 60),
  timeoutUntil: fc.constantFrom('end', 'first-value'),
  capacity: fc.integer({ min: 1, max: 5 }),
  window: fc.oneof(
    fc.constant({ kind: 'time' as const, durationMs: 100, bucketCount: 4 }),
    fc.constant({ kind: 'count' as const, callCount: 5 }),
  ),
  volumeThreshold: fc.integer({ min: 1, max: 4 }),
  failureRateThreshold: fc.constantFrom(0.3, 0.5, 1),
  slow: fc.constantFrom(undefined, { callMs: 10, rateThreshold: 0.6 }),
  openMs: fc.constantFrom(30, 80),
  probeCount: fc.integer({ min: 1, max: 3 }),
}) as fc.Arbitrary<CircuitPolicy>;

/** Ends are aimed at the youngest calls, which are the likeliest to be in flight. */
const which = fc.nat({ max: 3 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant({ kind: 'call' as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('value' as const), which }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('answer' as const), which }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('fail' as const), which }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('mistake' as const, 'leave' as const), which }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), durationMs: fc.constantFrom(1, 9, 10, 25, 30, 80) }) },
  ),
  { minLength: 20, maxLength: 80, size: 'max' },
);

export function modelClauses(scene: CircuitScene): void {
  describe('any sequence of calls, ends and waits', () => {
    it('leaves the circuit in the state, and with the counts, of the reference model', () => {
      const visited = new Set<string>();
      fc.assert(
        fc.property(policies, steps, (policy, sequence) => {
          scene.begin();
          try {
            play(scene, policy, sequence, visited);
          } finally {
            scene.end();
          }
        }),
      );
      expect([...visited].sort()).toEqual(['closed', 'half-open', 'half-open > closed', 'half-open > open', 'open']);
    });
  });
}

function play(scene: CircuitScene, policy: CircuitPolicy, sequence: readonly Step[], visited: Set<string>): void {
  const model = new CircuitModel(policy);
  const circuit = scene.circuit(policy);
  const flying: ReturnType<typeof begin>[] = [];
  const fates: string[] = [];
  const foretold: string[] = [];
  for (const step of sequence) {
    const before = model.state;
    if (step.kind === 'wait') {
      model.advance(step.durationMs);
      scene.advance(step.durationMs);
    } else if (step.kind === 'call') {
      const made = begin(circuit);
      const admitted = made.call.subscriptions === 1 && made.diary.lines.length === 0;
      if (admitted) flying.push(made);
      fates.push(admitted ? 'admitted' : made.diary.lines.join());
      foretold.push(model.call());
    } else {
      const at = flying.length - 1 - step.which;
      const modelled = model.calls[at];
      if (modelled === undefined || modelled.over) continue;
      const { call, diary } = flying[at]!;
      if (step.kind === 'value') {
        model.value(modelled);
        call.value('value');
      } else {
        model.end(modelled, step.kind);
        if (step.kind === 'answer') call.answer();
        else if (step.kind === 'leave') diary.leave();
        else call.fail(step.kind === 'mistake' ? MISTAKE : new Error('dependency failed'));
      }
    }
    if (before === 'half-open' && model.state !== before) visited.add(`${before} > ${model.state}`);
    visited.add(model.state);
    expect(fates).toEqual(foretold);
    expect(circuit.statistics()).toEqual({
      circuit: circuit.name,
      state: model.state,
      inFlight: model.inFlight,
      window: model.window(),
      totals: Object.fromEntries(OUTCOMES.map((outcome) => [outcome, model.total(outcome)])),
    });
    expect(flying.map(({ call }) => call.live)).toEqual(model.calls.map((call) => (call.over ? 0 : 1)));
  }
}
