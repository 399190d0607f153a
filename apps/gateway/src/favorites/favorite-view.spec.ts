import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pageJson } from './favorite-view.js';

const id = fc.string({ unit: fc.constantFrom('a', 'z', 'A', 'Z', '0', '9', '.', '_', '~', '-'), minLength: 1, maxLength: 128 });
const addedFrom = fc.record({ zone: fc.option(fc.string()), device: fc.option(fc.string({ unit: 'binary' })) });
const addedAt = fc.date({ min: new Date(0), max: new Date(253_402_300_799_999), noInvalidDate: true }).map((date) => date.toISOString());
const favorite = (from: fc.Arbitrary<{ zone: string | null; device: string | null }>) => fc.record({ filmId: id, addedAt, addedFrom: from });

it('a page is written as JSON.stringify would write it', () => {
  const shared = addedFrom.chain((from) => fc.array(favorite(fc.oneof(fc.constant(from), addedFrom)), { maxLength: 20 }));
  fc.assert(
    fc.property(shared, fc.option(id), (items, nextCursor) => {
      expect(pageJson({ items, nextCursor })).toBe(JSON.stringify({ items, nextCursor }));
    }),
  );
});
