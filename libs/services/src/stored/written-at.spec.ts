import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isoOf } from './written-at.js';

it('a time is written as Date writes it, whichever was written before', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), fc.integer({ min: -7_200_000, max: 7_200_000 }), (ms, later) => {
    expect(isoOf(ms)).toBe(new Date(ms).toISOString());
    const next = Math.min(Math.max(ms + later, 0), 253_402_300_799_999);
    expect(isoOf(next + 0.5)).toBe(new Date(next).toISOString());
  }));
  expect([isoOf(-5), isoOf(Infinity)]).toEqual(['1970-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z']);
});
