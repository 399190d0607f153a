/**
 * What every storage engine promises, as one suite: run over the memory engine on a simulated disk and over LMDB on a real
 * one. Here what writing and reading are; what stays when it stops is in engine-recovery-contract.ts. Sentences marked [S..] are
 * those of SPEC.md.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WriteBatch } from '../ports/storage-engine.js';
import { describeEngineRecovery } from './engine-recovery-contract.js';
import { bytesOf, drop, END, type EngineBench, EngineUse, put, START, textOf } from './engine-use.js';

export function describeStorageEngine(name: string, makeBench: () => EngineBench): void {
  describeEngineRecovery(name, makeBench);
  describe(`storage engine: ${name}`, () => {
    let use: EngineUse;
    beforeEach(() => void (use = new EngineUse(makeBench())));
    afterEach(() => use.bench.dispose());

    it('[S1] a batch is visible when it is durable, not before, and all of it at once', async () => {
      await use.write(put('a', 'old'));
      use.bench.hold();
      const pending = use.begin(put('a', 'new'), put('b', 'new'), drop('c'));
      expect([use.read('a'), use.read('b')]).toEqual(['old', undefined]);
      expect(use.scan()).toEqual(['a=old']);
      use.bench.release();
      await use.bench.until(() => pending.settled);
      expect(pending.error).toBeUndefined();
      expect(use.scan()).toEqual(['a=new', 'b=new']);
    });

    it('[S1] it is visible in its own callback, and so is all that was written before it', async () => {
      const seen: string[][] = [];
      for (const key of ['a', 'b', 'c']) use.engine.write([put(key, key), put(`${key}'`, key)], () => seen.push(use.scan()));
      await use.bench.until(() => seen.length === 3);
      for (const [index, found] of seen.entries()) {
        expect(found.length % 2, 'whole batches only').toBe(0);
        expect(found.length).toBeGreaterThanOrEqual(2 * (index + 1));
      }
    });

    it('[S2] batches become durable in the order of write; the last one on a key wins', async () => {
      const order: number[] = [];
      for (let i = 0; i < 50; i++) use.engine.write([put('k', `${i}`), put('k', `${i}!`)], () => order.push(i));
      await use.bench.until(() => order.length === 50);
      expect(order).toEqual(Array.from({ length: 50 }, (_, i) => i));
      expect(use.read('k')).toBe('49!');
    });

    it('[S2] the bytes of a batch may be used again as soon as write has returned', async () => {
      const key = bytesOf('key');
      const value = bytesOf('value');
      const pending = use.begin({ key, value });
      key.fill(0);
      value.fill(0);
      await use.bench.until(() => pending.settled);
      expect(use.scan()).toEqual(['key=value']);
    });

    it('[S3] writes that wait for the disk together share a sync', async () => {
      const writes = Array.from({ length: 64 }, (_, i) => use.begin(put(`k${i}`, 'v')));
      await use.bench.until(() => writes.every(({ settled }) => settled));
      const { batches, syncs } = use.engine.stats();
      expect(batches).toBe(64);
      expect(batches / syncs).toBeGreaterThan(16);
      expect(use.engine.durableLsn).toBe(64);
    });

    it('[S3] an empty batch and a removal of nothing are writes like others', async () => {
      await use.write();
      await use.write(drop('nothing'));
      expect(use.engine.durableLsn).toBe(2);
      expect(use.scan()).toEqual([]);
    });

    it('[S4] scans are ordered by unsigned bytes, bounded at both ends, and go both ways', async () => {
      await use.write(...['b', 'a', '\xff', '\x00', 'ab', '\x7f', '\x80', 'a\x00'].map((key) => put(key, 'v')));
      const all = ['\x00', 'a', 'a\x00', 'ab', 'b', '\x7f', '\x80', '\xff'].map((key) => `${key}=v`);
      expect(use.scan()).toEqual(all);
      expect(use.scan(START, END, true)).toEqual(all.toReversed());
      expect(use.scan('a', 'b')).toEqual(['a=v', 'a\x00=v', 'ab=v']);
      expect(use.scan('a', 'b', true)).toEqual(['ab=v', 'a\x00=v', 'a=v']);
      expect(use.scan('b', 'a')).toEqual([]);
      expect(use.scan('a', 'a')).toEqual([]);
    });

    it('[S4] a scan ends when the visitor says so, and passes on what the visitor throws', async () => {
      await use.write(put('a', '1'), put('b', '2'), put('c', '3'));
      const seen: string[] = [];
      use.engine.scan({ start: START, end: END }, (key) => seen.push(textOf(key)!) < 2);
      expect(seen).toEqual(['a', 'b']);
      const mistake = new Error('a mistake in the visitor');
      expect(() => use.engine.scan({ start: START, end: END }, () => { throw mistake; })).toThrow(mistake);
      expect(use.scan()).toHaveLength(3);
      expect(use.engine.stats().corruptRecords).toBe(0);
    });

    it('[S4] get and scan agree with a sorted list, whatever is written', async () => {
      const key = fc.uint8Array({ minLength: 1, maxLength: 4 }).map((bytes) => Buffer.from(bytes));
      const bound = fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes));
      const mutation = fc.record({ key, value: fc.option(fc.uint8Array({ maxLength: 40 }), { freq: 3 }) });
      const model = new Map<string, string>();
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(mutation, { maxLength: 30 }), { maxLength: 4 }), bound, bound, async (batches, a, b) => {
          const writes = batches.map((batch: WriteBatch) => use.begin(...batch));
          await use.bench.until(() => writes.every(({ settled }) => settled));
          for (const { key: name, value } of batches.flat()) {
            if (value === null) model.delete(textOf(name)!);
            else model.set(textOf(name)!, textOf(value)!);
          }
          const [start, end] = [textOf(a)!, textOf(b)!];
          const expected = [...model].filter(([name]) => start <= name && name < end).sort(([x], [y]) => (x < y ? -1 : 1)).map(([name, value]) => `${name}=${value}`);
          expect(use.scan(a, b)).toEqual(expected);
          expect(use.scan(a, b, true)).toEqual(expected.toReversed());
          for (const { key: name } of batches.flat()) expect(textOf(use.engine.get(name))).toBe(model.get(textOf(name)!));
        }),
        { numRuns: 50 },
      );
    });

    it('[S4] what get answers is the caller’s to keep; reading within a scan is refused', async () => {
      await use.write(put('a', 'first'), put('b', 'second'));
      const kept = use.engine.get(bytesOf('a'));
      use.engine.get(bytesOf('b'));
      use.scan();
      expect(textOf(kept)).toBe('first');
      expect(() => use.engine.scan({ start: START, end: END }, () => void use.engine.get(bytesOf('a')))).toThrow(/must not call/);
      expect(use.read('b')).toBe('second');
    });

    it('[S5] a damaged record is never served: get throws, a scan shows null and goes on', async () => {
      await use.write(put('a', 'intact'), put('b', 'about to rot'), put('c', 'intact'));
      use.bench.rot(bytesOf('b'), bytesOf('about to rot'));
      expect(() => use.engine.get(bytesOf('b'))).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
      expect(use.scan()).toEqual(['a=intact', 'b=DAMAGED', 'c=intact']);
      expect(use.read('a')).toBe('intact');
      expect(use.engine.stats().corruptRecords).toBe(2);
      await use.write(put('b', 'mended'));
      expect(use.read('b')).toBe('mended');
    });

    it('[S5] it stays damaged over a clean stop, and is mended by a recovery', async () => {
      await use.write(put('a', 'about to rot'));
      use.bench.rot(bytesOf('a'), bytesOf('about to rot'));
      await use.close();
      use.reopen();
      expect(use.scan()).toEqual(['a=DAMAGED']);
      use.bench.kill();
      use.reopen();
      expect(use.scan()).toEqual(['a=about to rot']);
    });

    it('[S6] a failed sync fails what is pending and all that follows; nothing of it is visible, reads go on', async () => {
      await use.write(put('a', 'durable'));
      use.bench.failSyncs();
      const [first, second] = [use.begin(put('a', 'lost'), put('b', 'lost')), use.begin(put('c', 'lost'))];
      await use.bench.until(() => first.settled && second.settled);
      expect(use.engine.state).toBe('failed');
      const later = use.begin(put('d', 'lost'));
      await use.bench.until(() => later.settled);
      for (const { error } of [first, second, later]) expect(error).toMatchObject({ code: 'STORE_FAILED' });
      expect(use.scan()).toEqual(['a=durable']);
      expect(use.engine.durableLsn).toBe(1);
      await use.close();
    });

    it('[S6] a stop after a failure is not a clean one', async () => {
      await use.write(put('a', 'durable'));
      use.bench.failSyncs();
      const failed = use.begin(put('b', 'unknown'));
      await use.bench.until(() => failed.settled);
      await use.close();
      use.bench.kill();
      expect(use.reopen()).toMatchObject({ cleanStop: false, isNew: false });
      expect(use.read('a')).toBe('durable');
    });

    it('[S12] records up to the limits are kept whole, larger ones refused before anything is written', async () => {
      const key = 'k'.repeat(1024);
      const value = Buffer.alloc(1024 * 1024, 7);
      await use.write({ key: bytesOf(key), value });
      expect(Buffer.compare(use.engine.get(bytesOf(key))!, value)).toBe(0);
      use.engine.scan({ start: START, end: END }, (_, found) => expect(Buffer.compare(found!, value)).toBe(0));
      use.bench.kill();
      use.reopen();
      expect(Buffer.compare(use.engine.get(bytesOf(key))!, value)).toBe(0);
      const tooLarge = expect.objectContaining({ code: 'STORE_VALUE_TOO_LARGE' });
      expect(() => use.begin(put('a', '1'), put(`${key}k`, ''))).toThrow(tooLarge);
      expect(() => use.begin({ key: bytesOf('b'), value: Buffer.alloc(1024 * 1024 + 1) })).toThrow(tooLarge);
      expect(() => use.begin(put('', ''))).toThrow(/at least one byte/);
      expect(use.engine.durableLsn).toBe(1);
      await use.write(put('zero', ''));
      expect(use.read('zero')).toBe('');
    });
  });
}
