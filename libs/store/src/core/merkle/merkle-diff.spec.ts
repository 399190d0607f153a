import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '@app/time';
import { SLOT_COUNT } from '../ring/token-allocator.js';
import { answerDiff, MerkleDiff, type SharedTree } from './merkle-diff.js';
import { LEAF_COUNT, MerkleTree, slotOfLeaf } from './merkle-tree.js';

const ALL = new Uint8Array(SLOT_COUNT).fill(1);
const over = (tree: MerkleTree, slots = ALL): SharedTree => ({ hash: (level, index) => tree.hash(level, index, slots) });

/** Runs a comparison to its end. */
function compare(ours: SharedTree, theirs: SharedTree): { leaves: number[]; questions: number; bytes: number } {
  const diff = new MerkleDiff(ours);
  const leaves: number[] = [];
  let [questions, bytes] = [0, 0];
  for (let question = diff.ask(); question !== null; question = diff.ask()) {
    const answer = answerDiff(theirs, question);
    questions++;
    bytes += question.length + answer.length;
    leaves.push(...diff.hear(answer));
  }
  return { leaves: leaves.sort((a, b) => a - b), questions, bytes };
}

/** Two trees over the same `n` random rows, and the leaves in which one of them has `d` more changes. */
function trees(seed: number, n: number, d: number): { ours: MerkleTree; theirs: MerkleTree; changed: number[] } {
  const random = new SeededRandom(seed);
  const [ours, theirs] = [new MerkleTree(), new MerkleTree()];
  for (let i = 0; i < n; i++) {
    const [leaf, hash] = [random.below(LEAF_COUNT), random.bytes(16)];
    ours.toggle(leaf, hash);
    theirs.toggle(leaf, hash);
  }
  const changed = new Set<number>();
  while (changed.size < d) {
    const leaf = random.below(LEAF_COUNT);
    if (changed.has(leaf)) continue;
    changed.add(leaf);
    random.pick([ours, theirs]).toggle(leaf, random.bytes(16));
  }
  return { ours, theirs, changed: [...changed].sort((a, b) => a - b) };
}

describe('[A3] the comparison of two trees', () => {
  it('of equal trees is one question and an empty answer', () => {
    const { ours, theirs } = trees(1, 1_000, 0);
    expect(compare(over(ours), over(theirs))).toEqual({ leaves: [], questions: 1, bytes: 17 });
  });

  it('finds exactly the leaves that differ, in messages that follow d times the height', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(0, 1, 7, 100, 900), (seed, d) => {
        const { ours, theirs, changed } = trees(seed, 2_000, d);
        const { leaves, questions } = compare(over(ours), over(theirs));
        expect(leaves).toEqual(changed);
        expect(questions).toBeLessThanOrEqual(1 + 3 * Math.max(1, d / 16));
        expect(compare(over(theirs), over(ours)).leaves).toEqual(changed);
      }),
      { numRuns: 12 },
    );
  });

  it('costs bytes with what differs and not with what there is', () => {
    const bytes = (n: number, d: number): number => {
      const { ours, theirs } = trees(n + d, n, d);
      return compare(over(ours), over(theirs)).bytes;
    };
    expect(bytes(30_000, 1)).toBeLessThan(1_100);
    expect(bytes(30_000, 100) / 100).toBeLessThan(800);
    expect(bytes(30_000, 10) / bytes(30_000, 1)).toBeLessThan(10);
  });

  it('looks only at slots that both hold', () => {
    const { ours, theirs, changed } = trees(5, 2_000, 400);
    const even = ALL.map((_, slot) => Number(slot % 2 === 0));
    expect(compare(over(ours, even), over(theirs, even)).leaves).toEqual(changed.filter((leaf) => slotOfLeaf(leaf) % 2 === 0));
    const none = new Uint8Array(SLOT_COUNT);
    expect(compare(over(ours, none), over(theirs, none)).questions).toBe(1);
  });

  it('when everything differs, asks in questions of bounded size', () => {
    const { ours, theirs } = trees(8, 0, 20_000);
    const diff = new MerkleDiff(over(ours));
    for (let question = diff.ask(); question !== null; question = diff.ask()) {
      const answer = answerDiff(over(theirs), question);
      expect(question.length).toBeLessThan(300);
      expect(answer.length).toBeLessThan(17 * 1024);
      expect(diff.hear(answer).length).toBeLessThanOrEqual(1024);
    }
  });

  it('refuses bytes that are no question and no answer', () => {
    const { ours, theirs } = trees(2, 10, 1);
    expect(() => answerDiff(over(theirs), Buffer.of(0, 1, 2))).toThrow('bytes expected');
    expect(() => answerDiff(over(theirs), Buffer.of(2, 1, 5, 5))).toThrow('too many');
    const diff = new MerkleDiff(over(ours));
    diff.ask();
    expect(() => diff.hear(Buffer.of(255, 255, 1))).toThrow('bytes expected');
  });
});
