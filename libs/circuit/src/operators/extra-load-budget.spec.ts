import fc from 'fast-check';
import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { times } from '../testing/circuit-scene.js';
import { ExtraLoadBudget, earning, tenPercentMore } from './extra-load-budget.js';

describe('the extra-load budget', () => {
  it('pays for its burst, then for one attempt in ten calls', () => {
    const budget = new ExtraLoadBudget({ perCall: 0.1, burst: 2 });
    expect([budget.spend('retry'), budget.spend('hedge'), budget.spend('retry')]).toEqual([true, true, false]);
    times(9, () => budget.earn());
    expect(budget.spend('retry')).toBe(false);
    budget.earn();
    expect([budget.spend('hedge'), budget.spend('hedge')]).toEqual([true, false]);
    expect(budget.statistics()).toEqual({ calls: 10, retries: 1, hedges: 2, refused: 3 });
  });

  it('saves no more than its burst, however quiet it was', () => {
    const budget = new ExtraLoadBudget({ perCall: 0.5, burst: 3 });
    times(1_000, () => budget.earn());
    expect(Array.from({ length: 5 }, () => budget.spend('retry'))).toEqual([true, true, true, false, false]);
  });

  it('adds at most a tenth to a million calls that all fail and are all tried again as often as it allows', () => {
    const budget = new ExtraLoadBudget(tenPercentMore);
    times(1_000_000, () => {
      budget.earn();
      while (budget.spend('retry'));
    });
    const { calls, retries } = budget.statistics();
    expect(calls).toBe(1_000_000);
    // The first call finds the savings full, so what it earns is lost.
    expect(retries).toBe(100_000 + tenPercentMore.burst - 1);
  });

  it('keeps its bound between any two moments, and refuses nobody while it has a whole attempt saved', () => {
    const policies = fc.record({ perCall: fc.constantFrom(0.05, 0.1, 0.3, 1 / 3, 1), burst: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(policies, fc.array(fc.boolean(), { minLength: 50, maxLength: 300 }), (policy, steps) => {
        const budget = new ExtraLoadBudget(policy);
        let model = policy.burst;
        // What was spent beyond what calls earned: between any two moments it rises by no more than the burst.
        let beyond = 0;
        let lowest = 0;
        for (const isCall of steps) {
          if (isCall) {
            budget.earn();
            model = Math.min(policy.burst, model + policy.perCall);
            beyond -= policy.perCall;
          } else {
            const isPaid = budget.spend('retry');
            // The model counts in binary fractions, so it knows only to a hair.
            if (Math.abs(model - 1) > 1e-3) expect(isPaid).toBe(model >= 1);
            model -= isPaid ? 1 : 0;
            beyond += isPaid ? 1 : 0;
          }
          lowest = Math.min(lowest, beyond);
          expect(beyond - lowest).toBeLessThanOrEqual(policy.burst + 1e-3);
        }
      }),
    );
  });

  it('earns once for each subscription, and not for an Observable that nobody subscribes to', () => {
    const budget = new ExtraLoadBudget(tenPercentMore);
    const call$ = NEVER.pipe(earning(budget));
    expect(budget.statistics().calls).toBe(0);
    times(3, () => call$.subscribe().unsubscribe());
    expect(budget.statistics().calls).toBe(3);
  });

  it.each([{ perCall: 0, burst: 1 }, { perCall: 1.1, burst: 1 }, { perCall: 0.1, burst: 0 }, { perCall: 0.1, burst: 1.5 }])(
    'refuses a policy that means nothing: %o',
    (policy) => expect(() => new ExtraLoadBudget(policy)).toThrow(/perCall|burst/),
  );
});
