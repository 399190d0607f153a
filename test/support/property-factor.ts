/**
 * In the long suite every property makes TRIPTYCH_PROPERTY_FACTOR times as many runs as in `npm test`, each from a seed
 * of its own: the properties are the same ones, so nothing is written twice. Loaded by vitest.config.ts when that is set.
 */
import type * as FastCheck from 'fast-check';
import { vi } from 'vitest';

const DEFAULT_RUNS = 100;

vi.mock('fast-check', async (original) => {
  const real = await original<typeof FastCheck>();
  const factor = Number(process.env['TRIPTYCH_PROPERTY_FACTOR']);
  const more = <P extends { numRuns?: number }>(parameters?: P) => ({
    ...parameters,
    numRuns: (parameters?.numRuns ?? DEFAULT_RUNS) * factor,
  });
  const scaled: Pick<typeof FastCheck, 'assert' | 'check'> = {
    assert: ((property: never, parameters?: object) => real.assert(property, more(parameters))) as typeof real.assert,
    check: ((property: never, parameters?: object) => real.check(property, more(parameters))) as typeof real.check,
  };
  return { ...real, ...scaled, default: { ...real.default, ...scaled } };
});
