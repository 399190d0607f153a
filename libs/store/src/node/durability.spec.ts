/** Tables that are synced periodically, beside those whose every write waits for the disk. */
import { TriptychError } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { beforeEach, describe, expect, it } from 'vitest';
import { TABLES } from '../core/row/table-schema.js';
import type { Durability, StorageEngine } from '../ports/storage-engine.js';
import { codeOf } from '../testing/code-of.js';
import { openMemoryEngine, type OpenedMemoryEngine } from '../testing/memory-engine.js';
import { SimDisk } from '../testing/sim-disk.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';
import type { EngineSettings } from './log-engine.js';
import { LONGEST_WRITE_MS } from './quorum-write.js';

const SYNC_MS = 8_000;
const PERIODIC_FAVORITES = TABLES.map((table) => (table.name === 'favorites' ? { ...table, durability: 'periodic' as const } : table));

describe('[S13] a batch written as periodic', () => {
  let clock: SimClock;
  let disk: SimDisk;
  let opened: OpenedMemoryEngine;
  const open = (settings: Partial<EngineSettings> = {}): void => {
    opened = openMemoryEngine({ disk, clusterId: 'c', nodeId: 'n', settings: { cutsTail: true, ...settings } });
  };
  const engine = (): StorageEngine => opened.engine;
  const key = (name: string): Uint8Array => Buffer.from(name);
  function write(name: string, durability: Durability): { at: number | null; error: Error | undefined } {
    const outcome: { at: number | null; error: Error | undefined } = { at: null, error: undefined };
    engine().write([{ key: key(name), value: Buffer.from(name) }], (error) => Object.assign(outcome, { at: clock.monotonicMs(), error }), durability);
    return outcome;
  }
  const holds = (name: string): boolean => engine().get(key(name)) !== undefined;

  beforeEach(() => {
    clock = new SimClock();
    disk = new SimDisk(clock, new SeededRandom(7), { syncMs: 5 });
    open();
  });

  it('is settled and seen without a sync, and is durable ten seconds later', () => {
    const written = write('a', 'periodic');
    clock.advance(1);
    expect([written.at !== null, holds('a'), engine().durableLsn, engine().stats().syncs]).toEqual([true, true, 0, 0]);
    clock.advance(10_020);
    expect([engine().durableLsn, engine().stats().syncs]).toEqual([1, 1]);
    clock.advance(60_000);
    expect(engine().stats().syncs).toBe(1); // and nothing more to do
    expect(clock.pending).toBe(0);
  });

  it('is durable sooner when asked for, or with the next write that has to be', () => {
    disk.crash();
    open({ periodicSyncMs: 100 });
    write('a', 'periodic');
    clock.advance(120);
    expect(engine().durableLsn).toBe(1);
    write('b', 'periodic');
    clock.advance(1);
    const committed = write('c', 'commit');
    clock.advance(30);
    expect([committed.at !== null, engine().durableLsn]).toEqual([true, 3]);
  });

  it('of many: one sync in ten seconds, however many there are', () => {
    for (let i = 0; i < 500; i++) {
      write(`k${i}`, 'periodic');
      clock.advance(50);
    }
    expect(engine().stats().syncs).toBeLessThanOrEqual(3);
    expect(engine().durableLsn).toBeGreaterThan(200);
  });

  it('costs the others nothing: a write that has to be durable is one sync, as without it', () => {
    for (let i = 0; i < 10; i++) {
      write(`p${i}`, 'periodic');
      clock.advance(1);
      const { syncs } = engine().stats();
      const committed = write(`c${i}`, 'commit');
      clock.advance(20);
      expect([committed.at !== null, engine().stats().syncs]).toEqual([true, syncs + 1]);
    }
  });

  it('is on disk after a stop in order', () => {
    write('a', 'periodic');
    clock.advance(1);
    let isClosed = false;
    engine().close(() => (isClosed = true));
    clock.runUntil(() => isClosed, 1_000);
    disk.powerLoss();
    open();
    expect(opened.recovery).toMatchObject({ cleanStop: true, durableLsn: 1 });
    expect(holds('a')).toBe(true);
  });

  it('is lost with its engine when a sync fails: nothing after it is believed', () => {
    write('a', 'periodic');
    clock.advance(1);
    disk.failSyncs(new Error('EIO'));
    clock.advance(10_100);
    expect(engine().state).toBe('failed');
    const late = write('b', 'periodic');
    clock.advance(100);
    expect(late.error).toBeInstanceOf(TriptychError);
  });

  it('what has to be durable survives any power cut, whole groups torn behind it or not; periodic batches survive as a prefix', () => {
    let cuts = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed);
      clock = new SimClock();
      disk = new SimDisk(clock, random);
      open({ segmentBytes: 2_000, checkpoint: { minLogBytes: 3_000, sizeShare: 0.5, pieceBytes: 500 }, periodicSyncMs: 200 });
      const committed: string[] = [];
      const names: string[] = [];
      for (let run = 0; run < 3; run++) {
        for (let i = 0; i < 40; i++) {
          const name = `${run}-${i}`;
          names.push(name);
          const durability = random.fraction() < 0.8 ? 'periodic' : 'commit';
          engine().write([{ key: key(name), value: Buffer.alloc(random.below(200)) }], (error) => {
            if (error === undefined && durability === 'commit') committed.push(name);
          }, durability);
          clock.advance(random.fraction() * 20);
        }
        const toldLsn = engine().durableLsn;
        disk.powerLoss();
        open({ segmentBytes: 2_000, checkpoint: { minLogBytes: 3_000, sizeShare: 0.5, pieceBytes: 500 }, periodicSyncMs: 200 });
        if (opened.recovery.isCut) cuts++;
        expect(opened.recovery.durableLsn).toBeGreaterThanOrEqual(toldLsn);
        for (const name of committed) expect(holds(name)).toBe(true);
        const kept = names.slice(run * 40).map(holds);
        expect(kept.lastIndexOf(true)).toBe(kept.indexOf(false) === -1 ? kept.length - 1 : kept.indexOf(false) - 1);
      }
    }
    expect(cuts).toBeGreaterThan(0);
  });
});

it('[S13] no checkpoint is ahead of the log that is replayed over it', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const clock = new SimClock();
    const disk = new SimDisk(clock, random);
    const open = (): OpenedMemoryEngine =>
      openMemoryEngine({ disk, clusterId: 'c', nodeId: 'n', settings: { cutsTail: true, checkpoint: { minLogBytes: 2_000, sizeShare: 0.1, pieceBytes: 300 } } });
    const { engine } = open();
    for (let i = 0; i < 100; i++) {
      engine.write([{ key: Buffer.from(`k${i % 20}`), value: Buffer.alloc(100, i) }], () => {}, 'periodic');
      clock.advance(random.fraction() * 3);
    }
    expect(engine.stats().checkpoints).toBeGreaterThan(0);
    const { checkpointLsn } = engine.stats();
    disk.powerLoss();
    expect(open().recovery.durableLsn).toBeGreaterThanOrEqual(checkpointLsn);
  }
});

describe('[W8] a periodic table', () => {
  const cluster = (seed = 1): TestCluster => testCluster({ seed, settings: { tables: PERIODIC_FAVORITES }, engine: { cutsTail: true } });
  const vote = (at: TestCluster, table: string): string =>
    codeOf(() => at.run(at.node('a1').list({ table, row: 'ann', limit: 10, level: 'ONE' }, at.context())));

  it('does not wait for the disk; the others do', () => {
    const took = [cluster(), testCluster()].map((at) => {
      at.advance(5_000); // what the start wrote is on disk
      for (const name of at.nodes) at.disk(name).slow(100);
      const startMs = at.clock.monotonicMs();
      at.add('ann', 'x', { via: 'a1' });
      expect(at.list('ann', { via: 'b1' })).toEqual(['x']);
      return at.clock.monotonicMs() - startMs;
    });
    expect(took[0]).toBeLessThan(20);
    expect(took[1]).toBeGreaterThan(30);
  });

  it('[F9] has no vote after an unclean stop until it has synced; tables that lost nothing have theirs', () => {
    for (const seed of [1, 2]) {
      const at = cluster(seed);
      at.advance(3_000);
      at.network.cut('a1', 'c1');
      at.network.cut('b1', 'c1');
      at.add('ann', 'x', { via: 'b1' }); // on a1 and b1, in the caches of their systems
      at.advance(20);
      at.powerLoss('a1');
      at.heal();
      at.network.cut('b1', 'c1');
      at.network.cut('c1', 'b1');
      at.start('a1');
      at.advance(1_500);
      expect([vote(at, 'favorites'), vote(at, 'catalog')]).toEqual(['STORE_NOT_SYNCED', 'none']);
      expect(at.node('a1').standing).toBe('healthy');
      at.advance(LONGEST_WRITE_MS + SYNC_MS);
      expect(vote(at, 'favorites')).toBe('none');
      at.isolate('b1');
      expect(at.list('ann', { via: 'a1' })).toEqual(['x']);
    }
  });

  it('[R3] and a row that rots at another replica meanwhile: the two do not wait for each other', () => {
    const at = cluster();
    at.add('ann', 'x', { via: 'b1' });
    at.advance(12_000);
    at.crash('a1');
    at.start('a1');
    expect(at.rot('c1', 'ann', 'x')).toBe(true);
    at.touch('c1', 'ann');
    at.advance(1_500);
    expect([vote(at, 'favorites'), at.node('c1').stats().damagedRows]).toEqual(['STORE_NOT_SYNCED', 1]);
    at.advance(2 * LONGEST_WRITE_MS + SYNC_MS);
    expect([vote(at, 'favorites'), at.node('c1').stats().damagedRows]).toEqual(['none', 0]);
    for (const via of at.nodes) expect(at.list('ann', { via })).toEqual(['x']);
  });

  it('keeps its vote over a stop in order', () => {
    const at = cluster();
    at.add('ann', 'x', { via: 'a1' });
    at.shutDown('a1');
    at.advance(500);
    at.start('a1');
    at.advance(500);
    expect(vote(at, 'favorites')).toBe('none');
  });

  it('after a power loss of all, serves what is left once the nodes have heard each other', () => {
    const at = cluster(9);
    for (let i = 0; i < 10; i++) at.add('ann', `film-${i}`, { via: 'a1' });
    at.advance(12_000);
    for (let i = 10; i < 20; i++) at.add('ann', `film-${i}`, { via: 'a1' });
    for (const name of at.nodes) at.powerLoss(name);
    for (const name of at.nodes) at.start(name);
    at.advance(2_000);
    expect([vote(at, 'favorites'), vote(at, 'catalog')]).toEqual(['STORE_NOT_SYNCED', 'none']);
    at.advance(LONGEST_WRITE_MS + SYNC_MS);
    const left = at.list('ann', { via: 'b1' });
    expect(left.length).toBeGreaterThanOrEqual(10); // what was synced, and perhaps more
    for (const via of at.nodes) expect(at.list('ann', { via })).toEqual(left);
  });
});
