import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeId, zoneId, type Item, type ListReply } from '@app/contracts';
import { packList, unpackList, type PackedListReply } from './packed-list.js';

const ACHIEVED = { level: 'ONE', node: nodeId('a1'), zone: zoneId('zone-a'), replicas: [], zones: [], replicationFactor: 3, repaired: false, hedged: false, versions: 1, fallback: false, tokenAhead: false, sloppy: false } as const;
const replyOf = (items: readonly Item[]): ListReply => ({ items, more: true, achieved: ACHIEVED, seen: Uint8Array.of(7) });

const ascii = fc.string({ unit: fc.integer({ min: 1, max: 127 }).map((code) => String.fromCharCode(code)), maxLength: 40 });
const value = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(Uint8Array.of(), Uint8Array.of(1, 2), Uint8Array.of(255)));
const item = fc.record({ item: ascii, position: ascii, value, writtenAtMs: fc.oneof(fc.maxSafeNat(), fc.constant(0)) });

describe('a packed list', () => {
  it('is unpacked to the items that it was made of, and the rest of the reply stays as it is', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 30 }), (items) => {
        const unpacked = unpackList(packList(replyOf(items)));
        expect(unpacked).toEqual(replyOf(items.map((each) => ({ ...each, value: Buffer.from(each.value) }))));
      }),
    );
  });

  it('is made once of one page, and holds a value once that many items have', () => {
    const shared = Buffer.alloc(200, 'x');
    const items = Array.from({ length: 50 }, (_, index) => ({ item: `film-${index}`, position: 'p', value: Buffer.from(shared), writtenAtMs: 1 }));
    const first = packList(replyOf(items));
    expect(packList({ ...replyOf(items), more: false }).items).toBe(first.items);
    expect(first.items.length).toBeLessThan(50 * 25 + 300);
    expect(new Set(unpackList(first).items.map((each) => each.value)).size).toBe(1);
  });

  it('is refused where it is cut short, wherever that is', () => {
    const { items } = packList(replyOf([{ item: 'heat-1995', position: 'p1', value: Uint8Array.of(1, 2, 3), writtenAtMs: 5 }]));
    for (let end = 0; end < items.length; end++) {
      const cut: PackedListReply = { ...packList(replyOf([])), items: items.subarray(0, end) };
      expect(() => unpackList(cut), `${end} of ${items.length} bytes`).toThrow(expect.objectContaining({ code: 'WIRE_PROTOCOL' }));
    }
  });
});
