import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packItems, unpackItems } from './packed-list.js';

const ascii = fc.string({ unit: fc.integer({ min: 1, max: 127 }).map((code) => String.fromCharCode(code)), maxLength: 40 });
const value = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(Uint8Array.of(), Uint8Array.of(1, 2), Uint8Array.of(255)));
const item = fc.record({ item: ascii, position: ascii, value, writtenAtMs: fc.oneof(fc.maxSafeNat(), fc.constant(0)) });

describe('a packed list', () => {
  it('is unpacked to the items that it was made of', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 30 }), (items) => {
        expect(unpackItems(packItems(items))).toEqual(items.map((each) => ({ ...each, value: Buffer.from(each.value) })));
      }),
    );
  });

  it('is made once of one page, and holds a value once that many items have', () => {
    const shared = Buffer.alloc(200, 'x');
    const items = Array.from({ length: 50 }, (_, index) => ({ item: `film-${index}`, position: 'p', value: Buffer.from(shared), writtenAtMs: 1 }));
    const first = packItems(items);
    expect(packItems(items)).toBe(first);
    expect(first.length).toBeLessThan(50 * 25 + 300);
    expect(new Set(unpackItems(first).map((each) => each.value)).size).toBe(1);
  });

  it('is refused where it is cut short, wherever that is', () => {
    const items = packItems([{ item: 'heat-1995', position: 'p1', value: Uint8Array.of(1, 2, 3), writtenAtMs: 5 }]);
    for (let end = 0; end < items.length; end++) {
      expect(() => unpackItems(items.subarray(0, end)), `${end} of ${items.length} bytes`).toThrow(expect.objectContaining({ code: 'WIRE_PROTOCOL' }));
    }
  });
});
