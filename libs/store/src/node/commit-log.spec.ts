import { SeededRandom, SimClock } from '@app/time';
import { beforeEach, describe, expect, it } from 'vitest';
import type { WriteBatch } from '../core/codec/log-record.js';
import type { Disk } from '../ports/disk.js';
import { SimDisk } from '../testing/sim-disk.js';
import { CommitLog } from './commit-log.js';
import { listSegments, replayLog } from './log-recovery.js';

describe('the commit log', () => {
  let clock: SimClock;
  let disk: SimDisk;
  let mount: Disk;
  let log: CommitLog;
  let events: string[];

  function openLog(segmentBytes = 1_000_000, groupBytes = 1000): void {
    log = new CommitLog({
      disk: mount,
      segments: [],
      durableLsn: 0,
      segmentBytes,
      groupBytes,
      periodicSyncMs: 10_000,
      after: (delayMs, task) => clock.after(delayMs, task),
      wallMs: () => clock.wallMs(),
      atTurnEnd: (task) => void clock.after(0, task),
      onDurable: (mutations) => events.push(`durable ${mutations.map(({ key }) => Buffer.from(key).toString()).join()}`),
      onFailure: ({ code }) => events.push(`failed ${code}`),
    });
  }
  const batch = (key: string, bytes = 1): WriteBatch => [{ key: Buffer.from(key), value: Buffer.alloc(bytes) }];
  const append = (key: string, bytes?: number) => log.append(batch(key, bytes), (error) => events.push(`${key} ${error === undefined ? 'settled' : 'refused'}`));

  beforeEach(() => {
    clock = new SimClock();
    disk = new SimDisk(clock, new SeededRandom(1));
    mount = disk.mount();
    events = [];
    openLog();
  });

  it('sends what came in one turn as one group, and what came meanwhile as the next', () => {
    append('a');
    append('b');
    clock.advance(0.1); // on its way
    append('c');
    append('d');
    clock.advance(10);
    expect(events).toEqual(['durable a,b', 'a settled', 'b settled', 'durable c,d', 'c settled', 'd settled']);
    expect(log).toMatchObject({ syncs: 2, durableLsn: 4, pendingBatches: 0 });
  });

  it('keeps one group in flight, so that at most one can be torn', () => {
    disk.stall();
    for (let i = 0; i < 20; i++) {
      append(`k${i}`, 200);
      clock.advance(1);
    }
    expect(log.pendingBatches).toBe(20);
    disk.powerLoss();
    const again = disk.mount();
    const segments = listSegments(again);
    const replay = replayLog(again, segments, 0, () => {});
    expect(replay.durableLsn).toBeLessThanOrEqual(1);
  });

  it('fills a group up to its limit and not beyond, in order', () => {
    for (let i = 0; i < 20; i++) append(`k${i}`, 300);
    clock.advance(100);
    expect(events.filter((event) => event.startsWith('durable'))).toHaveLength(5);
    expect(events.filter((event) => event.endsWith('settled'))).toEqual(Array.from({ length: 20 }, (_, i) => `k${i} settled`));
  });

  it('closes a segment that is full, and never touches it again', () => {
    openLog(600);
    const closed = new Map<string, string>();
    for (let i = 0; i < 30; i++) {
      append(`k${i}`, 100);
      clock.advance(5);
      const segments = listSegments(mount);
      for (const { name } of segments.slice(0, -1)) {
        const content = Buffer.from(mount.read(name)).toString('hex');
        expect(closed.get(name) ?? content).toBe(content);
        closed.set(name, content);
      }
    }
    expect(closed.size).toBeGreaterThan(4);
    expect(log.sizeBytes).toBe(listSegments(mount).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  });

  it('trims segments that hold nothing after an LSN, and never the last', () => {
    openLog(600);
    for (let i = 0; i < 20; i++) {
      append(`k${i}`, 100);
      clock.advance(5);
    }
    const before = listSegments(mount);
    const keepFrom = before[2]!;
    log.trim(keepFrom.firstLsn - 2);
    clock.advance(5);
    expect(listSegments(mount)[0]).toEqual(before[1]);
    log.trim(keepFrom.firstLsn - 1);
    clock.advance(5);
    expect(listSegments(mount)[0]).toEqual(keepFrom);
    log.trim(1_000_000);
    clock.advance(5);
    expect(listSegments(mount)).toEqual(before.slice(-1));
  });

  it('fails for ever at the first failed sync: what is in flight, what gathers, what comes later', () => {
    append('a');
    clock.advance(0.1);
    append('b');
    disk.failSyncs(new Error('EIO'));
    clock.advance(10);
    disk.failSyncs(null);
    append('c');
    expect(events).toEqual(['failed STORE_FAILED', 'a refused', 'b refused']);
    clock.advance(10);
    expect(events.at(-1)).toBe('c refused');
    expect(log.durableLsn).toBe(0);
  });

  it('fails on a full disk, without a torn group being taken for a good one', () => {
    append('a', 100);
    clock.advance(10);
    disk.limitTo(300);
    append('b', 500);
    clock.advance(10);
    expect(events.slice(-2)).toEqual(['failed STORE_FAILED', 'b refused']);
    disk.crash();
    disk.limitTo(Infinity);
    const again = disk.mount();
    expect(replayLog(again, listSegments(again), 0, () => {})).toMatchObject({ durableLsn: 1, tornBytes: expect.any(Number) });
  });

  it('says when nothing is pending any more', () => {
    let drained = 0;
    log.drain(() => drained++);
    expect(drained).toBe(1);
    append('a');
    log.drain(() => drained++);
    expect(drained).toBe(1);
    clock.advance(10);
    expect(drained).toBe(2);
  });
});
