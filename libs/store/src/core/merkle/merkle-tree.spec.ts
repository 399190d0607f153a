import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotOf, SLOT_COUNT } from '../ring/token-allocator.js';
import { tokenOf } from '../ring/token.js';
import { FAN_OUT, firstTokenOf, LEAF_COUNT, LEAF_LEVEL, leafOf, MerkleTree, rowHash, slotOfLeaf } from './merkle-tree.js';

const KEY = new Uint8Array(16).fill(3);
const ALL = new Uint8Array(SLOT_COUNT).fill(1);
const digest = (version: number): Uint8Array => new Uint8Array(16).fill(version);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const xor = (hashes: readonly Uint8Array[]): string => hex(hashes.reduce((sum, hash) => sum.map((byte, i) => byte ^ hash[i]!), new Uint8Array(16)));

describe('[A2] the Merkle tree', () => {
  it('has sixteen leaves to a slot of the ring', () => {
    for (const row of ['ann', 'bob', 'eve']) {
      const token = tokenOf('favorites', row);
      const leaf = leafOf(token);
      expect(slotOfLeaf(leaf)).toBe(slotOf(token));
      expect(firstTokenOf(leaf) <= token && token < firstTokenOf(leaf + 1)).toBe(true);
    }
    expect(firstTokenOf(LEAF_COUNT)).toBe(1n << 64n);
  });

  it('equals one built from scratch at every level, whatever changes led there, over any slots', () => {
    const change = fc.record({ row: fc.integer({ min: 0, max: 40 }), version: fc.integer({ min: 0, max: 3 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (changes, everyNth) => {
        const tree = new MerkleTree();
        const rows = new Map<number, Uint8Array>();
        const leaf = (row: number): number => leafOf(tokenOf('favorites', `user-${row}`));
        for (const { row, version } of changes) {
          const before = rows.get(row);
          if (before !== undefined) tree.toggle(leaf(row), before);
          rows.delete(row);
          if (version === 0) continue;
          const after = rowHash(KEY, 'favorites', `user-${row}`, digest(version));
          tree.toggle(leaf(row), after);
          rows.set(row, after);
        }
        const slots = ALL.map((_, slot) => Number(slot % everyNth === 0));
        const under = (level: number, index: number): string =>
          xor([...rows].filter(([row]) => slots[slotOfLeaf(leaf(row))] === 1 && Math.floor(leaf(row) / FAN_OUT ** (LEAF_LEVEL - level)) === index).map(([, hash]) => hash));
        expect(hex(tree.hash(0, 0, slots))).toBe(under(0, 0));
        for (const row of rows.keys()) {
          for (let level = 1; level <= LEAF_LEVEL; level++) {
            const index = Math.floor(leaf(row) / FAN_OUT ** (LEAF_LEVEL - level));
            expect(hex(tree.hash(level, index, slots))).toBe(under(level, index));
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('two like rows of two users, or of two tables, do not cancel out', () => {
    const rows = [rowHash(KEY, 'favorites', 'ann', digest(1)), rowHash(KEY, 'favorites', 'bob', digest(1)), rowHash(KEY, 'bookmarks', 'ann', digest(1))];
    expect(new Set(rows.map(hex)).size).toBe(3);
    // Nor do rows whose names only run together alike.
    expect(hex(rowHash(KEY, 'ab', 'c', digest(1)))).not.toBe(hex(rowHash(KEY, 'a', 'bc', digest(1))));
  });

  it('says nothing to who lacks the key', () => {
    expect(hex(rowHash(KEY, 'favorites', 'ann', digest(1)))).not.toBe(hex(rowHash(new Uint8Array(16), 'favorites', 'ann', digest(1))));
  });

  it('sets a leaf to what was read from the records, whatever it was', () => {
    const [tree, fresh] = [new MerkleTree(), new MerkleTree()];
    tree.toggle(70, digest(9));
    for (const each of [tree, fresh]) each.set(70, digest(5));
    for (let level = 0; level <= LEAF_LEVEL; level++) expect(hex(tree.hash(level, 70 >> (4 * (LEAF_LEVEL - level)), ALL))).toBe(hex(fresh.hash(level, 70 >> (4 * (LEAF_LEVEL - level)), ALL)));
  });
});
