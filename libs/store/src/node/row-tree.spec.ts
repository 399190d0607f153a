import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RowKey } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { actorIdFrom } from '../core/causality/dot.js';
import { NOTHING_KNOWN } from '../core/row/causal-map.js';
import type { Delta } from '../core/row/delta.js';
import { leafOf } from '../core/merkle/merkle-tree.js';
import { SLOT_COUNT } from '../core/ring/token-allocator.js';
import { tokenOf } from '../core/ring/token.js';
import { RowHasher } from '../core/row/row-header.js';
import { RowKeys } from '../core/row/row-keys.js';
import { openMemoryEngine, type OpenedMemoryEngine } from '../testing/memory-engine.js';
import { MemoryRow } from '../testing/memory-row.js';
import { SimDisk } from '../testing/sim-disk.js';
import { takeIn } from './replica.js';
import { RowStore } from './row-store.js';
import { RowTree } from './row-tree.js';

const KEY = new Uint8Array(16).fill(1);
const ALL = new Uint8Array(SLOT_COUNT).fill(1);
const user = (number: number): RowKey => ({ table: 'favorites', row: `user-${number}` });

/** A row store and its tree over one disk. */
class Held {
  readonly clock = new SimClock();
  readonly disk = new SimDisk(this.clock, new SeededRandom(1));
  engine!: OpenedMemoryEngine;
  rows!: RowStore;
  tree!: RowTree;

  constructor() {
    this.open();
    this.ready(this.tree);
  }

  open(): void {
    const hasher = new RowHasher(KEY);
    this.engine = openMemoryEngine({ disk: this.disk, clusterId: 'c', nodeId: 'n' });
    this.rows = new RowStore(this.engine.engine, hasher, () => 'latest', (key) => this.tree.forget(key), (key, before, after) => this.tree.changed(key, before, after));
    this.tree = new RowTree(this.rows, hasher, KEY, this.clock);
  }

  ready(tree: RowTree): void {
    expect(this.clock.runUntil(() => tree.isReady, 600_000)).toBe(true);
  }

  /** A tree made from the records as they are now. */
  rebuilt(): RowTree {
    const tree = new RowTree(this.rows, new RowHasher(KEY), KEY, this.clock);
    this.ready(tree);
    return tree;
  }

  apply(key: RowKey, delta: Delta): void {
    this.rows.apply(key, delta, () => {});
  }

  settle(): void {
    this.clock.advance(100);
  }
}

const rootOf = (tree: RowTree): string => Buffer.from(tree.over(ALL).hash(0, 0)).toString('hex');
const EMPTY_ROOT = '00'.repeat(16);
const writer = (name = 9): MemoryRow => new MemoryRow(actorIdFrom(new Uint8Array(8).fill(name)));

function expectSame(tree: RowTree, other: RowTree, rows: readonly RowKey[]): void {
  expect(rootOf(tree)).toBe(rootOf(other));
  const leaves = rows.map(({ table, row }) => leafOf(tokenOf(table, row)));
  for (const leaf of leaves) expect(tree.over(ALL).hash(4, leaf)).toEqual(other.over(ALL).hash(4, leaf));
}

describe('[A4] the tree over the rows of a node', () => {
  it('equals one made from the records, after any writes, duplicates, merges and crossings', () => {
    const step = fc.record({ row: fc.integer({ min: 0, max: 3 }), item: fc.constantFrom('x', 'y'), act: fc.constantFrom('add', 'remove', 'again', 'old', 'merge', 'wait') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const held = new Held();
        const other = new Held();
        const writers = [0, 1, 2, 3].map((name) => writer(name + 1));
        const sent: { key: RowKey; delta: Delta }[] = [];
        for (const { row, item, act } of steps) {
          const key = user(row);
          if (act === 'add' || act === 'remove') {
            const delta = act === 'add' ? writers[row]!.add(item) : writers[row]!.remove(item);
            sent.push({ key, delta });
            held.apply(key, delta);
            if (row % 2 === 0) other.apply(key, delta);
          } else if (act === 'again' && sent.length > 0) {
            const { key: sentTo, delta } = sent.at(-1)!;
            held.apply(sentTo, delta);
          } else if (act === 'old' && sent.length > 0) {
            held.apply(sent[0]!.key, sent[0]!.delta);
            other.apply(sent[0]!.key, sent[0]!.delta);
          } else if (act === 'merge') {
            held.settle();
            const difference = held.rows.difference(key, NOTHING_KNOWN);
            if (difference !== null) takeIn(other.rows, key, difference, () => {});
          } else if (act === 'wait') held.settle();
        }
        held.settle();
        other.settle();
        const rows = [0, 1, 2, 3].map(user);
        expectSame(held.tree, held.rebuilt(), rows);
        expectSame(other.tree, other.rebuilt(), rows);
      }),
      { numRuns: 40 },
    );
  });

  it('a duplicate toggles nothing, durable or on its way', () => {
    const held = new Held();
    const add = writer().add('x');
    held.apply(user(1), add);
    held.apply(user(1), add);
    held.settle();
    const root = rootOf(held.tree);
    expect(root).not.toBe(EMPTY_ROOT);
    held.apply(user(1), add);
    held.settle();
    expect(rootOf(held.tree)).toBe(root);
  });

  it('shows what is durable only', () => {
    const held = new Held();
    held.apply(user(1), writer().add('x'));
    expect(rootOf(held.tree)).toBe(EMPTY_ROOT);
    held.settle();
    expect(rootOf(held.tree)).not.toBe(EMPTY_ROOT);
  });

  it('is the same after a restart, and not ready until then', () => {
    const held = new Held();
    for (let number = 0; number < 700; number++) held.apply(user(number), writer().add('x'));
    held.settle();
    const root = rootOf(held.tree);
    held.disk.crash();
    held.open();
    expect(held.tree.isReady).toBe(false);
    held.ready(held.tree);
    expect(rootOf(held.tree)).toBe(root);
  });

  it('built while writes go on, it misses none and counts none twice', () => {
    const held = new Held();
    const writers = Array.from({ length: 900 }, () => writer());
    writers.forEach((row, number) => held.apply(user(number), row.add('x')));
    held.settle();
    held.disk.crash();
    held.open();
    for (let round = 0; !held.tree.isReady; round++) {
      for (let number = round; number < 1_000; number += 37) held.apply(user(number), (writers[number] ??= writer()).add(`y-${round}`));
      held.clock.advance(7);
    }
    held.settle();
    expectSame(held.tree, held.rebuilt(), [user(0)]);
  });

  it('a row that is damaged adds nothing, writes in flight and later included, until it has its vote again', () => {
    const held = new Held();
    const [ann, bob] = [writer(1), writer(2)];
    held.apply(user(2), bob.add('x'));
    held.settle();
    const bobAlone = rootOf(held.tree);
    held.apply(user(1), ann.add('x'));
    held.settle();
    held.engine.tables.live!.rot(new RowKeys('favorites', user(1).row).item('x'));
    held.apply(user(1), ann.add('y')); // on its way when the damage is found
    expect(() => held.rows.item(user(1), 'x')).toThrow('damaged');
    held.settle();
    expect(rootOf(held.tree)).toBe(bobAlone);
    held.apply(user(1), ann.add('z'));
    held.settle();
    expect(rootOf(held.tree)).toBe(bobAlone);
    expect(held.tree.list([leafOf(tokenOf('favorites', user(1).row))], null, null, 10).rows).toEqual([{ key: user(1), digest: null }]);
    held.rows.clearDamage(user(1), () => {});
    held.settle();
    expect(rootOf(held.tree)).not.toBe(bobAlone);
    expectSame(held.tree, held.rebuilt(), [user(1), user(2)]);
  });

  it('a header that was lost is found by the building of the tree', () => {
    const held = new Held();
    held.apply(user(2), writer(2).add('x'));
    held.settle();
    const bobAlone = rootOf(held.tree);
    held.apply(user(1), writer(1).add('x'));
    held.settle();
    held.disk.crash();
    held.open();
    held.engine.tables.live!.rot(new RowKeys('favorites', user(1).row).header());
    held.ready(held.tree);
    expect(rootOf(held.tree)).toBe(bobAlone);
    expect(held.rows.header(user(1)).isDamaged).toBe(true);
  });

  it('lists the rows of some leaves page by page, in the order of their tokens', () => {
    const held = new Held();
    const keys = Array.from({ length: 300 }, (_, number) => user(number));
    for (const key of keys) held.apply(key, writer().add('x'));
    held.settle();
    const tokenOfKey = ({ table, row }: RowKey): bigint => tokenOf(table, row);
    const expected = keys.filter((_, number) => number % 2 === 0).sort((a, b) => (tokenOfKey(a) < tokenOfKey(b) ? -1 : 1));
    const every = expected.map(({ table, row }) => leafOf(tokenOf(table, row)));
    expect(new Set(every).size).toBe(150);
    const found: RowKey[] = [];
    for (let after: RowKey | null = null, more = true; more; after = found.at(-1)!) {
      const page = held.tree.list(every, after, null, 17);
      found.push(...page.rows.map(({ key }) => key));
      expect(held.tree.list(every, after, found.at(-1)!, Infinity).rows).toEqual(page.rows);
      more = page.more;
    }
    expect(found).toEqual(expected);
  });
});
