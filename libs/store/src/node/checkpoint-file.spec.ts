import { SeededRandom, SimClock } from '@app/time';
import { beforeEach, describe, expect, it } from 'vitest';
import { decodeGroup, GroupWriter, unseal, type WriteBatch } from '../core/codec/log-record.js';
import type { Disk } from '../ports/disk.js';
import { MemoryTable } from '../testing/memory-table.js';
import { SimDisk } from '../testing/sim-disk.js';
import { CheckpointWriter, isComplete, readCheckpoint } from './checkpoint-file.js';
import { listCheckpoints } from './checkpoints.js';

const NAME = 'checkpoint-0000000000000007';

describe('a checkpoint', () => {
  let clock: SimClock;
  let simDisk: SimDisk;
  let disk: Disk;
  let table: MemoryTable;
  let durableLsn: number;

  beforeEach(() => {
    clock = new SimClock();
    simDisk = new SimDisk(clock, new SeededRandom(1));
    disk = simDisk.mount();
    table = new MemoryTable(disk);
    durableLsn = 7;
  });

  function apply(batch: WriteBatch): void {
    const writer = new GroupWriter();
    writer.open(1, 0);
    writer.add(batch);
    table.apply(decodeGroup(writer.finish(), 0)!.mutations);
  }
  const put = (key: string, value: string) => ({ key: Buffer.from(key), value: Buffer.from(value) });
  function write(pieceBytes = 200): { error?: Error; done: boolean } {
    const outcome: { error?: Error; done: boolean } = { done: false };
    const atTurnEnd = (task: () => void) => void clock.after(0, task);
    new CheckpointWriter({ disk, table, name: NAME, pieceBytes, durableLsn: () => durableLsn, whenSynced: (synced) => synced(), wallMs: () => clock.wallMs(), atTurnEnd }, (error) =>
      Object.assign(outcome, { error, done: true }),
    );
    return outcome;
  }
  function read() {
    const records: Record<string, string> = {};
    const reading = readCheckpoint(disk, NAME, (found) => {
      for (const { key, value } of found) records[Buffer.from(key).toString()] = Buffer.from(unseal(key, value!)!).toString();
    });
    let step = reading.next();
    while (!step.done) step = reading.next();
    return { ...step.value, records };
  }

  it('holds every record, of whatever size', () => {
    const expected: Record<string, string> = {};
    for (let i = 0; i < 50; i++) expected[`key${i}`] = `${i}`.repeat(i);
    expected['large'] = 'x'.repeat(1_000_000);
    expected['after large'] = '';
    apply(Object.entries(expected).map(([key, value]) => put(key, value)));
    const outcome = write();
    clock.advance(1000);
    expect(outcome).toEqual({ done: true, error: undefined });
    expect(read()).toEqual({ lsn: 7, throughLsn: 7, records: expected });
  });

  it('of nothing holds nothing, and is whole', () => {
    write();
    clock.advance(1000);
    expect(read()).toEqual({ lsn: 7, throughLsn: 7, records: {} });
  });

  it('says how far the log must reach when the table changed under the walk', () => {
    apply(Array.from({ length: 100 }, (_, i) => put(`key${100 + i}`, 'before')));
    const outcome = write();
    clock.advance(0.1); // somewhere in the middle of the walk
    expect(outcome.done).toBe(false);
    apply([put('key100', 'after'), put('key199', 'after'), { key: Buffer.from('key150'), value: null }]);
    durableLsn = 8;
    clock.advance(1000);
    const { lsn, throughLsn, records } = read();
    expect([lsn, throughLsn]).toEqual([7, 8]);
    expect([records['key100'], records['key199']]).toEqual(['before', 'after']);
  });

  it('is not taken for whole when it ends too early, at whatever byte, and is removed', () => {
    apply([put('a', '1'), put('b', '2'), put('c', '3')]);
    write(1);
    clock.advance(1000);
    const bytes = disk.read(NAME);
    expect(isComplete(disk, NAME)).toBe(true);
    for (let length = 0; length < bytes.length; length++) {
      disk.replace(NAME, bytes.subarray(0, length));
      expect(isComplete(disk, NAME), `${length} bytes`).toBe(false);
      expect(read).toThrow(/damaged/);
      expect(listCheckpoints(disk)).toEqual([]);
      clock.advance(1);
      expect(disk.list()).not.toContain(NAME);
    }
    disk.replace(NAME, bytes);
    expect(listCheckpoints(disk)).toEqual([{ name: NAME, lsn: 7, sizeBytes: bytes.length }]);
  });

  it('is refused when any bit of it has flipped', () => {
    apply([put('a', '1'), put('b', '2')]);
    write(1);
    clock.advance(1000);
    const bytes = disk.read(NAME);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const rotten = new Uint8Array(bytes);
      rotten[bit >> 3]! ^= 1 << (bit & 7);
      disk.replace(NAME, rotten);
      expect(read, `bit ${bit}`).toThrow(/damaged/);
    }
  });

  it('is read back after it was written: one that went wrong on the way is not one', () => {
    apply([put('a', '1')]);
    const outcome = write();
    while (!disk.list().includes(NAME) || disk.sizeBytes(NAME) < 60) clock.step();
    simDisk.flipBit(NAME, 40);
    clock.advance(1000);
    expect(outcome.error).toMatchObject({ code: 'STORE_RECORD_CORRUPT' });
  });

  it('fails on a damaged record, a failed sync, a full disk', () => {
    apply([put('a', '1'), put('b', '2')]);
    table.rot(Buffer.from('b'));
    const damaged = write();
    clock.advance(1000);
    expect(damaged.error).toMatchObject({ code: 'STORE_RECORD_CORRUPT' });
    apply([put('b', '2')]);
    simDisk.failSyncs(new Error('EIO'));
    const unsynced = write();
    clock.advance(1000);
    expect(unsynced.error?.message).toBe('EIO');
    simDisk.failSyncs(null);
    simDisk.limitTo(50);
    const full = write();
    clock.advance(1000);
    expect(full.error?.message).toMatch(/ENOSPC/);
  });
});
