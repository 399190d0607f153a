/** Counts kept with every change are those made from the records. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeId, zoneId, type NodeId, type RingMember, type RowKey } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { actorIdFrom } from '../core/causality/dot.js';
import { leafOf } from '../core/merkle/merkle-tree.js';
import { replicaSets } from '../core/ring/replica-sets.js';
import { tokenOf } from '../core/ring/token.js';
import { TokenRing } from '../core/ring/token-ring.js';
import type { Delta } from '../core/row/delta.js';
import { NOTHING_KNOWN } from '../core/row/causal-map.js';
import { RowHasher } from '../core/row/row-header.js';
import { RowKeys } from '../core/row/row-keys.js';
import { openMemoryEngine, type OpenedMemoryEngine } from '../testing/memory-engine.js';
import { MemoryRow } from '../testing/memory-row.js';
import { SimDisk } from '../testing/sim-disk.js';
import { ItemCounts, ITEMS_MAX } from './item-counts.js';
import { takeIn } from './replica.js';
import { RowStore } from './row-store.js';

const member = (node: string, zone: string): RingMember => ({ node: nodeId(node), zone: zoneId(zone), region: 'r', host: node, port: 1, weight: 1 });
const ringOf = (...names: string[]): TokenRing => new TokenRing(names.map((name) => member(name, `zone-${name[0]}`)), 3);
const SIX = ringOf('a1', 'a2', 'b1', 'b2', 'c1', 'c2');
const user = (number: number): RowKey => ({ table: 'favorites', row: `user-${number}` });
const writer = (name = 9): MemoryRow => new MemoryRow(actorIdFrom(new Uint8Array(8).fill(name)));

class Counted {
  readonly clock = new SimClock();
  readonly disk = new SimDisk(this.clock, new SeededRandom(1));
  ring = SIX;
  isSure: (slots: Uint8Array) => boolean = () => true;
  engine!: OpenedMemoryEngine;
  rows!: RowStore;
  counts!: ItemCounts;

  constructor(readonly self: NodeId = nodeId('a1')) {
    this.open();
    this.ready();
  }

  open(): void {
    this.engine = openMemoryEngine({ disk: this.disk, clusterId: 'c', nodeId: 'n' });
    const onChange = (key: RowKey, _before: unknown, _after: unknown, gains: ReadonlyMap<string, number>): void =>
      this.counts.changed(key, leafOf(tokenOf(key.table, key.row)), gains);
    this.rows = new RowStore(this.engine.engine, new RowHasher(new Uint8Array(16)), () => 'latest', () => this.counts.recount(), onChange);
    this.counts = this.#made();
  }

  /** Counts made from the records as they are now. */
  recounted(): ItemCounts {
    const counts = this.#made();
    expect(this.clock.runUntil(() => counts.isReady, 600_000)).toBe(true);
    return counts;
  }

  #made(): ItemCounts {
    const hasVoteForAll = (slots: Uint8Array): boolean => this.isSure(slots);
    return new ItemCounts({ rows: this.rows, clock: this.clock, self: this.self, ring: () => this.ring, isCounted: (table) => table === 'favorites', hasVoteForAll });
  }

  ready(): void {
    expect(this.clock.runUntil(() => this.counts.isReady, 600_000)).toBe(true);
  }

  apply(key: RowKey, ...deltas: Delta[]): void {
    this.rows.applyAll(key, deltas, () => {});
  }

  settle(): void {
    this.clock.advance(50);
  }

  total(item: string, counts = this.counts): number {
    return counts.answer({ table: 'favorites', item }).sets.reduce((sum, { count }) => sum + count, 0);
  }
}

const isHeld = (ring: TokenRing, self: NodeId, { table, row }: RowKey): boolean => ring.isReplica(self, tokenOf(table, row));

describe('[N1] the counts of a node', () => {
  it('are those made from the records, after any adds, removes, moves, merges, damage and restarts, at any moment of the making', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(29), fc.constantFrom('x', 'y', 'z'), fc.constantFrom('add', 'remove', 'move', 'merge', 'wait', 'rot', 'restart')), { maxLength: 60 }), (acts) => {
        const counted = new Counted();
        const rows = Array.from({ length: 30 }, (_, number) => writer(number + 1));
        const foreign = writer(99);
        for (const [number, item, act] of acts) {
          const row = rows[number]!;
          if (act === 'add') counted.apply(user(number), row.add(item));
          else if (act === 'remove') counted.apply(user(number), row.remove(item));
          else if (act === 'move') counted.apply(user(number), row.move(item, 'm'));
          else if (act === 'wait') counted.clock.advance(3);
          else if (act === 'restart') {
            counted.settle();
            counted.disk.crash();
            counted.counts.stop();
            counted.open();
          } else if (act === 'merge') {
            counted.settle();
            const other = new MemoryRow(actorIdFrom(new Uint8Array(8).fill(77)));
            other.apply(foreign.add(item));
            takeIn(counted.rows, user(number), { kind: 'snapshot', snapshot: other.snapshotFor(NOTHING_KNOWN) }, () => {});
          } else {
            counted.settle();
            const key = new RowKeys('favorites', user(number).row).item(item);
            if (counted.engine.engine.get(key) === undefined) continue;
            counted.engine.tables.live!.rot(key);
            expect(() => counted.rows.item(user(number), item)).toThrow('damaged');
            counted.settle();
            counted.rows.clearDamage(user(number), () => {});
          }
        }
        counted.clock.advance(130_000);
        counted.ready();
        const fresh = counted.recounted();
        const held = [...Array(30).keys()].map(user).filter((key) => isHeld(SIX, counted.self, key));
        for (const item of ['x', 'y', 'z']) {
          expect(counted.total(item)).toBe(counted.total(item, fresh));
          expect(counted.total(item)).toBe(held.filter((key) => counted.rows.itemNames(key).includes(item)).length);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('show what is durable, and count only the table and the slots that are to be counted', () => {
    const counted = new Counted();
    const [ours, theirs] = [true, false].map((held) => [...Array(50).keys()].map(user).find((key) => isHeld(SIX, counted.self, key) === held)!);
    counted.apply(ours!, writer().add('x'));
    expect(counted.total('x')).toBe(0);
    counted.apply(theirs!, writer().add('x'));
    counted.apply({ table: 'catalog', row: ours!.row }, writer().add('x'));
    counted.settle();
    expect(counted.total('x')).toBe(1);
    expect(() => counted.counts.answer({ table: 'catalog', item: 'x' })).toThrow('not counted');
  });

  it('are given apart for each set of replicas, and only for those that the node is sure of', () => {
    const counted = new Counted();
    for (let number = 0; number < 200; number++) counted.apply(user(number), writer().add('x'));
    counted.settle();
    const { ring, sets } = counted.counts.answer({ table: 'favorites', item: 'x' });
    const cut = replicaSets(SIX);
    expect(ring).toBe(cut.name);
    expect(sets).toHaveLength(4);
    for (const { nodes, slots, count } of sets) {
      const set = cut.sets.findIndex((each) => each.nodes.join() === nodes.join());
      expect(cut.sets[set]!.slots).toBe(slots);
      expect(count).toBe([...Array(200).keys()].map(user).filter(({ table, row }) => SIX.replicas(tokenOf(table, row)).map(({ node }) => node).sort().join() === nodes.join()).length);
    }
    const first = cut.setOfSlot.findIndex((set) => cut.sets[set]!.nodes.includes(counted.self));
    counted.isSure = (slots) => slots[first] !== 1;
    expect(counted.counts.answer({ table: 'favorites', item: 'x' }).sets).toHaveLength(3);
  });

  it('are made anew when the ring is cut in another way, the old ones answering meanwhile', () => {
    const counted = new Counted();
    for (let number = 0; number < 600; number++) counted.apply(user(number), writer().add('x'));
    counted.settle();
    const before = counted.counts.answer({ table: 'favorites', item: 'x' });
    counted.ring = ringOf('a1', 'b1', 'b2', 'c1', 'c2');
    counted.counts.ringChanged();
    counted.counts.ringChanged();
    expect(counted.counts.isReady).toBe(false);
    expect(counted.counts.answer({ table: 'favorites', item: 'x' })).toEqual(before);
    counted.apply(user(700), writer().add('x'));
    counted.ready();
    counted.settle();
    const after = counted.counts.answer({ table: 'favorites', item: 'x' });
    expect(after.ring).toBe(replicaSets(counted.ring).name);
    expect(counted.total('x')).toBe(601);
  });

  it('answer for nothing while they are made for the first time', () => {
    const counted = new Counted();
    for (let number = 0; number < 300; number++) counted.apply(user(number), writer().add('x'));
    counted.settle();
    counted.disk.crash();
    counted.counts.stop();
    counted.open();
    expect(counted.counts.answer({ table: 'favorites', item: 'x' })).toEqual({ ring: '', sets: [] });
    counted.ready();
    expect(counted.total('x')).toBeGreaterThan(100);
  });

  it('are bounded: past that many items those that are counted are right, and of others the node says that it does not know', () => {
    const counted = new Counted();
    const key = [...Array(50).keys()].map(user).find((each) => isHeld(SIX, counted.self, each))!;
    const leaf = leafOf(tokenOf(key.table, key.row));
    counted.counts.changed(key, leaf, new Map(Array.from({ length: ITEMS_MAX }, (_, number) => [`film-${number}`, 1])));
    expect(counted.total('film-7')).toBe(1);
    expect(counted.counts.answer({ table: 'favorites', item: 'other' }).sets).not.toEqual([]);
    counted.counts.changed(key, leaf, new Map([['other', 1]]));
    expect(counted.counts.answer({ table: 'favorites', item: 'other' }).sets).toEqual([]);
    counted.counts.changed(key, leaf, new Map([['film-7', -1], ['other', -1]]));
    counted.counts.changed(key, leaf, new Map([['film-7', 1]]));
    expect(counted.counts.answer({ table: 'favorites', item: 'film-7' }).sets).toEqual([]);
    expect(counted.total('film-8')).toBe(1);
  });
});
