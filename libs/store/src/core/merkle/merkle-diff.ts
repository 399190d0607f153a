/**
 * Two nodes comparing their trees, as questions and answers. The asker sends its root over the slots that both hold. Equal: an
 * empty answer, and that is all. Else the answer holds the children of what was asked about, the asker goes on with
 * those that differ from its own, and comes after four answers to the leaves that differ.
 *
 * Depth first and a bounded number of nodes a question, so that neither side ever holds more than some thousand
 * hashes, however much differs; and a child without rows costs a bit, so that a tree of few rows is cheap to compare.
 * For d differing rows of n: about 4 d / 64 questions at most, and at least 4; 0.3 to 1 kB of answers for each of d.
 *
 * Both trees may change meanwhile. That does no harm: a leaf named in vain is found equal row by row, and one that
 * came to differ is found in the next round.
 */
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import { HASH_BYTES } from '../row/row-header.js';
import { EMPTY_HASH, FAN_OUT, LEAF_LEVEL } from './merkle-tree.js';

/** A tree over the slots that two nodes share. */
export interface SharedTree {
  /** As MerkleTree.hash; a view, valid until the tree changes. */
  hash(level: number, index: number): Uint8Array;
}

/** Nodes a question asks about: with all their children an answer stays below 17 KiB. */
const NODES_PER_QUESTION = 64;
const ROOT = 0;

export class MerkleDiff {
  /** Nodes that differ, by level, not asked about yet. */
  readonly #differing: number[][] = Array.from({ length: LEAF_LEVEL }, () => []);
  #isBegun = false;
  #asked: { level: number; indexes: number[] } | null = null;

  constructor(private readonly tree: SharedTree) {}

  /** The next question; null when there is nothing left to ask. Each is to be answered before the next. */
  ask(): Uint8Array | null {
    const question = new ByteWriter();
    if (!this.#isBegun) {
      this.#isBegun = true;
      this.#asked = { level: ROOT, indexes: [0] };
      question.u8(ROOT);
      question.fixed(this.tree.hash(ROOT, 0));
      return question.finish();
    }
    const level = this.#differing.findLastIndex((indexes) => indexes.length > 0);
    if (level < 0) return null;
    const indexes = this.#differing[level]!.splice(0, NODES_PER_QUESTION);
    this.#asked = { level, indexes };
    question.u8(level);
    question.varint(indexes.length);
    for (const index of indexes) question.varint(index);
    return question.finish();
  }

  /** Takes an answer in. Gives back the leaves that it shows to differ. @throws STORE_RECORD_CORRUPT */
  hear(answer: Uint8Array): number[] {
    const { level, indexes } = this.#asked!;
    const leaves: number[] = [];
    if (level === ROOT && answer.length === 0) return leaves;
    const differing = level + 1 === LEAF_LEVEL ? leaves : this.#differing[level + 1]!;
    const reader = new ByteReader(answer);
    for (const index of indexes) {
      const present = reader.u8() * 256 + reader.u8();
      for (let child = 0; child < FAN_OUT; child++) {
        const hash = present & (1 << child) ? reader.fixed(HASH_BYTES) : EMPTY_HASH;
        const childIndex = index * FAN_OUT + child;
        if (!isSame(hash, this.tree.hash(level + 1, childIndex))) differing.push(childIndex);
      }
    }
    reader.end();
    return leaves;
  }
}

/** The other side: the children of the nodes asked about; empty where the roots are equal. @throws STORE_RECORD_CORRUPT */
export function answerDiff(tree: SharedTree, question: Uint8Array): Uint8Array {
  const reader = new ByteReader(question);
  const level = reader.u8();
  const answer = new ByteWriter();
  if (level === ROOT) {
    if (!isSame(reader.fixed(HASH_BYTES), tree.hash(ROOT, 0))) writeChildren(answer, tree, ROOT, 0);
  } else {
    for (let left = Math.min(reader.varint(), NODES_PER_QUESTION); left > 0; left--) writeChildren(answer, tree, Math.min(level, LEAF_LEVEL - 1), reader.varint());
  }
  reader.end();
  return answer.finish();
}

function writeChildren(answer: ByteWriter, tree: SharedTree, level: number, index: number): void {
  const hashes = Array.from({ length: FAN_OUT }, (_, child) => tree.hash(level + 1, index * FAN_OUT + child));
  let present = 0;
  hashes.forEach((hash, child) => (present |= isSame(hash, EMPTY_HASH) ? 0 : 1 << child));
  answer.u8(present >> 8);
  answer.u8(present & 0xff);
  hashes.forEach((hash, child) => {
    if (present & (1 << child)) answer.fixed(hash);
  });
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
