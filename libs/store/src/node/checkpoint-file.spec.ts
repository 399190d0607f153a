import { SeededRandom, SimClock } from '@app/time';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { zstdCompressor } from '../adapters/zstd-compressor.js';
import { decodeFrame, decodeGroup, encodeFrame, FILE_HEADER_BYTES, GroupWriter, unseal, type WriteBatch } from '../core/codec/log-record.js';
import type { Disk } from '../ports/disk.js';
import { MemoryTable } from '../testing/memory-table.js';
import { SimDisk } from '../testing/sim-disk.js';
import { CheckpointWriter, groupBytesOf, readCheckpoint } from './checkpoint-file.js';
import { listCheckpoints } from './checkpoints.js';

const NAME = 'checkpoint-0000000000000007';

const put = (key: string, value: string) => ({ key: Buffer.from(key), value: Buffer.from(value) });

interface Outcome {
  error?: Error;
  done: boolean;
  groupBytes?: number;
}

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
  function write(pieceBytes = 200): Outcome {
    const outcome: Outcome = { done: false };
    const atTurnEnd = (task: () => void) => void clock.after(0, task);
    new CheckpointWriter({ disk, compressor: zstdCompressor, table, name: NAME, pieceBytes, durableLsn: () => durableLsn, whenSynced: (synced) => synced(), wallMs: () => clock.wallMs(), atTurnEnd }, (error, groupBytes) =>
      Object.assign(outcome, { error, done: true, groupBytes }),
    );
    return outcome;
  }
  function read() {
    const records: Record<string, string> = {};
    const reading = readCheckpoint({ disk, compressor: zstdCompressor }, NAME, (found) => {
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
    expect(outcome).toMatchObject({ done: true, error: undefined });
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
    expect(groupBytesOf(disk, NAME)).toBeGreaterThan(0);
    for (let length = 0; length < bytes.length; length++) {
      disk.replace(NAME, bytes.subarray(0, length));
      expect(groupBytesOf(disk, NAME), `${length} bytes`).toBeNull();
      expect(read).toThrow(/damaged/);
      expect(listCheckpoints(disk)).toEqual([]);
      clock.advance(1);
      expect(disk.list()).not.toContain(NAME);
    }
    disk.replace(NAME, bytes);
    expect(listCheckpoints(disk)).toEqual([{ name: NAME, lsn: 7, groupBytes: groupBytesOf(disk, NAME) }]);
  });

  it('[S14] of records like those of favorites takes at most half of their bytes, and knows how many they have', () => {
    apply(likeFavorites(2_000));
    const outcome = write(64 * 1024);
    clock.advance(1000);
    expect(outcome).toMatchObject({ done: true, error: undefined });
    let recordBytes = 0;
    for (const { key, value } of likeFavorites(2_000)) recordBytes += key.length + value.length;
    expect(disk.sizeBytes(NAME)).toBeLessThan(recordBytes / 2);
    expect(groupBytesOf(disk, NAME)).toBe(outcome.groupBytes);
    expect(outcome.groupBytes).toBeGreaterThan(recordBytes);
    expect(Object.keys(read().records)).toHaveLength(2_000);
  });

  it('[S14] of records that cannot be compressed is read as well', () => {
    const random = new SeededRandom(2);
    const records = Array.from({ length: 4 }, (_, i) => ({ key: Buffer.from(`key${i}`), value: Buffer.from(random.bytes(1024 * 1024)) }));
    apply(records);
    const outcome = write(512 * 1024);
    clock.advance(1000);
    expect(outcome).toMatchObject({ done: true, error: undefined });
    expect(Object.keys(read().records)).toHaveLength(4);
  });

  it('[S14] is read back about 128 KiB of records at a time, however small the file', () => {
    apply(Array.from({ length: 3_000 }, (_, i) => put(`key${10_000 + i}`, 'x'.repeat(1_000))));
    write(64 * 1024);
    clock.advance(1000);
    expect(disk.sizeBytes(NAME)).toBeLessThan(256 * 1024);
    let stepBytes = 0;
    let steps = 0;
    const reading = readCheckpoint({ disk, compressor: zstdCompressor }, NAME, (found) => {
      for (const { key, value } of found) stepBytes += key.length + value!.length;
    });
    for (; reading.next().done !== true; steps++) {
      expect(stepBytes).toBeLessThan(256 * 1024);
      stepBytes = 0;
    }
    expect(steps).toBeGreaterThan(16);
  });

  it('[S14] is refused wherever a frame is damaged, in STORE_RECORD_CORRUPT and nothing else', () => {
    apply(likeFavorites(500));
    write(20_000);
    clock.advance(1000);
    const bytes = disk.read(NAME);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (offset, mask) => {
        const rotten = new Uint8Array(bytes);
        rotten[offset]! ^= mask;
        disk.replace(NAME, rotten);
        expect(read).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
      }),
    );
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), (length) => {
        disk.replace(NAME, bytes.subarray(0, length));
        expect(read).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
      }),
    );
  });

  it('[S14] is refused where a frame with a good checksum holds no group, expands to more than it says, or says more than a group has', () => {
    apply([put('a', '1'), put('b', '2')]);
    write();
    clock.advance(1000);
    const bytes = disk.read(NAME);
    const { groupBytes, compressed, byteLength } = decodeFrame(bytes, FILE_HEADER_BYTES)!;
    const head = bytes.subarray(0, FILE_HEADER_BYTES);
    const tail = bytes.subarray(FILE_HEADER_BYTES + byteLength);
    const bomb = 64 * 1024 * 1024;
    const twoGroups = Buffer.concat([zstdCompressor.expand(compressed, groupBytes)!, zstdCompressor.expand(compressed, groupBytes)!]);
    const frames = {
      'no group': encodeFrame(9, zstdCompressor.compress(Buffer.from('no group!'))),
      'not compressed': encodeFrame(groupBytes, zstdCompressor.expand(compressed, groupBytes)!),
      'another byte count': encodeFrame(groupBytes - 1, compressed),
      'two groups': encodeFrame(twoGroups.length, zstdCompressor.compress(twoGroups)),
      'a bomb': encodeFrame(groupBytes, zstdCompressor.compress(Buffer.alloc(bomb))),
      'a bomb that says so': encodeFrame(bomb, zstdCompressor.compress(Buffer.alloc(bomb))),
      'another sum': encodeFrame(groupBytes + 1, new Uint8Array(0)),
    };
    for (const [what, frame] of Object.entries(frames)) {
      disk.replace(NAME, Buffer.concat([head, frame, tail]));
      const asked: number[] = [];
      const expand = (bytes: Uint8Array, byteCount: number) => (asked.push(byteCount), zstdCompressor.expand(bytes, byteCount));
      const reading = readCheckpoint({ disk, compressor: { ...zstdCompressor, expand } }, NAME, () => {});
      expect(() => reading.next(), what).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
      expect(Math.max(0, ...asked), what).toBeLessThanOrEqual(2 * 1024 * 1024);
    }
    disk.replace(NAME, Buffer.concat([head, encodeFrame(groupBytes, compressed), tail]));
    expect(read().records).toEqual({ a: '1', b: '2' });
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

/** Item records and their order index, in rows of twenty, as adds of random films at random times leave them. */
function likeFavorites(count: number): { key: Buffer; value: Buffer }[] {
  const random = new SeededRandom(7);
  return Array.from({ length: count / 2 }, (_, i) => {
    const row = `favorites\0user-${10_000 + Math.floor(i / 20)}\0`;
    const film = `film-${String(random.below(100_000)).padStart(6, '0')}`;
    const place = `T${Buffer.from(random.bytes(12)).toString('base64')}`;
    const value = `${Buffer.from(random.bytes(8)).toString('latin1')}${place}{"zone":"zone-${random.pick(['a', 'b', 'c'])}","device":"tv in the kitchen"}`;
    return [put(`${row}i${film}`, `${film}${value}`), put(`${row}o${place}${film}`, `${film}${value}`)];
  }).flat();
}
