/** What the simulator makes of a mutant: run by mutants.long-spec.ts with a bug planted, and by nobody else. */
import { expect, it } from 'vitest';
import { simulate } from '../simulation/simulation.js';
import { SEEDS_AT_MOST } from './mutant.js';

it('a seed breaks a promise', { timeout: 30 * 60_000 }, () => {
  const atMost = Number(process.env.TRIPTYCH_MUTANT_SEEDS ?? SEEDS_AT_MOST);
  for (let seed = 1; seed <= atMost; seed++) {
    const [violation] = simulate(seed).violations;
    expect(violation && `seed ${seed}: ${violation.rule}: ${violation.what.split('\n')[0]}`).toBeUndefined();
  }
});
