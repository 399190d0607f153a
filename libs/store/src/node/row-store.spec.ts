import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RowKey, TriptychError } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { dotText } from '../core/causality/dot.js';
import { NOTHING_KNOWN } from '../core/row/causal-map.js';
import type { Delta } from '../core/row/delta.js';
import { decodeDifference, encodeDifference } from '../core/row/row-difference.js';
import { RowHasher } from '../core/row/row-header.js';
import type { StorageEngine } from '../ports/storage-engine.js';
import { openMemoryEngine, type OpenedMemoryEngine } from '../testing/memory-engine.js';
import { MemoryRow } from '../testing/memory-row.js';
import { SimDisk } from '../testing/sim-disk.js';
import { actorIdFrom } from '../core/causality/dot.js';
import { takeIn } from './replica.js';
import { keysOf } from './row-records.js';
import { RowStore, type Settle } from './row-store.js';

const KEY: RowKey = { table: 'favorites', row: 'ann' };
const OTHER: RowKey = { table: 'favorites', row: 'bob' };
const clock = new SimClock();

/** One replica's storage: a row store over its own simulated disk. */
class Held {
  readonly disk: SimDisk;
  readonly damaged: RowKey[] = [];
  engine!: OpenedMemoryEngine;
  rows!: RowStore;

  constructor(seed = 1) {
    this.disk = new SimDisk(clock, new SeededRandom(seed));
    this.open();
  }

  open(): void {
    this.engine = openMemoryEngine({ disk: this.disk, clusterId: 'c', nodeId: 'n' });
    this.rows = new RowStore(this.engine.engine, new RowHasher(new Uint8Array(16)), () => 'latest', (key) => this.damaged.push(key));
  }

  /** Runs one write to its end. */
  settled(write: (settle: Settle) => void): Error | undefined {
    let outcome: { error: Error | undefined } | null = null;
    write((error) => (outcome = { error }));
    clock.runUntil(() => outcome !== null, 10_000);
    return outcome!.error;
  }

  apply(delta: Delta, key = KEY): void {
    expect(this.settled((settle) => this.rows.apply(key, delta, settle))).toBeUndefined();
  }

  names(): string[] {
    return this.rows.page(KEY, 500).items.map((item) => item.item);
  }

  context(): string[] {
    return [...this.rows.header(KEY).context.dots()].map(dotText).sort();
  }
}

const writer = (name = 9): MemoryRow => new MemoryRow(actorIdFrom(new Uint8Array(8).fill(name)));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Counts the records that are read of an engine from here on. */
function countReads(engine: StorageEngine): { count: number } {
  const reads = { count: 0 };
  const { get, scan } = { get: engine.get.bind(engine), scan: engine.scan.bind(engine) };
  engine.get = (key) => {
    reads.count++;
    return get(key);
  };
  engine.scan = (range, visit) =>
    scan(range, (key, value) => {
      reads.count++;
      return visit(key, value);
    });
  return reads;
}

describe('[T1] readers see what is durable', () => {
  it('[F12] a write shows in items, pages and digests at its sync, not before', () => {
    const held = new Held();
    const before = hex(held.rows.digest(KEY));
    let isDurable = false;
    held.rows.apply(KEY, writer().add('x'), () => (isDurable = true));
    expect([held.names(), hex(held.rows.digest(KEY)), held.rows.item(KEY, 'x')]).toEqual([[], before, null]);
    expect(held.rows.latestItem(KEY, 'x')).not.toBeNull();
    clock.runUntil(() => isDurable, 1_000);
    expect(held.names()).toEqual(['x']);
    expect(hex(held.rows.digest(KEY))).not.toBe(before);
  });

  it('[F12] a duplicate is acknowledged when its first copy is durable', () => {
    const held = new Held();
    const delta = writer().add('x');
    const order: string[] = [];
    held.rows.apply(KEY, delta, () => order.push('first'));
    held.rows.apply(KEY, delta, () => order.push('duplicate'));
    expect(order).toEqual([]);
    clock.runUntil(() => order.length === 2, 1_000);
    expect(order).toEqual(['first', 'duplicate']);
    held.rows.apply(KEY, delta, () => order.push('later'));
    expect(order).toEqual(['first', 'duplicate', 'later']);
  });

  it('[F12] a power cut takes back nothing that was shown', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const held = new Held(seed);
      const source = writer();
      const shown: string[] = [];
      for (let i = 0; i < 8; i++) held.rows.apply(KEY, source.add(`x${i}`), () => shown.push(`x${i}`));
      clock.advance(seed * 0.05);
      const seen = held.names();
      expect(seen.sort()).toEqual([...shown].sort());
      held.disk.powerLoss();
      held.open();
      expect(held.names()).toEqual(expect.arrayContaining(seen));
    }
  });
});

describe('[T2] a row is kept decomposed', () => {
  it('equals the row in memory after any operations, in what it shows, knows and counts', () => {
    const step = fc.record({ kind: fc.constantFrom('add', 'remove', 'move', 'deliver'), item: fc.constantFrom('x', 'y', 'z'), which: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.nat(), (steps, seed) => {
        const held = new Held(seed);
        const mirror = writer(1);
        const elsewhere = writer(2);
        const deltas: Delta[] = [];
        let places = 0;
        for (const { kind, item, which } of steps) {
          if (kind === 'add') deltas.push(elsewhere.add(item, `p${places++}`));
          else if (kind === 'remove') deltas.push(elsewhere.remove(item));
          else if (kind === 'move') deltas.push(elsewhere.move(item, `p${places++}`));
          const delta = deltas[which % Math.max(1, deltas.length)];
          if (delta === undefined) continue;
          mirror.apply(delta);
          held.rows.apply(KEY, delta, () => {});
        }
        expect(held.settled((settle) => held.rows.applyAll(KEY, deltas.slice(0, 1), settle))).toBeUndefined();
        for (const delta of deltas.slice(0, 1)) mirror.apply(delta);
        expect(held.context()).toEqual(mirror.context());
        const live = [...new Set(['x', 'y', 'z'])].flatMap((item) => held.rows.latestVersions(KEY, item).map((version) => dotText(version.dot))).sort();
        expect(live).toEqual(mirror.live());
        expect(held.rows.header(KEY).itemCount).toBe(held.names().length);
        // The hash kept up by XOR is the hash of the versions that are there.
        const rebuilt = new Held();
        rebuilt.settled((settle) => rebuilt.rows.merge(KEY, mirror.snapshotFor(NOTHING_KNOWN), settle));
        expect(hex(rebuilt.rows.digest(KEY))).toBe(hex(held.rows.digest(KEY)));
        expect(rebuilt.names()).toEqual(held.names());
      }),
      { numRuns: 60 },
    );
  });

  it('pages through the order, in which every item stands once', () => {
    const held = new Held();
    const source = writer();
    for (let i = 0; i < 25; i++) held.apply(source.add(`x${i}`, `p${String(99 - i)}`));
    const seen: string[] = [];
    let after: { position: string; item: string } | undefined;
    for (;;) {
      const page = held.rows.page(KEY, 10, after);
      seen.push(...page.items.map((item) => item.item));
      after = page.items.at(-1);
      if (!page.more) break;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `x${24 - i}`));
  });

  it('reads the page and not the list: 51 records for 50 of 3,000 items, at whatever place', () => {
    const held = new Held();
    const source = writer();
    const deltas = Array.from({ length: 3_000 }, (_, i) => source.add(`x${i}`, `p${String(i).padStart(4, '0')}`));
    expect(held.settled((settle) => held.rows.applyAll(KEY, deltas, settle))).toBeUndefined();
    held.rows.header(KEY);
    const reads = countReads(held.engine.engine);
    for (const after of [undefined, { position: 'p1500', item: 'x1500' }]) {
      reads.count = 0;
      expect(held.rows.page(KEY, 50, after).items).toHaveLength(50);
      expect(reads.count).toBe(51);
    }
    reads.count = 0;
    held.apply(source.add('y', 'p0001x'));
    expect(reads.count).toBeLessThanOrEqual(3);
  });

  it('reads a first page once, and anew when the row was written or its order index put right', () => {
    const held = new Held();
    const made = writer();
    held.apply(made.add('a'));
    held.apply(made.add('b'));
    const reads = countReads(held.engine.engine);
    expect([held.names(), reads.count]).toEqual([['a', 'b'], 2]);
    expect([held.names(), reads.count]).toEqual([['a', 'b'], 2]);
    held.apply(made.add('c'));
    expect(held.names()).toEqual(['a', 'b', 'c']);
    const { position, item } = held.rows.page(KEY, 500).items[0]!;
    held.settled((settle) => held.engine.engine.write([{ key: keysOf(KEY).order(position, item), value: null }], settle));
    held.settled((settle) => held.rows.rewriteIndexes(KEY, settle));
    reads.count = 0;
    expect([held.names(), reads.count]).toEqual([['a', 'b', 'c'], 3]);
  });

  it('serves large values, which do not stand in the order index', () => {
    const held = new Held();
    const value = new Uint8Array(60_000).fill(5);
    const { dot } = writer().add('x');
    held.apply({ item: 'x', dot, hlc: 0, supersedes: [], version: { facet: 'cell', position: 'p', value } });
    expect(new Uint8Array(held.rows.page(KEY, 1).items[0]!.value)).toEqual(value);
  });

  it('keeps rows apart whose names begin alike', () => {
    const held = new Held();
    held.apply(writer().add('x'), { table: 'favorites', row: 'an' });
    held.apply(writer().add('y'), { table: 'favorites', row: 'ann-2' });
    expect(held.names()).toEqual([]);
  });
});

describe('[R1] differences', () => {
  const through = (from: Held, to: Held): void => {
    const difference = from.rows.difference(KEY, to.rows.header(KEY));
    if (difference !== null) expect(to.settled((settle) => takeIn(to.rows, KEY, decodeDifference(encodeDifference(difference)), settle))).toBeUndefined();
  };

  it('carry whole operations while those are remembered, a removal too', () => {
    const [a, b] = [new Held(), new Held()];
    const source = writer();
    for (const delta of [source.add('x'), source.add('y')]) {
      a.apply(delta);
      b.apply(delta);
    }
    a.apply(source.remove('x'));
    const difference = a.rows.difference(KEY, b.rows.header(KEY));
    expect(difference).toMatchObject({ kind: 'deltas', deltas: [{ item: 'x', version: null }] });
    through(a, b);
    expect(b.names()).toEqual(['y']);
    expect(hex(b.rows.digest(KEY))).toBe(hex(a.rows.digest(KEY)));
    expect(a.rows.difference(KEY, b.rows.header(KEY))).toBeNull();
  });

  it('carry a snapshot once memory is gone, to the same end', () => {
    const [a, b] = [new Held(), new Held()];
    const source = writer();
    const common = [source.add('x'), source.add('y')];
    for (const delta of common) {
      a.apply(delta);
      b.apply(delta);
    }
    a.apply(source.remove('x'));
    a.apply(source.add('z'));
    a.disk.crash();
    a.open();
    expect(a.rows.difference(KEY, b.rows.header(KEY))?.kind).toBe('snapshot');
    through(a, b);
    expect(b.names()).toEqual(['y', 'z']);
    expect(hex(b.rows.digest(KEY))).toBe(hex(a.rows.digest(KEY)));
  });

  it('come in several rounds when they do not fit one message, and end equal', () => {
    const [a, b] = [new Held(), new Held()];
    const value = new Uint8Array(60_000);
    const source = writer();
    for (let i = 0; i < 40; i++) {
      const { dot } = source.add(`x${i}`);
      a.apply({ item: `x${i}`, dot, hlc: 0, supersedes: [], version: { facet: 'cell', position: `p${i}`, value } });
    }
    a.disk.crash();
    a.open();
    expect(a.rows.difference(KEY, b.rows.header(KEY))).toMatchObject({ kind: 'deltas', isPartial: true });
    for (let round = 0; round < 5; round++) through(a, b);
    expect(hex(b.rows.digest(KEY))).toBe(hex(a.rows.digest(KEY)));
  });

  it('[F6] [F8] a snapshot is refused by a row that has lost part of what it was made for', () => {
    const [a, b] = [new Held(), new Held()];
    const source = writer();
    const delta = source.add('x');
    a.apply(delta);
    b.apply(delta);
    a.apply(source.add('y'));
    a.disk.crash();
    a.open();
    const difference = a.rows.difference(KEY, b.rows.header(KEY))!;
    b.engine.tables.live!.rot(Buffer.from('favorites\0ann\0ix', 'latin1'));
    expect(() => b.rows.item(KEY, 'x')).toThrow('is damaged here');
    const error = b.settled((settle) => takeIn(b.rows, KEY, difference, settle));
    expect((error as TriptychError).code).toBe('STORE_ROW_DAMAGED');
    expect(b.rows.latestHeader(KEY).context.dotCount).toBe(0);
  });
});

describe('[F8] damage', () => {
  const damagedRow = (): Held => {
    const held = new Held();
    const source = writer();
    for (const item of ['x', 'y', 'z']) held.apply(source.add(item));
    held.apply(source.remove('z'));
    held.engine.tables.live!.rot(Buffer.from('favorites\0ann\0ix', 'latin1'));
    return held;
  };

  it('is found when the record is read, marks the row and serves nothing of it', () => {
    const held = damagedRow();
    expect(() => held.rows.item(KEY, 'x')).toThrow(expect.objectContaining({ code: 'STORE_ROW_DAMAGED' }));
    expect(held.damaged).toEqual([KEY]);
    expect(held.rows.header(KEY).isDamaged).toBe(true);
    // It claims what its intact versions prove: not the lost add, and not the removal either.
    expect(held.context()).toHaveLength(1);
    for (const read of [() => held.rows.page(KEY, 10), () => held.rows.item(KEY, 'y'), () => held.rows.difference(KEY, NOTHING_KNOWN)]) {
      expect(read).toThrow(expect.objectContaining({ code: 'STORE_ROW_DAMAGED' }));
    }
  });

  it('is remembered over a restart, and ends when it is cleared', () => {
    const held = damagedRow();
    expect(() => held.rows.item(KEY, 'x')).toThrow('is damaged here');
    clock.advance(100);
    held.disk.powerLoss();
    held.open();
    expect(held.rows.header(KEY).isDamaged).toBe(true);
    expect(held.damaged).toHaveLength(2);
    held.settled((settle) => held.rows.clearDamage(KEY, settle));
    expect(held.names()).toEqual(['y']);
  });

  it('of the order index or the header counts as much as that of an item', () => {
    for (const record of ['favorites\0ann\0h', 'favorites\0ann\0oy\0y']) {
      const held = new Held();
      const source = writer();
      for (const item of ['x', 'y']) held.apply(source.add(item));
      held.disk.crash();
      held.open();
      held.engine.tables.live!.rot(Buffer.from(record, 'latin1'));
      expect(() => held.rows.page(KEY, 10)).toThrow(expect.objectContaining({ code: 'STORE_ROW_DAMAGED' }));
      expect(held.context()).toHaveLength(2);
      held.settled((settle) => held.rows.clearDamage(KEY, settle));
      expect(held.names()).toEqual(['x', 'y']);
    }
  });

  it('fails the writes that were in flight when it was found, and takes new ones', () => {
    const held = damagedRow();
    const source = writer(3);
    let outcome: Error | undefined | 'waiting' = 'waiting';
    held.rows.apply(KEY, source.add('w'), (error) => (outcome = error));
    expect(() => held.rows.item(KEY, 'x')).toThrow('is damaged here');
    clock.advance(100);
    expect(outcome).toMatchObject({ code: 'STORE_ROW_DAMAGED' });
    held.apply(source.add('v'));
    expect(held.rows.latestItem(KEY, 'v')).not.toBeNull();
    expect(held.rows.latestItem(KEY, 'w')).not.toBeNull();
  });

  it('of one row leaves others alone', () => {
    const held = damagedRow();
    held.apply(writer(4).add('x'), OTHER);
    expect(() => held.rows.item(KEY, 'x')).toThrow('is damaged here');
    expect(held.rows.item(OTHER, 'x')).not.toBeNull();
  });
});
