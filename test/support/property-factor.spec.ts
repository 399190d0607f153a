import fc, { assert as namedAssert } from 'fast-check';
import { expect, it } from 'vitest';

it('a property makes as many runs as it asks for, times the factor of the suite it runs in', () => {
  const factor = Number(process.env['TRIPTYCH_PROPERTY_FACTOR'] ?? 1);
  const runsOf = (assert: typeof fc.assert, parameters?: { numRuns: number }) => {
    let count = 0;
    assert(fc.property(fc.integer(), () => void count++), parameters);
    return count;
  };
  expect(runsOf(fc.assert)).toBe(100 * factor);
  expect(runsOf(fc.assert, { numRuns: 7 })).toBe(7 * factor);
  expect(runsOf(namedAssert, { numRuns: 7 })).toBe(7 * factor);
});
