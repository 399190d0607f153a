import { describe, expect, it } from 'vitest';
import { expectCleanSeeds } from './clean-seeds.js';
import { PAST_SEEDS } from './past-seeds.js';
import { simulate } from './simulation.js';

describe('simulated clusters', () => {
  it('same seed, same run; another seed, another run', { timeout: 120_000 }, () => {
    const { traceHash, coverage, history } = simulate(4);
    expect(simulate(4)).toMatchObject({ traceHash, coverage, history });
    expect(simulate(5).traceHash).not.toBe(traceHash);
  });

  it.each(PAST_SEEDS)('seed $seed, which once failed, passes: $found', { timeout: 120_000 }, ({ seed }) => {
    expect(simulate(seed).violations).toEqual([]);
  });

  it('keep their promises over 150 seeds, and are really harmed', { timeout: 600_000 }, () => expectCleanSeeds(1, 150));
});
