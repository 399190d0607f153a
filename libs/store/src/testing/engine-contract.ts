/**
 * What every storage engine promises, as one suite: run over the memory engine on a simulated disk and over LMDB on a real
 * one. Sentences marked [S..] are those of SPEC.md.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineSettings, OpenedEngine } from '../node/log-engine.js';
import type { Mutation, StorageEngine, WriteBatch } from '../ports/storage-engine.js';

/** One data directory and the machine under it. */
export interface EngineBench {
  /** Opens the directory in a new process; the one before has been closed or killed. */
  open(settings?: Partial<EngineSettings>, owner?: { clusterId?: string; nodeId?: string }): OpenedEngine;
  /** Lets the world go on until the condition holds; fails when it takes too long. */
  until(condition: () => boolean): Promise<void>;
  /** The process that has it open ends, without a word. What it wrote stays readable. */
  kill(): void;
  /** The directory, which nobody has open, is replaced by a copy of itself. */
  copy(): void;
  /** Nothing asked of the disk ends until `release`. */
  hold(): void;
  release(): void;
  failSyncs(): void;
  /** Flips a bit in the stored value of a record, while the engine is open. */
  rot(key: Uint8Array, value: Uint8Array): void;
  /** The files of the directory, to look at and to damage while no process has it open. */
  list(): string[];
  read(name: string): Uint8Array;
  /** Null removes it. */
  overwrite(name: string, bytes: Uint8Array | null): void;
  dispose(): Promise<void>;
}

const SMALL: Partial<EngineSettings> = { segmentBytes: 2048, groupBytes: 512, checkpoint: { minLogBytes: 4096, sizeShare: 0 } };
const NO_CHECKPOINTS: Partial<EngineSettings> = { ...SMALL, checkpoint: { minLogBytes: Infinity, sizeShare: 0 } };
const START = Buffer.alloc(0);
const END = Buffer.alloc(600, 0xff);

const bytesOf = (text: string) => Buffer.from(text, 'latin1');
const textOf = (bytes: Uint8Array | undefined | null) => (bytes ? Buffer.from(bytes).toString('latin1') : bytes);
const put = (key: string, value: string): Mutation => ({ key: bytesOf(key), value: bytesOf(value) });
const drop = (key: string): Mutation => ({ key: bytesOf(key), value: null });

interface Write {
  settled: boolean;
  error?: Error;
}

export function describeStorageEngine(name: string, makeBench: () => EngineBench): void {
  describe(`storage engine: ${name}`, () => {
    let bench: EngineBench;
    let engine: StorageEngine;

    beforeEach(() => {
      bench = makeBench();
      engine = bench.open().engine;
    });
    afterEach(() => bench.dispose());

    function begin(...batch: Mutation[]): Write {
      const write: Write = { settled: false };
      engine.write(batch, (error) => Object.assign(write, { settled: true, error }));
      expect(write.settled, 'never within the call').toBe(false);
      return write;
    }
    async function write(...batch: Mutation[]): Promise<void> {
      const pending = begin(...batch);
      await bench.until(() => pending.settled);
      if (pending.error) throw pending.error;
    }
    const read = (key: string) => textOf(engine.get(bytesOf(key)));
    function scan(start: string | Buffer = START, end: string | Buffer = END, reverse = false): string[] {
      const found: string[] = [];
      engine.scan({ start: Buffer.from(start as string, 'latin1'), end: Buffer.from(end as string, 'latin1'), reverse }, (key, value) => {
        found.push(`${textOf(key)}=${value === null ? 'DAMAGED' : textOf(value)}`);
      });
      return found;
    }
    async function close(): Promise<void> {
      let closed = false;
      engine.close((error) => {
        expect(error).toBeUndefined();
        closed = true;
      });
      await bench.until(() => closed);
    }
    function reopen(settings?: Partial<EngineSettings>) {
      const opened = bench.open(settings);
      engine = opened.engine;
      return opened.recovery;
    }
    const logFiles = () => bench.list().filter((file) => file.startsWith('log-')).sort();
    const checkpointFiles = () => bench.list().filter((file) => file.startsWith('checkpoint-')).sort();
    /** Writes ever new keys until the engine has taken `count` checkpoints. */
    async function untilCheckpoints(count: number): Promise<string[]> {
      const expected: string[] = [];
      for (let i = 0; i < 2000 && engine.stats().checkpoints < count; i++) {
        const key = `row${String(i).padStart(5, '0')}`;
        await write(put(key, 'x'.repeat(100)));
        expected.push(`${key}=${'x'.repeat(100)}`);
      }
      expect(engine.stats().checkpoints).toBeGreaterThanOrEqual(count);
      return expected;
    }

    it('[S1] a batch is visible when it is durable, not before, and all of it at once', async () => {
      await write(put('a', 'old'));
      bench.hold();
      const pending = begin(put('a', 'new'), put('b', 'new'), drop('c'));
      expect([read('a'), read('b')]).toEqual(['old', undefined]);
      expect(scan()).toEqual(['a=old']);
      bench.release();
      await bench.until(() => pending.settled);
      expect(pending.error).toBeUndefined();
      expect(scan()).toEqual(['a=new', 'b=new']);
    });

    it('[S1] it is visible in its own callback, and so is all that was written before it', async () => {
      const seen: string[][] = [];
      for (const key of ['a', 'b', 'c']) engine.write([put(key, key), put(`${key}'`, key)], () => seen.push(scan()));
      await bench.until(() => seen.length === 3);
      for (const [index, found] of seen.entries()) {
        expect(found.length % 2, 'whole batches only').toBe(0);
        expect(found.length).toBeGreaterThanOrEqual(2 * (index + 1));
      }
    });

    it('[S2] batches become durable in the order of write; the last one on a key wins', async () => {
      const order: number[] = [];
      for (let i = 0; i < 50; i++) engine.write([put('k', `${i}`), put('k', `${i}!`)], () => order.push(i));
      await bench.until(() => order.length === 50);
      expect(order).toEqual(Array.from({ length: 50 }, (_, i) => i));
      expect(read('k')).toBe('49!');
    });

    it('[S2] the bytes of a batch may be used again as soon as write has returned', async () => {
      const key = bytesOf('key');
      const value = bytesOf('value');
      const pending = begin({ key, value });
      key.fill(0);
      value.fill(0);
      await bench.until(() => pending.settled);
      expect(scan()).toEqual(['key=value']);
    });

    it('[S3] writes that wait for the disk together share a sync', async () => {
      const writes = Array.from({ length: 64 }, (_, i) => begin(put(`k${i}`, 'v')));
      await bench.until(() => writes.every(({ settled }) => settled));
      const { batches, syncs } = engine.stats();
      expect(batches).toBe(64);
      expect(batches / syncs).toBeGreaterThan(16);
      expect(engine.durableLsn).toBe(64);
    });

    it('[S3] an empty batch and a removal of nothing are writes like others', async () => {
      await write();
      await write(drop('nothing'));
      expect(engine.durableLsn).toBe(2);
      expect(scan()).toEqual([]);
    });

    it('[S4] scans are ordered by unsigned bytes, bounded at both ends, and go both ways', async () => {
      await write(...['b', 'a', '\xff', '\x00', 'ab', '\x7f', '\x80', 'a\x00'].map((key) => put(key, 'v')));
      const all = ['\x00', 'a', 'a\x00', 'ab', 'b', '\x7f', '\x80', '\xff'].map((key) => `${key}=v`);
      expect(scan()).toEqual(all);
      expect(scan(START, END, true)).toEqual(all.toReversed());
      expect(scan('a', 'b')).toEqual(['a=v', 'a\x00=v', 'ab=v']);
      expect(scan('a', 'b', true)).toEqual(['ab=v', 'a\x00=v', 'a=v']);
      expect(scan('b', 'a')).toEqual([]);
      expect(scan('a', 'a')).toEqual([]);
    });

    it('[S4] a scan ends when the visitor says so, and passes on what the visitor throws', async () => {
      await write(put('a', '1'), put('b', '2'), put('c', '3'));
      const seen: string[] = [];
      engine.scan({ start: START, end: END }, (key) => seen.push(textOf(key)!) < 2);
      expect(seen).toEqual(['a', 'b']);
      const mistake = new Error('a mistake in the visitor');
      expect(() => engine.scan({ start: START, end: END }, () => { throw mistake; })).toThrow(mistake);
      expect(scan()).toHaveLength(3);
      expect(engine.stats().corruptRecords).toBe(0);
    });

    it('[S4] get and scan agree with a sorted list, whatever is written', async () => {
      const key = fc.uint8Array({ minLength: 1, maxLength: 4 }).map((bytes) => Buffer.from(bytes));
      const bound = fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes));
      const mutation = fc.record({ key, value: fc.option(fc.uint8Array({ maxLength: 40 }), { freq: 3 }) });
      const model = new Map<string, string>();
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(mutation, { maxLength: 30 }), { maxLength: 4 }), bound, bound, async (batches, a, b) => {
          const writes = batches.map((batch: WriteBatch) => begin(...batch));
          await bench.until(() => writes.every(({ settled }) => settled));
          for (const { key: name, value } of batches.flat()) {
            if (value === null) model.delete(textOf(name)!);
            else model.set(textOf(name)!, textOf(value)!);
          }
          const [start, end] = [textOf(a)!, textOf(b)!];
          const expected = [...model].filter(([name]) => start <= name && name < end).sort(([x], [y]) => (x < y ? -1 : 1)).map(([name, value]) => `${name}=${value}`);
          expect(scan(a, b)).toEqual(expected);
          expect(scan(a, b, true)).toEqual(expected.toReversed());
          for (const { key: name } of batches.flat()) expect(textOf(engine.get(name))).toBe(model.get(textOf(name)!));
        }),
        { numRuns: 50 },
      );
    });

    it('[S4] what get answers is the caller’s to keep; reading within a scan is refused', async () => {
      await write(put('a', 'first'), put('b', 'second'));
      const kept = engine.get(bytesOf('a'));
      engine.get(bytesOf('b'));
      scan();
      expect(textOf(kept)).toBe('first');
      expect(() => engine.scan({ start: START, end: END }, () => void engine.get(bytesOf('a')))).toThrow(/must not call/);
      expect(read('b')).toBe('second');
    });

    it('[S5] a damaged record is never served: get throws, a scan shows null and goes on', async () => {
      await write(put('a', 'intact'), put('b', 'about to rot'), put('c', 'intact'));
      bench.rot(bytesOf('b'), bytesOf('about to rot'));
      expect(() => engine.get(bytesOf('b'))).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
      expect(scan()).toEqual(['a=intact', 'b=DAMAGED', 'c=intact']);
      expect(read('a')).toBe('intact');
      expect(engine.stats().corruptRecords).toBe(2);
      await write(put('b', 'mended'));
      expect(read('b')).toBe('mended');
    });

    it('[S5] it stays damaged over a clean stop, and is mended by a recovery', async () => {
      await write(put('a', 'about to rot'));
      bench.rot(bytesOf('a'), bytesOf('about to rot'));
      await close();
      reopen();
      expect(scan()).toEqual(['a=DAMAGED']);
      bench.kill();
      reopen();
      expect(scan()).toEqual(['a=about to rot']);
    });

    it('[S6] a failed sync fails what is pending and all that follows; nothing of it is visible, reads go on', async () => {
      await write(put('a', 'durable'));
      bench.failSyncs();
      const [first, second] = [begin(put('a', 'lost'), put('b', 'lost')), begin(put('c', 'lost'))];
      await bench.until(() => first.settled && second.settled);
      expect(engine.state).toBe('failed');
      const later = begin(put('d', 'lost'));
      await bench.until(() => later.settled);
      for (const { error } of [first, second, later]) expect(error).toMatchObject({ code: 'STORE_FAILED' });
      expect(scan()).toEqual(['a=durable']);
      expect(engine.durableLsn).toBe(1);
      await close();
    });

    it('[S6] a stop after a failure is not a clean one', async () => {
      await write(put('a', 'durable'));
      bench.failSyncs();
      const failed = begin(put('b', 'unknown'));
      await bench.until(() => failed.settled);
      await close();
      bench.kill();
      expect(reopen()).toMatchObject({ cleanStop: false, isNew: false });
      expect(read('a')).toBe('durable');
    });

    it('[S7] a clean stop keeps everything, waits for writes in flight, and is known as one, once', async () => {
      await write(put('a', '1'), put('b', '2'));
      await write(drop('a'));
      const last = begin(put('c', '3'));
      await close();
      expect(last).toEqual({ settled: true, error: undefined });
      expect(reopen()).toEqual({ isNew: false, cleanStop: true, sameDirectory: true, durableLsn: 3, replayedBatches: 0, tornBytes: 0, isCut: false });
      expect(scan()).toEqual(['b=2', 'c=3']);
      bench.kill();
      expect(reopen()).toMatchObject({ cleanStop: false, durableLsn: 3 });
      expect(scan()).toEqual(['b=2', 'c=3']);
    });

    it('[S7] a closed engine refuses reads and writes, and closing twice is closing once', async () => {
      await write(put('a', '1'));
      await close();
      await close();
      expect(engine.state).toBe('closed');
      expect(() => engine.get(bytesOf('a'))).toThrow(/closed/);
      const late = begin(put('b', '2'));
      await bench.until(() => late.settled);
      expect(late.error).toMatchObject({ code: 'STORE_FAILED' });
    });

    it('[S7] a copy of a cleanly stopped directory is not taken for it, and keeps everything all the same', async () => {
      await write(put('a', '1'));
      await close();
      bench.copy();
      expect(reopen()).toMatchObject({ cleanStop: false, sameDirectory: false, durableLsn: 1 });
      expect(scan()).toEqual(['a=1']);
    });

    it('[S7] a new directory is told from one that was stopped', async () => {
      await close();
      bench.kill();
      expect(reopen()).toMatchObject({ isNew: false, durableLsn: 0 });
    });

    it('[S8] an unclean stop keeps all that was acknowledged, over many segments and several stops', async () => {
      bench.kill();
      reopen(NO_CHECKPOINTS);
      const expected: string[] = [];
      for (let stop = 0; stop < 3; stop++) {
        for (let i = 0; i < 40; i++) {
          await write(put(`${stop}-${i + 100}`, 'v'.repeat(100)), drop('gone'));
          expected.push(`${stop}-${i + 100}=${'v'.repeat(100)}`);
        }
        bench.kill();
        expect(reopen(NO_CHECKPOINTS)).toMatchObject({ cleanStop: false, tornBytes: 0, durableLsn: (stop + 1) * 40, replayedBatches: (stop + 1) * 40 });
        expect(scan()).toEqual(expected);
      }
      expect(logFiles().length).toBeGreaterThan(5);
    });

    it('[S8] recovering again and again without a write changes nothing', async () => {
      await write(put('a', '1'));
      for (let i = 0; i < 3; i++) {
        bench.kill();
        expect(reopen()).toMatchObject({ durableLsn: 1, replayedBatches: 1, tornBytes: 0 });
      }
      await write(put('b', '2'));
      bench.kill();
      expect(reopen()).toMatchObject({ durableLsn: 2 });
      expect(scan()).toEqual(['a=1', 'b=2']);
    });

    it('[S9] a torn tail is cut, reported, and written over', async () => {
      await write(put('a', '1'));
      const firstEnd = engine.stats().logBytes;
      await write(put('b', '2'));
      bench.kill();
      const [segment] = logFiles();
      const bytes = bench.read(segment!);
      for (const cut of [bytes.length - 1, firstEnd + 13, firstEnd + 1, firstEnd, firstEnd - 1, 25, 24, 23, 1, 0]) {
        for (const file of logFiles()) bench.overwrite(file, file === segment ? bytes.subarray(0, cut) : null);
        const durableLsn = cut >= firstEnd ? 1 : 0;
        const wholeBytes = cut >= firstEnd ? firstEnd : 0;
        expect(reopen(), `cut at ${cut}`).toMatchObject({ durableLsn, replayedBatches: durableLsn, tornBytes: cut - wholeBytes });
        expect(scan()).toEqual(['a=1'].slice(0, durableLsn));
        await write(put('c', `${cut}`));
        bench.kill();
        expect(reopen()).toMatchObject({ durableLsn: durableLsn + 1, tornBytes: 0 });
        expect(read('c')).toBe(`${cut}`);
        bench.kill();
      }
    });

    it('[S9] a bad group with a good one behind it is damage, and the directory is refused', async () => {
      for (const key of ['a', 'b', 'c']) await write(put(key, 'acknowledged'));
      bench.kill();
      const [segment] = logFiles();
      const bytes = Buffer.from(bench.read(segment!));
      const second = bytes.indexOf('b', 24, 'latin1');
      bytes[second]! ^= 1;
      bench.overwrite(segment!, bytes);
      expect(() => reopen()).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT', message: expect.stringContaining(segment!) }));
      expect(() => reopen(), 'and again').toThrow(/damaged/);
    });

    it('[S9] so is damage in a closed segment, and a segment that is missing', async () => {
      bench.kill();
      reopen(NO_CHECKPOINTS);
      for (let i = 0; i < 60; i++) await write(put(`k${i}`, 'v'.repeat(100)));
      bench.kill();
      const segments = logFiles();
      const [first, second] = [segments[0]!, segments[1]!];
      const [intact, intactSecond] = [bench.read(first), bench.read(second)];
      bench.overwrite(first, intact.subarray(0, intact.length - 3));
      expect(() => reopen(NO_CHECKPOINTS)).toThrow(/damaged/);
      bench.overwrite(first, intact);
      bench.overwrite(second, Buffer.alloc(0));
      expect(() => reopen(NO_CHECKPOINTS)).toThrow(/damaged/);
      bench.overwrite(second, intactSecond);
      expect(reopen(NO_CHECKPOINTS)).toMatchObject({ durableLsn: 60 });
    });

    it('[S10] checkpoints bound the log; recovery starts from the newest', async () => {
      bench.kill();
      reopen(SMALL);
      const expected = await untilCheckpoints(4);
      const { logBytes, checkpointLsn, checkpointFailures } = engine.stats();
      expect(checkpointFailures).toBe(0);
      expect(logBytes).toBeLessThan(4 * 4096);
      await bench.until(() => checkpointFiles().length === 2);
      bench.kill();
      const recovery = reopen(SMALL);
      expect(recovery.replayedBatches).toBe(recovery.durableLsn - checkpointLsn);
      expect(recovery.durableLsn).toBe(expected.length);
      expect(scan()).toEqual(expected);
    });

    it('[S10] when the newest checkpoint does not verify, the one before it leads to the same state', async () => {
      bench.kill();
      reopen(SMALL);
      const expected = await untilCheckpoints(3);
      const { checkpointLsn } = engine.stats();
      bench.kill();
      const newest = checkpointFiles().at(-1)!;
      const bytes = Buffer.from(bench.read(newest));
      bytes[bytes.length >> 1]! ^= 4;
      bench.overwrite(newest, bytes);
      const recovery = reopen(SMALL);
      expect(recovery.replayedBatches).toBeGreaterThan(recovery.durableLsn - checkpointLsn);
      expect(scan()).toEqual(expected);
      // And the bad one does not count as one of the two that are kept.
      await untilCheckpoints(1);
      bench.kill();
      reopen(SMALL);
      expect(scan()).toEqual(expected);
    });

    it('[S10] a stop does not wait for a checkpoint, and leaves the directory free to be opened at once', async () => {
      for (let stop = 1; stop <= 5; stop++) {
        bench.kill();
        reopen({ checkpoint: { minLogBytes: 1, pieceBytes: 1 } });
        for (let i = 0; i < 30; i++) begin(put(`${stop}-${i}`, 'v'.repeat(50)));
        const last = begin(put('last', `${stop}`));
        await bench.until(() => last.settled);
        await close();
        expect(reopen()).toMatchObject({ durableLsn: stop * 31 });
        expect(scan()).toHaveLength(stop * 30 + 1);
      }
    });

    it('[S10] when none verifies and the log does not reach back, the directory is refused', async () => {
      bench.kill();
      reopen(SMALL);
      await untilCheckpoints(3);
      bench.kill();
      for (const file of checkpointFiles()) {
        const bytes = Buffer.from(bench.read(file));
        bytes[30]! ^= 1;
        bench.overwrite(file, bytes);
      }
      expect(() => reopen(SMALL)).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
    });

    it('[S10] a damaged record keeps a checkpoint from being taken, and the log from being trimmed, until it is mended', async () => {
      bench.kill();
      reopen(SMALL);
      await write(put('rotten', 'about to rot'));
      bench.rot(bytesOf('rotten'), bytesOf('about to rot'));
      for (let i = 0; i < 2000 && engine.stats().checkpointFailures < 2; i++) await write(put(`k${i}`, 'v'.repeat(100)));
      expect(engine.stats()).toMatchObject({ checkpoints: 0, checkpointFailures: 2 });
      await write(put('rotten', 'mended'));
      await untilCheckpoints(1);
      bench.kill();
      reopen(SMALL);
      expect(read('rotten')).toBe('mended');
    });

    it('[S11] a directory of another cluster, another node or another format is refused in one line', async () => {
      await write(put('a', '1'));
      await close();
      bench.kill();
      const refusal = (reason: string) => expect.objectContaining({ code: 'STORE_FAILED', details: { reason }, message: expect.not.stringContaining('\n') });
      expect(() => bench.open({}, { clusterId: 'elsewhere' })).toThrow(refusal('other-cluster'));
      expect(() => bench.open({}, { nodeId: 'someone-else' })).toThrow(refusal('other-node'));
      const identity = bench.read('identity.json');
      bench.overwrite('identity.json', Buffer.from(Buffer.from(identity).toString().replace('"format":1', '"format":2')));
      expect(() => bench.open()).toThrow(refusal('other-format'));
      bench.overwrite('identity.json', Buffer.from('{'));
      expect(() => bench.open()).toThrow(refusal('not-a-data-directory'));
      bench.overwrite('identity.json', identity);
      reopen();
      expect(scan()).toEqual(['a=1']);
    });

    it('[S11] one process at a time', async () => {
      expect(() => bench.open()).toThrow(/another process/);
      await write(put('a', '1'));
    });

    it('[S12] records up to the limits are kept whole, larger ones refused before anything is written', async () => {
      const key = 'k'.repeat(1024);
      const value = Buffer.alloc(1024 * 1024, 7);
      await write({ key: bytesOf(key), value });
      expect(Buffer.compare(engine.get(bytesOf(key))!, value)).toBe(0);
      engine.scan({ start: START, end: END }, (_, found) => expect(Buffer.compare(found!, value)).toBe(0));
      bench.kill();
      reopen();
      expect(Buffer.compare(engine.get(bytesOf(key))!, value)).toBe(0);
      const tooLarge = expect.objectContaining({ code: 'STORE_VALUE_TOO_LARGE' });
      expect(() => begin(put('a', '1'), put(`${key}k`, ''))).toThrow(tooLarge);
      expect(() => begin({ key: bytesOf('b'), value: Buffer.alloc(1024 * 1024 + 1) })).toThrow(tooLarge);
      expect(() => begin(put('', ''))).toThrow(/at least one byte/);
      expect(engine.durableLsn).toBe(1);
      await write(put('zero', ''));
      expect(read('zero')).toBe('');
    });
  });
}
