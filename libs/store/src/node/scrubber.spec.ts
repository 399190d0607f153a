/**
 * Rot in every kind of record, found though nobody reads it; at one store, and in clusters that heal by it. Time is
 * virtual and the pace is quick.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeId, type NodeId, type RowKey } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { actorIdFrom } from '../core/causality/dot.js';
import { encodeHint, hintKey, hintRange } from '../core/hints/hint-record.js';
import { LEAF_COUNT, leafOf } from '../core/merkle/merkle-tree.js';
import { SLOT_COUNT } from '../core/ring/token-allocator.js';
import { tokenOf } from '../core/ring/token.js';
import { encodeDelta, type Delta } from '../core/row/delta.js';
import { RowHasher } from '../core/row/row-header.js';
import { nodeKey, RowKeys } from '../core/row/row-keys.js';
import { tokenIndexKey } from '../core/row/token-index.js';
import { openMemoryEngine, type OpenedMemoryEngine } from '../testing/memory-engine.js';
import { MemoryRow } from '../testing/memory-row.js';
import { SimDisk } from '../testing/sim-disk.js';
import { favorites } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';
import { LONGEST_WRITE_MS } from './quorum-write.js';
import { RowStore } from './row-store.js';
import { RowTree } from './row-tree.js';
import { SCRUB_SETTINGS, Scrubber, type ScrubSettings, type ScrubStats } from './scrubber.js';

const KEY = new Uint8Array(16).fill(1);
const ALL = new Uint8Array(SLOT_COUNT).fill(1);
const QUICK: ScrubSettings = { bytesPerSecond: 64 * 1024 * 1024, hurriedBytesPerSecond: 64 * 1024 * 1024, passEveryMs: 1_000, startAfterMs: 10, savePositionEveryMs: 200 };
const SMALL_FILES = { segmentBytes: 4_096, checkpoint: { minLogBytes: 40_000 } };

const user = (number: number): RowKey => ({ table: 'favorites', row: `user-${number}` });
const keysOf = ({ table, row }: RowKey): RowKeys => new RowKeys(table, row);
const writer = (name = 9): MemoryRow => new MemoryRow(actorIdFrom(new Uint8Array(8).fill(name)));

/** One store over one disk, with its scrubber. */
class Scrubbed {
  readonly clock = new SimClock();
  readonly disk = new SimDisk(this.clock, new SeededRandom(1));
  readonly dropped: string[] = [];
  readonly found: string[] = [];
  ours: (key: RowKey) => boolean = () => true;
  opened!: OpenedMemoryEngine;
  rows!: RowStore;
  tree!: RowTree;
  scrubber!: Scrubber;

  constructor(readonly settings: ScrubSettings = QUICK) {
    this.open();
  }

  open(): void {
    const hasher = new RowHasher(KEY);
    this.opened = openMemoryEngine({ disk: this.disk, clusterId: 'c', nodeId: 'n', settings: SMALL_FILES });
    const { engine } = this.opened;
    const onDamage = (key: RowKey): void => {
      this.found.push(key.row);
      this.tree.forget(key);
    };
    this.rows = new RowStore(engine, hasher, () => 'latest', onDamage, (key, before, after) => this.tree.changed(key, before, after));
    this.tree = new RowTree(this.rows, hasher, KEY, this.clock);
    const dropHint = (recordKey: Uint8Array): void => {
      this.dropped.push(hex(recordKey));
      engine.write([{ key: recordKey, value: null }], () => {});
    };
    const ports = { engine, hasher, siblingRuleOf: () => 'latest' as const, rows: this.rows, tree: this.tree, clock: this.clock };
    this.scrubber = new Scrubber({ ...ports, isReplica: (key) => this.ours(key), indexesRewritten: (key) => this.tree.forget(key), dropHint }, this.settings);
  }

  restart(): void {
    this.scrubber.stop();
    this.tree.stop();
    this.disk.crash();
    this.open();
  }

  get stats(): ScrubStats {
    return this.scrubber.stats();
  }

  apply(key: RowKey, ...deltas: Delta[]): void {
    this.rows.applyAll(key, deltas, () => {});
  }

  fill(rows: number, items: number): void {
    for (let row = 0; row < rows; row++) {
      const made = writer(row % 250);
      this.apply(user(row), ...Array.from({ length: items }, (_, item) => made.add(`film-${item}`)));
    }
    this.clock.advance(50);
  }

  /** Lets the pass that is under way end, and a whole one after it. */
  pass(): ScrubStats {
    const { passes } = this.stats;
    expect(this.clock.runUntil(() => this.stats.passes >= passes + 2, 600_000)).toBe(true);
    return this.stats;
  }

  rot(key: Uint8Array, bit = 0): void {
    this.opened.tables.live!.rot(key, bit);
  }

  keys(): Uint8Array[] {
    const keys: Uint8Array[] = [];
    this.opened.engine.scan({ start: new Uint8Array(0), end: Buffer.alloc(1025, 0xff) }, (key) => void keys.push(new Uint8Array(key)));
    return keys;
  }

  root(): string {
    return hex(this.tree.over(ALL).hash(0, 0));
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('[V1] the scrubber reads everything that a node keeps', () => {
  it('finds nothing where nothing is wrong, and goes round again and again', () => {
    const store = new Scrubbed();
    store.fill(20, 3);
    store.apply(user(1), writer(7).add('one more'));
    const { passes, rows, records, ...counts } = store.pass();
    expect(passes).toBeGreaterThan(1);
    expect(rows).toBeGreaterThanOrEqual(20 * 2);
    expect(records).toBeGreaterThanOrEqual(2 * 20 * (1 + 3 + 3 + 1));
    expect(counts).toMatchObject({ failingRecords: 0, damagedRows: 0, indexesRepaired: 0, leavesRepaired: 0, hintsDropped: 0, damagedFiles: [], unreadable: 0 });
  });

  it('marks a row of which an item rotted, or the header, and no other row', () => {
    for (const keyOf of [(keys: RowKeys) => keys.item('film-1'), (keys: RowKeys) => keys.header()]) {
      const store = new Scrubbed();
      store.fill(5, 3);
      store.rot(keyOf(keysOf(user(3))));
      expect(store.pass()).toMatchObject({ damagedRows: 1 });
      expect(store.found).toEqual(['user-3']);
      expect([2, 3, 4].map((row) => store.rows.header(user(row)).isDamaged)).toEqual([false, true, false]);
    }
  });

  it('marks a row whose records are intact and disagree: an item that is gone, one of another time, a header of another', () => {
    const wrongs: ((store: Scrubbed, keys: RowKeys) => void)[] = [
      (store, keys) => store.opened.engine.write([{ key: keys.item('film-1'), value: null }], () => {}),
      (store, keys) => store.opened.engine.write([{ key: keys.item('film-1'), value: store.opened.engine.get(keysOf(user(2)).item('film-1'))! }], () => {}),
      (store, keys) => store.opened.engine.write([{ key: keys.header(), value: store.opened.engine.get(keysOf(user(2)).header())! }], () => {}),
      (store, keys) => store.opened.engine.write([{ key: keys.header(), value: null }], () => {}),
    ];
    for (const wrong of wrongs) {
      const store = new Scrubbed();
      store.fill(4, 3);
      wrong(store, keysOf(user(3)));
      store.pass();
      expect(store.found).toEqual(['user-3']);
    }
  });

  it('marks a row of which an item is as it once was: its record is whole, its dot was seen, and only the digest tells', () => {
    const store = new Scrubbed();
    const made = writer(3);
    store.apply(user(3), made.add('film'), made.add('other'));
    store.clock.advance(20);
    const before = store.opened.engine.get(keysOf(user(3)).item('film'))!;
    store.apply(user(3), made.add('film'));
    store.clock.advance(20);
    store.opened.engine.write([{ key: keysOf(user(3)).item('film'), value: before }], () => {});
    expect(store.pass()).toMatchObject({ damagedRows: 1, failingRecords: 0 });
    expect(store.found).toEqual(['user-3']);
  });

  it('marks a row all of whose records are gone while its entry by token is there', () => {
    const store = new Scrubbed();
    store.fill(4, 3);
    const keys = keysOf(user(3));
    const lost = ['film-0', 'film-1', 'film-2'].flatMap((item) => [keys.item(item), keys.order(item, item)]);
    store.opened.tables.live!.apply([...lost, keys.header()].map((key) => ({ key, value: null })));
    store.pass();
    expect(store.found).toEqual(['user-3']);
  });

  it('writes the order index anew where it rotted or says something else than the items, and takes nobody’s vote for it', () => {
    const order = (item: string) => keysOf(user(1)).order(item, item);
    const wrongs: ((store: Scrubbed) => void)[] = [
      (store) => store.rot(order('film-1'), 9),
      (store) => store.opened.engine.write([{ key: order('film-1'), value: null }], () => {}),
      (store) => store.opened.engine.write([{ key: order('ghost'), value: store.opened.engine.get(order('film-0'))! }], () => {}),
      (store) => store.opened.engine.write([{ key: order('film-1'), value: store.opened.engine.get(keysOf(user(0)).order('film-9', 'film-9'))! }], () => {}),
    ];
    for (const wrong of wrongs) {
      const store = new Scrubbed();
      const odd: Delta = { ...writer(3).add('film-9'), hlc: 77 };
      store.fill(3, 3);
      store.apply(user(0), odd);
      store.clock.advance(20);
      const page = store.rows.page(user(1), 10);
      wrong(store);
      expect(store.pass()).toMatchObject({ indexesRepaired: 1, damagedRows: 0 });
      expect(store.rows.page(user(1), 10)).toEqual(page);
      expect(store.found).toEqual([]);
    }
  });

  it('writes an entry by token anew that rotted or is gone, and drops one that leads nowhere', () => {
    const store = new Scrubbed();
    store.fill(4, 1);
    const root = store.root();
    const entry = tokenIndexKey(user(1));
    store.rot(entry, 3);
    store.opened.engine.write([{ key: tokenIndexKey(user(2)), value: null }], () => {});
    store.opened.engine.write([{ key: tokenIndexKey(user(3), 5n as never), value: new Uint8Array(0) }], () => {});
    store.ours = (key) => key.row !== 'nobody';
    store.opened.engine.write([{ key: tokenIndexKey({ table: 'favorites', row: 'nobody' }), value: new Uint8Array(0) }], () => {});
    expect(store.pass()).toMatchObject({ indexesRepaired: 4, damagedRows: 0 });
    const listed: string[] = [];
    store.rows.rowsByToken(0n, 1n << 64n, ({ row }) => listed.push(row) > 0);
    expect(listed.sort()).toEqual(['user-0', 'user-1', 'user-2', 'user-3']);
    expect(store.opened.engine.get(entry)).toHaveLength(0);
    expect(store.root()).toBe(root);
  });

  it('puts right a leaf of the tree, or a slot, that flipped in memory', () => {
    const store = new Scrubbed();
    store.fill(30, 1);
    store.pass();
    const root = store.root();
    const leaf = leafOf(tokenOf('favorites', 'user-7'));
    store.tree.over(ALL).hash(4, leaf)[5]! ^= 16;
    store.tree.over(ALL).hash(4, LEAF_COUNT - 1)[5]! ^= 1;
    expect(store.pass().leavesRepaired).toBe(2);
    expect(store.root()).toBe(root);
  });

  it('gives up a hint that rotted, and leaves the others', () => {
    const store = new Scrubbed();
    const made = writer(4);
    const target: NodeId = nodeId('b1');
    const hints = ['x', 'y', 'z'].map((film) => {
      const delta = made.add(film);
      return { key: hintKey(target, delta), value: encodeHint({ key: user(1), delta: encodeDelta(delta) }) };
    });
    store.opened.engine.write(hints, () => {});
    store.clock.advance(5);
    store.rot(hints[1]!.key, 40);
    expect(store.pass()).toMatchObject({ hintsDropped: 1, failingRecords: 1 });
    expect(store.dropped).toEqual([hex(hints[1]!.key)]);
  });

  it('clears away records under keys that nobody ever wrote', () => {
    const store = new Scrubbed();
    store.fill(2, 1);
    store.ours = ({ row }) => row.startsWith('user-');
    const strays = [Buffer.from('gibberish'), Buffer.from('favorites\0nobody\0h'), Buffer.from('favorites\0user-1\0~')];
    for (const key of strays) store.opened.tables.live!.put(key, Buffer.from('no seal'));
    store.pass();
    const left = store.keys().map((key) => Buffer.from(key).toString('latin1'));
    for (const stray of strays) expect(left).not.toContain(stray.toString('latin1'));
    expect(store.found).toEqual(['user-1']);
  });

  it('any bit flipped in any record, or in its key, is noticed, and nothing is wrong after it but what is marked', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.boolean(), (record, bit, inKey) => {
        const store = new Scrubbed();
        store.fill(6, 2);
        const keys = store.keys().filter((key) => hex(key) !== hex(nodeKey('scrub')));
        const key = keys[record % keys.length]!;
        const table = store.opened.tables.live!;
        const value = new Uint8Array(table.get(key)!);
        const moved = new Uint8Array(key);
        if (inKey) {
          moved[(bit >> 3) % key.length]! ^= 1 << (bit & 7);
          table.apply([{ key, value: null }]);
          table.put(moved, value);
        } else store.rot(key, bit % (8 * value.length));
        const found = store.pass();
        expect(found.damagedRows + found.indexesRepaired).toBeGreaterThan(0);
        const after = store.pass();
        const { damagedRows, indexesRepaired, failingRecords, leavesRepaired } = found;
        expect(after).toMatchObject({ damagedRows, indexesRepaired, failingRecords, leavesRepaired });
      }),
      { numRuns: 20 },
    );
  });
});

describe('[V2] the scrubber beside writers', () => {
  it('never calls a row damaged that is being written, however large, and comes to its end', () => {
    const store = new Scrubbed({ ...QUICK, passEveryMs: 1 });
    const made = writer(1);
    store.apply(user(1), ...Array.from({ length: 600 }, (_, item) => made.add(`film-${item}`)));
    store.clock.advance(100);
    for (let round = 0; round < 120; round++) {
      store.apply(user(1), round % 3 === 0 ? made.remove(`film-${round}`) : round % 3 === 1 ? made.add(`new-${round}`) : made.move(`film-${round + 1}`, `a${round}`));
      store.clock.advance(1 + (round % 5));
    }
    expect(store.stats.passes).toBeGreaterThan(0);
    expect(store.stats).toMatchObject({ damagedRows: 0, indexesRepaired: 0, failingRecords: 0 });
    expect(store.found).toEqual([]);
  });

  it('an index written anew while writes are on their way agrees with what they leave', () => {
    const store = new Scrubbed();
    const made = writer(1);
    store.apply(user(1), made.add('a'), made.add('b'), made.add('c'));
    store.clock.advance(20);
    store.opened.engine.write(['a', 'b'].map((item) => ({ key: keysOf(user(1)).order(item, item), value: null })), () => {});
    store.clock.advance(5);
    store.apply(user(1), made.move('b', 'z'));
    store.apply(user(1), made.remove('c'));
    store.rows.rewriteIndexes(user(1), () => {});
    store.apply(user(1), made.add('d'));
    store.clock.advance(20);
    expect(store.rows.page(user(1), 9).items.map(({ item }) => item)).toEqual(['a', 'd', 'b']);
    expect(store.pass()).toMatchObject({ damagedRows: 0, indexesRepaired: 0 });
  });

  it('keeps to its pace', () => {
    const store = new Scrubbed({ ...QUICK, bytesPerSecond: 20_000, passEveryMs: 3_600_000 });
    store.fill(400, 5);
    const before = store.stats.bytes;
    store.clock.advance(5_000);
    expect(store.stats.bytes - before).toBeGreaterThan(20_000);
    expect(store.stats.bytes - before).toBeLessThan(100_000 + 40_000);
  });

  it('hurries when half of its time is over', () => {
    const store = new Scrubbed({ ...QUICK, bytesPerSecond: 1_000, hurriedBytesPerSecond: 20_000, passEveryMs: 20_000 });
    store.fill(800, 5);
    const before = store.stats.bytes;
    store.clock.advance(8_000);
    const slowly = store.stats.bytes;
    expect(slowly - before).toBeLessThan(8_000 + 8_000);
    store.clock.advance(12_000);
    expect(store.stats.passes).toBe(0);
    expect(store.stats.bytes - slowly).toBeGreaterThan(40_000);
  });

  it('goes on after a restart where it was, and begins no pass before it is due', () => {
    const store = new Scrubbed({ ...QUICK, bytesPerSecond: 100_000, passEveryMs: 3_600_000 });
    store.fill(600, 3);
    store.clock.advance(2_000);
    const before = store.stats;
    expect(before.passes).toBe(0);
    expect(before.rows).toBeGreaterThan(100);
    store.restart();
    expect(store.clock.runUntil(() => store.stats.passes === 1, 120_000)).toBe(true);
    expect(store.stats.rows).toBeLessThan(600);
    expect(before.rows + store.stats.rows).toBeGreaterThanOrEqual(600);
    store.restart();
    store.clock.advance(600_000);
    expect(store.stats).toMatchObject({ passes: 1, rows: 0, position: 'waiting' });
    store.clock.advance(3_000_000);
    expect(store.clock.runUntil(() => store.stats.passes === 2, 120_000)).toBe(true);
    expect(store.stats.rows).toBe(600);
  });

  it('leaves no timer when it is stopped', () => {
    const store = new Scrubbed();
    store.fill(3, 1);
    store.pass();
    store.scrubber.stop();
    const { rows } = store.stats;
    store.clock.advance(60_000);
    expect(store.stats.rows).toBe(rows);
  });
});

describe('[V3] the files that a recovery would need', () => {
  function filled(): Scrubbed {
    const store = new Scrubbed({ ...QUICK, passEveryMs: 500 });
    for (let row = 0; row < 260; row++) {
      store.apply(user(row), writer(row % 250).add('film'));
      if (row % 5 === 0) store.clock.advance(5);
    }
    store.clock.advance(100);
    return store;
  }

  it('are read through: rot in a checkpoint or in a closed segment is named, a new checkpoint taken, and in the end nobody needs the bad one', () => {
    for (const kind of ['checkpoint', 'log']) {
      const store = filled();
      const names = store.disk.names().filter((name) => name.startsWith(kind)).sort();
      expect(names.length).toBeGreaterThan(kind === 'log' ? 2 : 0);
      expect(store.pass().damagedFiles).toEqual([]);
      const [name] = names as [string];
      const { checkpoints } = store.opened.engine.stats();
      store.disk.flipBit(name, 300, 2);
      expect(store.clock.runUntil(() => store.stats.damagedFiles.includes(name), 10_000)).toBe(true);
      expect(store.clock.runUntil(() => store.opened.engine.stats().checkpoints > checkpoints, 1_000)).toBe(true);
      expect(store.clock.runUntil(() => !store.disk.names().includes(name), 10_000)).toBe(true);
      store.pass();
      expect(store.stats.damagedFiles).toEqual([]);
      store.restart();
      expect(store.rows.page(user(200), 5).items).toHaveLength(1);
    }
  });

  it('are not taken for damaged while they are being written or trimmed', () => {
    const store = new Scrubbed({ ...QUICK, passEveryMs: 1 });
    store.disk.slow(10);
    for (let round = 0; round < 900; round++) {
      store.apply(user(round % 40), writer(round % 250).add(`film-${round}`));
      store.clock.advance(1);
      expect(store.stats.damagedFiles).toEqual([]);
    }
    expect(store.stats.passes).toBeGreaterThan(3);
    expect(store.opened.engine.stats().checkpoints).toBeGreaterThan(1);
  });
});

describe('[V4] in a cluster that nobody reads', () => {
  const settings = { scrub: { ...QUICK, passEveryMs: 2_000 } };

  function filled(): TestCluster {
    const cluster = testCluster({ settings });
    for (const film of ['x', 'y', 'z', 'w']) cluster.add('ann', film, { via: 'a1' });
    cluster.remove('ann', 'y', { via: 'b1' });
    cluster.add('bob', 'x', { via: 'c1' });
    cluster.advance(1_000);
    return cluster;
  }

  const keys = new RowKeys('favorites', 'ann');
  const kinds: [string, (cluster: TestCluster) => Uint8Array][] = [
    ['an item', () => keys.item('z')],
    ['the header', () => keys.header()],
    ['an entry of the order', (cluster) => keys.order(cluster.node('a1').rows.page(favorites('ann'), 9).items[1]!.position, cluster.locally('a1', 'ann')[1]!)],
    ['the entry by token', () => tokenIndexKey(favorites('ann'))],
  ];
  it.each(kinds)('rot in %s is found and healed; what was removed stays removed', (_, keyOf) => {
    const cluster = filled();
    const digest = cluster.digestAt('a1', 'ann');
    const order = cluster.locally('a1', 'ann');
    expect(order).toEqual(['x', 'z', 'w']);
    cluster.table('b1').rot(keyOf(cluster), 11);
    cluster.advance(LONGEST_WRITE_MS + 10_000);
    const { scrub, damagedRows } = cluster.node('b1').stats();
    expect(scrub.damagedRows + scrub.indexesRepaired).toBe(1);
    expect(damagedRows).toBe(0);
    for (const name of cluster.nodes) {
      expect(cluster.digestAt(name, 'ann')).toBe(digest);
      expect(cluster.locally(name, 'ann')).toEqual(order);
    }
    expect(cluster.node('b1').rows.header(favorites('ann')).isDamaged).toBe(false);
    expect(cluster.list('ann', { via: 'b1', level: 'ONE' })).toEqual(order);
  });

  it('a row that rotted with its entry by token comes back, and the trees are equal again', () => {
    const cluster = filled();
    const entry = tokenIndexKey(favorites('ann'));
    cluster.table('b1').apply([{ key: entry, value: null }]);
    cluster.restart('b1'); // its tree is made without the row
    cluster.table('b1').apply([{ key: entry, value: null }]);
    cluster.advance(40_000);
    expect(cluster.engine('b1').get(entry)).toBeDefined();
    const rounds = cluster.node('b1').stats().antiEntropy;
    cluster.advance(60_000);
    const later = cluster.node('b1').stats().antiEntropy;
    expect(later.rounds).toBeGreaterThan(rounds.rounds);
    expect(later.equalRounds - rounds.equalRounds).toBe(later.rounds - rounds.rounds);
  });

  it('a hint that rotted is given up, and its owner gets the film by a comparison', () => {
    const cluster = filled();
    cluster.crash('c1');
    cluster.add('ann', 'late', { via: 'a1' });
    cluster.advance(100);
    const hints: Uint8Array[] = [];
    const holder = ['a1', 'b1'].find((name) => {
      cluster.engine(name).scan(hintRange(null, null), (key) => void hints.push(new Uint8Array(key)));
      return hints.length > 0;
    })!;
    cluster.table(holder).rot(hints[0]!, 30);
    cluster.advance(10_000);
    expect(cluster.node(holder).stats().scrub.hintsDropped).toBe(1);
    expect(cluster.node(holder).stats().hints).toMatchObject({ dropped: 1, waitingCount: 0 });
    cluster.start('c1');
    cluster.advance(10_000);
    expect(cluster.locally('c1', 'ann')).toEqual(['x', 'z', 'w', 'late']);
  });

  it('is a week’s pass in production, at a pace that a disk does not notice', () => {
    expect(SCRUB_SETTINGS.passEveryMs).toBe(7 * 24 * 3_600_000);
    const { bytesPerSecond, hurriedBytesPerSecond, passEveryMs } = SCRUB_SETTINGS;
    expect(((bytesPerSecond + hurriedBytesPerSecond) * passEveryMs) / 2 / 1000 / 1e9).toBeGreaterThan(80);
  });
});
