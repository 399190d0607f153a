import { describe, expect, it } from 'vitest';
import { simulate } from './simulation.js';

/** Seeds of every run of the unit tests; `npm run test:long` has a thousand, `npm run sim` as many as you like. */
const SEEDS = Array.from({ length: 40 }, (_, i) => i + 1);

describe('simulated clusters', () => {
  it('same seed, same run', { timeout: 120_000 }, () => {
    expect(simulate({ seed: 4 }).traceHash).toBe(simulate({ seed: 4 }).traceHash);
    expect(simulate({ seed: 4 }).traceHash).not.toBe(simulate({ seed: 5 }).traceHash);
  });

  it(`keep their promises over ${SEEDS.length} seeds, and are really harmed`, { timeout: 600_000 }, () => {
    const coverage: Record<string, number> = {};
    for (const seed of SEEDS) {
      const result = simulate({ seed });
      expect(result.violations, `npm run sim -- --seeds 1 --from ${seed}`).toEqual([]);
      expect(result.operations).toBeGreaterThanOrEqual(300);
      expect(result.faults).toBeGreaterThanOrEqual(5);
      for (const [what, times] of Object.entries(result.coverage)) coverage[what] = (coverage[what] ?? 0) + times;
    }
    for (const fault of ['crash', 'power-loss', 'power-loss-of-all', 'zone-cut', 'one-way-cut', 'loss', 'rot', 'clock-jump']) expect(coverage[`fault: ${fault}`], fault).toBeGreaterThan(0);
    for (const mechanism of ['read repaired', 'uncertain write retried', 'row rebuilt', 'answer: pulled', 'answer: pushed']) expect(coverage[mechanism], mechanism).toBeGreaterThan(0);
  });
});
