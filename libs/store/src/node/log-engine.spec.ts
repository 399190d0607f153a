/**
 * Power cuts, kills and failing syncs at random moments, against a list of what was written. Each run is decided by its
 * seed; `simulate(seed)` replays one.
 */
import { SeededRandom, SimClock } from '@app/time';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mutation, WriteBatch } from '../ports/storage-engine.js';
import { openMemoryEngine } from '../testing/memory-engine.js';
import { SimDisk } from '../testing/sim-disk.js';

const SETTINGS = { segmentBytes: 1500, groupBytes: 400, checkpoint: { minLogBytes: 2500, sizeShare: 0, pieceBytes: 60 } };
const OWNER = { clusterId: 'c', nodeId: 'n' };
const RANGE = { start: new Uint8Array(0), end: new Uint8Array(8).fill(0xff) };

interface Coverage {
  acknowledged: number;
  torn: number;
  lostUnacknowledged: number;
  keptUnacknowledged: number;
  cleanStops: number;
  checkpoints: number;
  rottenCheckpoints: number;
  failedSyncs: number;
}

/** One disk through several lives of an engine. Throws when what comes back is not what was promised. */
function simulate(seed: number, coverage: Coverage, prepare: (disk: SimDisk) => void = () => {}): void {
  const random = new SeededRandom(seed);
  const clock = new SimClock();
  const disk = new SimDisk(clock, random);
  prepare(disk);
  /** All batches that may have happened, in order; the first `acknowledged` of them must have. */
  let written: WriteBatch[] = [];
  let acknowledged = 0;

  for (let life = 0; life < 6; life++) {
    const { engine, recovery } = openMemoryEngine({ disk, ...OWNER, settings: SETTINGS });
    const found = recovery.durableLsn;
    expect(found, `seed ${seed}: acknowledged batches are missing`).toBeGreaterThanOrEqual(acknowledged);
    expect(found).toBeLessThanOrEqual(written.length);
    coverage.lostUnacknowledged += written.length - found;
    coverage.keptUnacknowledged += found - acknowledged;
    coverage.torn += Number(recovery.tornBytes > 0);
    coverage.cleanStops += Number(recovery.cleanStop);
    written = written.slice(0, found);
    acknowledged = found; // it has been shown, so it stays
    expect(contentOf(engine), `seed ${seed}: not the first ${found} batches`).toEqual(resultOf(written));

    const untilMs = clock.monotonicMs() + random.below(120);
    while (clock.monotonicMs() < untilMs) {
      for (let count = random.below(6); count > 0; count--) {
        const batch = randomBatch(random);
        written.push(batch);
        const lsn = written.length;
        engine.write(batch, (error) => {
          if (error !== undefined) return;
          if (lsn !== acknowledged + 1) throw new Error(`seed ${seed}: batch ${lsn} acknowledged after ${acknowledged}`);
          acknowledged = lsn;
          coverage.acknowledged++;
        });
      }
      clock.advance(random.fraction() * 2);
      if (engine.durableLsn !== acknowledged) throw new Error(`seed ${seed}: ${engine.durableLsn} durable, ${acknowledged} acknowledged`);
      if (random.fraction() < 0.005) {
        disk.failSyncs(new Error('EIO: i/o error'));
        coverage.failedSyncs++;
      }
      if (random.fraction() < 0.01) disk.slow(random.pick([1, 10, 100]));
    }
    coverage.checkpoints += engine.stats().checkpoints;

    const end = random.fraction();
    if (end < 0.15) {
      engine.close(() => {});
      clock.advance(random.below(300));
    }
    if (end < 0.3) disk.crash();
    else disk.powerLoss();
    disk.failSyncs(null);
    disk.slow(1);
    // One rotten at a time: two at once, or a second before the first was found, is more than is promised.
    if (engine.stats().checkpoints >= 2 && end > 0.15 && random.fraction() < 0.3) {
      const newest = disk.names().filter((name) => name.startsWith('checkpoint-')).sort().at(-1);
      if (newest !== undefined && disk.file(newest).length > 0) {
        disk.flipBit(newest, random.below(disk.file(newest).length), random.below(8));
        coverage.rottenCheckpoints++;
      }
    }
  }
}

function randomBatch(random: SeededRandom): WriteBatch {
  const batch: Mutation[] = [];
  for (let count = random.below(4); count >= 0; count--) {
    const key = Buffer.from(`key${random.below(100)}`);
    batch.push({ key, value: random.fraction() < 0.3 ? null : random.bytes(random.below(200)) });
  }
  return batch;
}

function contentOf(engine: { scan: ReturnType<typeof openMemoryEngine>['engine']['scan'] }): Record<string, string> {
  const content: Record<string, string> = {};
  engine.scan(RANGE, (key, value) => {
    content[Buffer.from(key).toString()] = Buffer.from(value!).toString('hex');
  });
  return content;
}

function resultOf(batches: readonly WriteBatch[]): Record<string, string> {
  const content = new Map<string, string>();
  for (const { key, value } of batches.flat()) {
    if (value === null) content.delete(Buffer.from(key).toString());
    else content.set(Buffer.from(key).toString(), Buffer.from(value).toString('hex'));
  }
  return Object.fromEntries(content);
}

function newCoverage(): Coverage {
  return { acknowledged: 0, torn: 0, lostUnacknowledged: 0, keptUnacknowledged: 0, cleanStops: 0, checkpoints: 0, rottenCheckpoints: 0, failedSyncs: 0 };
}

describe('a storage engine through power cuts', () => {
  it('[S8] keeps every acknowledged batch, and of the others a prefix, each whole or not at all', () => {
    const coverage = newCoverage();
    fc.assert(
      fc.property(fc.nat(), (seed) => simulate(seed, coverage)),
      { numRuns: 25 },
    );
    // That the runs met what they are meant to meet.
    for (const [what, count] of Object.entries(coverage)) expect(count, what).toBeGreaterThan(3);
  });

  it('and this suite can tell: a disk that lies about its syncs is found out', () => {
    let found = 0;
    for (let seed = 1; seed <= 20; seed++) {
      try {
        simulate(seed, newCoverage(), (disk) => disk.lieAboutSyncs());
      } catch {
        found++;
      }
    }
    expect(found).toBeGreaterThan(15);
  });

  it('[S10] goes on writing when a checkpoint does not fit on the disk, trims nothing, and takes the next one that does', () => {
    const clock = new SimClock();
    const disk = new SimDisk(clock, new SeededRandom(5));
    const open = () => openMemoryEngine({ disk, ...OWNER, settings: SETTINGS }).engine;
    const engine = open();
    let written = 0;
    const write = () => {
      const key = Buffer.from(`key${written++ % 50}`);
      engine.write([{ key, value: Buffer.alloc(100, written) }], (error) => expect(error).toBeUndefined());
      clock.advance(1);
    };
    while (engine.stats().checkpoints < 3) write();
    const used = disk.names().reduce((sum, name) => sum + disk.file(name).length, 0);
    disk.limitTo(used + 3000);
    const { checkpointLsn } = engine.stats();
    while (engine.stats().checkpointFailures === 0) write();
    expect(engine).toMatchObject({ state: 'open', durableLsn: written });
    expect(engine.stats().checkpointLsn).toBe(checkpointLsn);
    disk.limitTo(Infinity);
    while (engine.stats().checkpointLsn === checkpointLsn) write();
    clock.advance(100);
    const content = contentOf(engine);
    disk.powerLoss();
    expect(contentOf(open())).toEqual(content);
  });

  it('[S14] waits with the next checkpoint for a share of what the last one holds, not of what its file takes, after a restart too', () => {
    const clock = new SimClock();
    const disk = new SimDisk(clock, new SeededRandom(5));
    const settings = { segmentBytes: 1500, checkpoint: { minLogBytes: 20_000, sizeShare: 1, pieceBytes: 2_000 } };
    const open = () => openMemoryEngine({ disk, ...OWNER, settings }).engine;
    let engine = open();
    let written = 0;
    const write = () => {
      engine.write([{ key: Buffer.from(`key${written++ % 500}`), value: Buffer.alloc(100, 7) }], () => {});
      clock.advance(1);
    };
    while (written < 500) write();
    engine.takeCheckpoint();
    clock.advance(100);
    const { checkpointLsn } = engine.stats();
    expect(checkpointLsn).toBe(500);
    for (const isRestarted of [false, true]) {
      if (isRestarted) {
        disk.crash();
        engine = open();
      }
      for (let count = 0; count < 180; count++) write(); // 24,000 bytes of log; the checkpoint holds 56,000 in a few thousand
      expect(engine.stats().checkpointLsn).toBe(checkpointLsn);
    }
    for (let count = 0; count < 180; count++) write();
    expect(engine.stats().checkpointLsn).toBeGreaterThan(checkpointLsn);
  });

  it('[S10] refuses a log that ends before what the checkpoint may hold', () => {
    const clock = new SimClock();
    const disk = new SimDisk(clock, new SeededRandom(5));
    const settings = { checkpoint: { minLogBytes: 10_000, pieceBytes: 1 } }; // a long walk
    const open = () => openMemoryEngine({ disk, ...OWNER, settings }).engine;
    const engine = open();
    let written = 0;
    const write = () => engine.write([{ key: Buffer.from(`key${written++}`), value: Buffer.alloc(10) }], () => {});
    // Until a checkpoint is being written, then a little more while it is, and then no more.
    while (!disk.names().some((name) => name.startsWith('checkpoint-'))) {
      write();
      clock.advance(0.5);
    }
    write();
    clock.advance(1000);
    expect(engine.stats().checkpoints).toBe(1);
    expect(engine.durableLsn).toBe(written);
    expect(engine.stats().checkpointLsn).toBeLessThan(written);
    disk.crash();
    const last = disk.names().filter((name) => name.startsWith('log-')).sort().at(-1)!;
    disk.flipBit(last, disk.file(last).length - 1);
    expect(open).toThrow(/the log ends at batch .* a checkpoint holds batch/);
  });

  it('is the same run for the same seed', () => {
    const runs = [newCoverage(), newCoverage()];
    for (const coverage of runs) simulate(11, coverage);
    expect(runs[0]).toEqual(runs[1]);
  });
});
