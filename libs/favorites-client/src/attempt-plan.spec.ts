import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assert, type ErrorCode, ERRORS, nodeId, TriptychError } from '@app/contracts';
import { type Attempt, type AttemptPlan, mayBeApplied, meaningOf, nextStep, stepByRules } from './attempt-plan.js';

const [A, B, C] = ['a1', 'b1', 'c1'].map(nodeId) as [ReturnType<typeof nodeId>, ReturnType<typeof nodeId>, ReturnType<typeof nodeId>];
const policy = { hedgeAfterMs: 60, doubtAfterMs: 60, attemptsPerReplica: 3, retryPauseMs: 100 };

const pending = (node: Attempt['node'], startedAtMs: number): Attempt => ({ node, startedAtMs });
const failed = (node: Attempt['node'], code: ErrorCode, atMs = 0): Attempt => ({
  node,
  startedAtMs: atMs,
  failure: { error: new TriptychError(code, code), atMs },
});

function stepOf(attempts: readonly Attempt[], over: Partial<AttemptPlan> = {}): string {
  const step = nextStep({
    candidates: [A, B, C],
    attempts,
    uncertain: false,
    mayHedge: true,
    outOfReachFromMs: () => Infinity,
    nowMs: 0,
    deadlineMs: 1_000,
    policy,
    ...over,
  });
  if (step.kind === 'try') return `try ${step.node} (${step.why})`;
  return step.kind === 'wait' ? `wait until ${step.untilMs}` : `give up: ${step.why}`;
}

describe('the plan of attempts', () => {
  const table: [title: string, attempts: Attempt[], over: Partial<AttemptPlan>, step: string][] = [
    ['begins at the best candidate', [], {}, 'try a1 (first)'],
    ['has nobody to ask without candidates', [], { candidates: [] }, 'give up: exhausted'],
    ['waits for an attempt that is not late', [pending(A, 0)], { nowMs: 59 }, 'wait until 60'],
    ['waits no longer than to the deadline', [pending(A, 0)], { nowMs: 10, deadlineMs: 30 }, 'wait until 30'],
    ['asks another beside one that is late', [pending(A, 0)], { nowMs: 60 }, 'try b1 (hedge)'],
    ['waits for the second before it asks a third', [pending(A, 0), pending(B, 60)], { nowMs: 60 }, 'wait until 120'],
    ['asks a third when two are late', [pending(A, 0), pending(B, 60)], { nowMs: 120 }, 'try c1 (hedge)'],
    ['looks again at all three when nobody is left', [pending(A, 0), pending(B, 60), pending(C, 120)], { nowMs: 500 }, 'wait until 560'],
    ['asks nobody beside a late one without a budget', [pending(A, 0)], { nowMs: 60, mayHedge: false }, 'wait until 120'],
    ['turns to the next at once when one failed', [failed(A, 'WIRE_UNREACHABLE')], {}, 'try b1 (failover)'],
    ['needs no budget for that', [failed(A, 'CIRCUIT_OPEN')], { mayHedge: false }, 'try b1 (failover)'],
    ['lets no error beat an attempt that may succeed', [pending(A, 0), failed(B, 'STORE_FAILED', 61)], { nowMs: 61 }, 'try c1 (hedge)'],
    ['not even when nobody is left', [pending(A, 0), failed(B, 'STORE_FAILED'), failed(C, 'STORE_FAILED')], { nowMs: 70 }, 'wait until 130'],
    ['has asked everybody once', [failed(A, 'WIRE_UNREACHABLE'), failed(B, 'STORE_DRAINING'), failed(C, 'STORE_NOT_REPLICA')], {}, 'give up: exhausted'],
    ['follows a candidate list that changed', [failed(A, 'STORE_NOT_REPLICA')], { candidates: [A, C] }, 'try c1 (failover)'],
    ['ends at a refusal of the request', [failed(A, 'ITEM_NOT_FOUND')], {}, 'give up: refused'],
    ['at once, even beside a pending attempt', [pending(A, 0), failed(B, 'LIST_FULL')], { nowMs: 61 }, 'give up: refused'],
    ['but waits where a write may still be acknowledged', [pending(A, 0), failed(B, 'REQUEST_INVALID')], { uncertain: true, nowMs: 61 }, 'wait until 1000'],
    ['asks a second coordinator about a quorum', [failed(A, 'STORE_QUORUM_UNAVAILABLE')], {}, 'try b1 (failover)'],
    ['and a third beside it, at once and without a budget', [failed(A, 'STORE_QUORUM_UNAVAILABLE'), pending(B, 0)], { mayHedge: false }, 'try c1 (failover)'],
    ['waits for what those say', [failed(A, 'STORE_QUORUM_UNAVAILABLE'), pending(B, 0), pending(C, 0)], { nowMs: 60 }, 'wait until 120'],
    ['believes one when the others are out of reach', [failed(A, 'STORE_QUORUM_UNAVAILABLE'), pending(B, 0), pending(C, 0)], { nowMs: 60, outOfReachFromMs: () => 50 }, 'give up: exhausted'],
    ['not before they had time to answer', [failed(A, 'STORE_QUORUM_UNAVAILABLE'), pending(B, 0), pending(C, 30)], { nowMs: 60, outOfReachFromMs: () => -Infinity }, 'wait until 90'],
    ['nor while one of them is in reach', [failed(A, 'STORE_QUORUM_UNAVAILABLE'), pending(B, 0), pending(C, 0)], { nowMs: 80, outOfReachFromMs: (node) => (node === B ? 70 : 100) }, 'wait until 100'],
    ['turns from one that is silent without a budget, and before it would hedge', [pending(A, 0)], { nowMs: 60, mayHedge: false, outOfReachFromMs: () => 60 }, 'try b1 (failover)'],
    ['waits for all who are silent, since nobody told it anything', [pending(A, 0), pending(B, 60), pending(C, 120)], { nowMs: 500, outOfReachFromMs: () => 60 }, 'wait until 1000'],
    ['believes two', [failed(A, 'STORE_QUORUM_UNAVAILABLE'), failed(B, 'STORE_QUORUM_UNAVAILABLE')], {}, 'give up: exhausted'],
    ['believes one and asks on past a dead one', [failed(A, 'STORE_QUORUM_UNAVAILABLE'), failed(B, 'WIRE_UNREACHABLE')], {}, 'try c1 (failover)'],
    ['still waits for a third that was asked', [pending(A, 0), failed(B, 'STORE_QUORUM_UNAVAILABLE'), failed(C, 'STORE_QUORUM_UNAVAILABLE')], { nowMs: 70 }, 'wait until 130'],
    ['unless that one is silent', [pending(A, 0), failed(B, 'STORE_QUORUM_UNAVAILABLE'), failed(C, 'STORE_QUORUM_UNAVAILABLE')], { nowMs: 70, outOfReachFromMs: () => 70 }, 'give up: exhausted'],
    ['ends at the deadline', [pending(A, 0)], { nowMs: 1_000 }, 'give up: deadline'],
    ['starts nothing at the deadline', [], { nowMs: 1_000 }, 'give up: deadline'],
  ];
  it.each(table)('%s', (_, attempts, over, step) => {
    expect(stepOf(attempts, over)).toBe(step);
  });

  const lost = (node: Attempt['node'], atMs: number): Attempt => failed(node, 'WIRE_CONNECTION_LOST', atMs);
  const uncertain: [title: string, attempts: Attempt[], nowMs: number, step: string][] = [
    ['first goes round', [lost(A, 0), lost(B, 0)], 0, 'try c1 (failover)'],
    ['pauses before a second round', [lost(A, 0), lost(B, 1), lost(C, 2)], 2, 'wait until 100'],
    ['asks the best again', [lost(A, 0), lost(B, 1), lost(C, 2)], 100, 'try a1 (failover)'],
    ['each after its own pause', [lost(A, 0), lost(B, 1), lost(C, 2), lost(A, 100)], 100, 'wait until 101'],
    ['pauses twice as long before a third', [0, 100].flatMap((ms) => [lost(A, ms), lost(B, ms), lost(C, ms)]), 100, 'wait until 300'],
    ['asks on although two see no quorum', [lost(A, 0), failed(B, 'STORE_QUORUM_UNAVAILABLE'), failed(C, 'STORE_QUORUM_UNAVAILABLE')], 100, 'try a1 (failover)'],
    ['ends after as many attempts as the policy says', [0, 100, 300].flatMap((ms) => [lost(A, ms), lost(B, ms), lost(C, ms)]), 300, 'give up: exhausted'],
    ['asks all the others of one that got no acknowledgements', [failed(A, 'STORE_WRITE_UNCERTAIN'), pending(B, 0)], 0, 'try c1 (failover)'],
    ['asks on while another is in reach', [failed(A, 'STORE_WRITE_UNCERTAIN'), lost(B, 0), lost(C, 0)], 100, 'try a1 (failover)'],
    ['asks again beside a late one', [pending(A, 0), lost(B, 60), lost(C, 60)], 160, 'try b1 (hedge)'],
  ];
  it('of a write that may have been applied ends when one got no acknowledgements and the others are out of reach', () => {
    const attempts = [failed(A, 'STORE_WRITE_UNCERTAIN'), failed(B, 'WIRE_UNREACHABLE'), pending(C, 0)];
    const outOfReach = { uncertain: true, outOfReachFromMs: (node: Attempt['node']) => (node === C ? 65 : -Infinity) };
    expect(stepOf(attempts, { ...outOfReach, nowMs: 64 })).toBe('wait until 65');
    expect(stepOf(attempts, { ...outOfReach, nowMs: 65 })).toBe('give up: exhausted');
  });
  it.each(uncertain)('of a write that may have been applied %s', (_, attempts, nowMs, step) => {
    expect(stepOf(attempts, { uncertain: true, nowMs })).toBe(step);
  });

  it('never has two attempts at one replica, never more attempts than allowed, and always ends', () => {
    const codes = Object.keys(ERRORS) as ErrorCode[];
    const move = fc.record({ code: fc.constantFrom(...codes), which: fc.nat(), passMs: fc.integer({ min: 1, max: 300 }) });
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60 }), fc.boolean(), fc.boolean(), fc.array(fc.constantFrom(-Infinity, 100, 500, Infinity), { minLength: 3, maxLength: 3 }), (moves, mayHedge, isUncertain, reach) => {
        const attempts: Attempt[] = [];
        let nowMs = 0;
        for (const { code, which, passMs } of moves) {
          const step = nextStep({ candidates: [A, B, C], attempts, uncertain: isUncertain, mayHedge, outOfReachFromMs: (node) => reach[[A, B, C].indexOf(node)]!, nowMs, deadlineMs: 2_000, policy });
          const open = attempts.filter(({ failure }) => failure === undefined);
          if (step.kind === 'give-up') return;
          if (step.kind === 'try') {
            assert(!open.some(({ node }) => node === step.node), 'two attempts at one replica');
            assert(step.why !== 'hedge' || open.length > 0, 'a hedge is what is tried beside a pending attempt');
            assert(step.why !== 'hedge' || mayHedge, 'a hedge without a budget');
            attempts.push(pending(step.node, nowMs));
            assert(attempts.filter(({ node }) => node === step.node).length <= (isUncertain ? 3 : 1), 'too many attempts');
          } else {
            assert(step.untilMs > nowMs && step.untilMs <= 2_000, 'a wait ends, at the deadline at the latest');
            nowMs += Math.min(passMs, step.untilMs - nowMs);
            const ending = open[which % Math.max(1, open.length)];
            if (ending !== undefined && which % 3 !== 0) attempts[attempts.indexOf(ending)] = { ...failed(ending.node, code, nowMs), startedAtMs: ending.startedAtMs };
          }
        }
      }),
    );
  });

  it('says in short only what the rules say', () => {
    const atMs = fc.integer({ min: 0, max: 400 });
    const failure = fc.record({ error: fc.constantFrom(...(Object.keys(ERRORS) as ErrorCode[])).map((code) => new TriptychError(code, code)), atMs });
    const attempt = fc.oneof(fc.record({ node: fc.constantFrom(A, B, C), startedAtMs: atMs }), fc.record({ node: fc.constantFrom(A, B, C), startedAtMs: atMs, failure }));
    const plan: fc.Arbitrary<AttemptPlan> = fc.record({
      candidates: fc.subarray([A, B, C]),
      attempts: fc.uniqueArray(attempt, { selector: ({ node }) => node, maxLength: 3 }),
      uncertain: fc.boolean(),
      mayHedge: fc.boolean(),
      outOfReachFromMs: fc.constantFrom(-Infinity, 100, Infinity).map((fromMs) => () => fromMs),
      nowMs: fc.integer({ min: 0, max: 500 }),
      deadlineMs: fc.integer({ min: 0, max: 500 }),
      policy: fc.record({ hedgeAfterMs: fc.integer({ min: 1, max: 200 }), doubtAfterMs: fc.integer({ min: 1, max: 200 }), attemptsPerReplica: fc.integer({ min: 1, max: 4 }), retryPauseMs: fc.nat(100) }),
    });
    fc.assert(
      fc.property(plan, (any) => {
        expect(nextStep(any)).toEqual(stepByRules(any));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the meaning of an error', () => {
  it('is the same request refused everywhere only for the caller’s own mistakes, which never were applied', () => {
    const refused = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => meaningOf(new TriptychError(code, '')) === 'refused');
    expect(refused.filter((code) => ERRORS[code].applied !== 'no' || ERRORS[code].breaker !== 'ignores')).toEqual([]);
    expect(refused.filter((code) => /^(STORE_(NOT|QUORUM|DRAINING|ROW|READ|WRITE|FAILED)|CIRCUIT)/.test(code))).toEqual([]);
  });

  it('leaves a write possibly applied while an attempt is pending or ended without saying that it was not', () => {
    expect(mayBeApplied([])).toBe(false);
    expect(mayBeApplied([failed(A, 'WIRE_UNREACHABLE'), failed(B, 'CIRCUIT_OPEN')])).toBe(false);
    expect(mayBeApplied([failed(A, 'WIRE_UNREACHABLE'), pending(B, 0)])).toBe(true);
    expect(mayBeApplied([failed(A, 'STORE_ROW_DAMAGED')])).toBe(true);
    expect(mayBeApplied([failed(A, 'WIRE_CONNECTION_LOST'), failed(B, 'STORE_QUORUM_UNAVAILABLE')])).toBe(true);
  });
});
