/**
 * What of a storage engine's data outlives its process: stops, clean and not, torn and damaged logs, checkpoints, and directories that
 * are refused. Sentences marked [S..] are those of SPEC.md.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineSettings } from '../node/log-engine.js';
import { bytesOf, drop, type EngineBench, EngineUse, put } from './engine-use.js';

const SMALL: Partial<EngineSettings> = { segmentBytes: 2048, groupBytes: 512, checkpoint: { minLogBytes: 4096, sizeShare: 0 } };
const NO_CHECKPOINTS: Partial<EngineSettings> = { ...SMALL, checkpoint: { minLogBytes: Infinity, sizeShare: 0 } };

export function describeEngineRecovery(name: string, makeBench: () => EngineBench): void {
  describe(`recovery of the storage engine: ${name}`, () => {
    let use: EngineUse;
    beforeEach(() => void (use = new EngineUse(makeBench())));
    afterEach(() => use.bench.dispose());

    it('[S7] a clean stop keeps everything, waits for writes in flight, and is known as one, once', async () => {
      await use.write(put('a', '1'), put('b', '2'));
      await use.write(drop('a'));
      const last = use.begin(put('c', '3'));
      await use.close();
      expect(last).toEqual({ settled: true, error: undefined });
      expect(use.reopen()).toEqual({ isNew: false, cleanStop: true, sameDirectory: true, durableLsn: 3, replayedBatches: 0, tornBytes: 0, isCut: false });
      expect(use.scan()).toEqual(['b=2', 'c=3']);
      use.bench.kill();
      expect(use.reopen()).toMatchObject({ cleanStop: false, durableLsn: 3 });
      expect(use.scan()).toEqual(['b=2', 'c=3']);
    });

    it('[S7] a closed engine refuses reads and writes, and closing twice is closing once', async () => {
      await use.write(put('a', '1'));
      await use.close();
      await use.close();
      expect(use.engine.state).toBe('closed');
      expect(() => use.engine.get(bytesOf('a'))).toThrow(/closed/);
      const late = use.begin(put('b', '2'));
      await use.bench.until(() => late.settled);
      expect(late.error).toMatchObject({ code: 'STORE_FAILED' });
    });

    it('[S7] a copy of a cleanly stopped directory is not taken for it, and keeps everything all the same', async () => {
      await use.write(put('a', '1'));
      await use.close();
      use.bench.copy();
      expect(use.reopen()).toMatchObject({ cleanStop: false, sameDirectory: false, durableLsn: 1 });
      expect(use.scan()).toEqual(['a=1']);
    });

    it('[S7] a new directory is told from one that was stopped', async () => {
      await use.close();
      use.bench.kill();
      expect(use.reopen()).toMatchObject({ isNew: false, durableLsn: 0 });
    });

    it('[S8] an unclean stop keeps all that was acknowledged, over many segments and several stops', async () => {
      use.bench.kill();
      use.reopen(NO_CHECKPOINTS);
      const expected: string[] = [];
      for (let stop = 0; stop < 3; stop++) {
        for (let i = 0; i < 40; i++) {
          await use.write(put(`${stop}-${i + 100}`, 'v'.repeat(100)), drop('gone'));
          expected.push(`${stop}-${i + 100}=${'v'.repeat(100)}`);
        }
        use.bench.kill();
        expect(use.reopen(NO_CHECKPOINTS)).toMatchObject({ cleanStop: false, tornBytes: 0, durableLsn: (stop + 1) * 40, replayedBatches: (stop + 1) * 40 });
        expect(use.scan()).toEqual(expected);
      }
      expect(use.logFiles().length).toBeGreaterThan(5);
    });

    it('[S8] recovering again and again without a write changes nothing', async () => {
      await use.write(put('a', '1'));
      for (let i = 0; i < 3; i++) {
        use.bench.kill();
        expect(use.reopen()).toMatchObject({ durableLsn: 1, replayedBatches: 1, tornBytes: 0 });
      }
      await use.write(put('b', '2'));
      use.bench.kill();
      expect(use.reopen()).toMatchObject({ durableLsn: 2 });
      expect(use.scan()).toEqual(['a=1', 'b=2']);
    });

    it('[S9] a torn tail is cut, reported, and written over', async () => {
      await use.write(put('a', '1'));
      const firstEnd = use.engine.stats().logBytes;
      await use.write(put('b', '2'));
      use.bench.kill();
      const [segment] = use.logFiles();
      const bytes = use.bench.read(segment!);
      for (const cut of [bytes.length - 1, firstEnd + 13, firstEnd + 1, firstEnd, firstEnd - 1, 25, 24, 23, 1, 0]) {
        for (const file of use.logFiles()) use.bench.overwrite(file, file === segment ? bytes.subarray(0, cut) : null);
        const durableLsn = cut >= firstEnd ? 1 : 0;
        const wholeBytes = cut >= firstEnd ? firstEnd : 0;
        expect(use.reopen(), `cut at ${cut}`).toMatchObject({ durableLsn, replayedBatches: durableLsn, tornBytes: cut - wholeBytes });
        expect(use.scan()).toEqual(['a=1'].slice(0, durableLsn));
        await use.write(put('c', `${cut}`));
        use.bench.kill();
        expect(use.reopen()).toMatchObject({ durableLsn: durableLsn + 1, tornBytes: 0 });
        expect(use.read('c')).toBe(`${cut}`);
        use.bench.kill();
      }
    });

    it('[S9] a bad group with a good one behind it is damage, and the directory is refused', async () => {
      for (const key of ['a', 'b', 'c']) await use.write(put(key, 'acknowledged'));
      use.bench.kill();
      const [segment] = use.logFiles();
      const bytes = Buffer.from(use.bench.read(segment!));
      const second = bytes.indexOf('b', 24, 'latin1');
      bytes[second]! ^= 1;
      use.bench.overwrite(segment!, bytes);
      expect(() => use.reopen()).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT', message: expect.stringContaining(segment!) }));
      expect(() => use.reopen(), 'and again').toThrow(/damaged/);
    });

    it('[S9] so is damage in a closed segment, and a segment that is missing', async () => {
      use.bench.kill();
      use.reopen(NO_CHECKPOINTS);
      for (let i = 0; i < 60; i++) await use.write(put(`k${i}`, 'v'.repeat(100)));
      use.bench.kill();
      const segments = use.logFiles();
      const [first, second] = [segments[0]!, segments[1]!];
      const [intact, intactSecond] = [use.bench.read(first), use.bench.read(second)];
      use.bench.overwrite(first, intact.subarray(0, intact.length - 3));
      expect(() => use.reopen(NO_CHECKPOINTS)).toThrow(/damaged/);
      use.bench.overwrite(first, intact);
      use.bench.overwrite(second, Buffer.alloc(0));
      expect(() => use.reopen(NO_CHECKPOINTS)).toThrow(/damaged/);
      use.bench.overwrite(second, intactSecond);
      expect(use.reopen(NO_CHECKPOINTS)).toMatchObject({ durableLsn: 60 });
    });

    it('[S10] checkpoints bound the log; recovery starts from the newest', async () => {
      use.bench.kill();
      use.reopen(SMALL);
      const expected = await use.untilCheckpoints(4);
      const { logBytes, checkpointLsn, checkpointFailures } = use.engine.stats();
      expect(checkpointFailures).toBe(0);
      expect(logBytes).toBeLessThan(4 * 4096);
      await use.bench.until(() => use.checkpointFiles().length === 2);
      use.bench.kill();
      const recovery = use.reopen(SMALL);
      expect(recovery.replayedBatches).toBe(recovery.durableLsn - checkpointLsn);
      expect(recovery.durableLsn).toBe(expected.length);
      expect(use.scan()).toEqual(expected);
    });

    it('[S10] when the newest checkpoint does not verify, the one before it leads to the same state', async () => {
      use.bench.kill();
      use.reopen(SMALL);
      const expected = await use.untilCheckpoints(3);
      const { checkpointLsn } = use.engine.stats();
      use.bench.kill();
      const newest = use.checkpointFiles().at(-1)!;
      const bytes = Buffer.from(use.bench.read(newest));
      bytes[bytes.length >> 1]! ^= 4;
      use.bench.overwrite(newest, bytes);
      const recovery = use.reopen(SMALL);
      expect(recovery.replayedBatches).toBeGreaterThan(recovery.durableLsn - checkpointLsn);
      expect(use.scan()).toEqual(expected);
      // And the bad one does not count as one of the two that are kept.
      await use.untilCheckpoints(1);
      use.bench.kill();
      use.reopen(SMALL);
      expect(use.scan()).toEqual(expected);
    });

    it('[S10] a stop does not wait for a checkpoint, and leaves the directory free to be opened at once', async () => {
      for (let stop = 1; stop <= 5; stop++) {
        use.bench.kill();
        use.reopen({ checkpoint: { minLogBytes: 1, pieceBytes: 1 } });
        for (let i = 0; i < 30; i++) use.begin(put(`${stop}-${i}`, 'v'.repeat(50)));
        const last = use.begin(put('last', `${stop}`));
        await use.bench.until(() => last.settled);
        await use.close();
        expect(use.reopen()).toMatchObject({ durableLsn: stop * 31 });
        expect(use.scan()).toHaveLength(stop * 30 + 1);
      }
    });

    it('[S10] when none verifies and the log does not reach back, the directory is refused', async () => {
      use.bench.kill();
      use.reopen(SMALL);
      await use.untilCheckpoints(3);
      use.bench.kill();
      for (const file of use.checkpointFiles()) {
        const bytes = Buffer.from(use.bench.read(file));
        bytes[30]! ^= 1;
        use.bench.overwrite(file, bytes);
      }
      expect(() => use.reopen(SMALL)).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
    });

    it('[S10] a damaged record keeps a checkpoint from being taken, and the log from being trimmed, until it is mended', async () => {
      use.bench.kill();
      use.reopen(SMALL);
      await use.write(put('rotten', 'about to rot'));
      use.bench.rot(bytesOf('rotten'), bytesOf('about to rot'));
      for (let i = 0; i < 2000 && use.engine.stats().checkpointFailures < 2; i++) await use.write(put(`k${i}`, 'v'.repeat(100)));
      expect(use.engine.stats()).toMatchObject({ checkpoints: 0, checkpointFailures: 2 });
      await use.write(put('rotten', 'mended'));
      await use.untilCheckpoints(1);
      use.bench.kill();
      use.reopen(SMALL);
      expect(use.read('rotten')).toBe('mended');
    });

    it('[S11] a directory of another cluster, another node or another format is refused in one line', async () => {
      await use.write(put('a', '1'));
      await use.close();
      use.bench.kill();
      const refusal = (reason: string) => expect.objectContaining({ code: 'STORE_FAILED', details: { reason }, message: expect.not.stringContaining('\n') });
      expect(() => use.bench.open({}, { clusterId: 'elsewhere' })).toThrow(refusal('other-cluster'));
      expect(() => use.bench.open({}, { nodeId: 'someone-else' })).toThrow(refusal('other-node'));
      const identity = use.bench.read('identity.json');
      use.bench.overwrite('identity.json', Buffer.from(Buffer.from(identity).toString().replace('"format":1', '"format":2')));
      expect(() => use.bench.open()).toThrow(refusal('other-format'));
      use.bench.overwrite('identity.json', Buffer.from('{'));
      expect(() => use.bench.open()).toThrow(refusal('not-a-data-directory'));
      use.bench.overwrite('identity.json', identity);
      use.reopen();
      expect(use.scan()).toEqual(['a=1']);
    });

    it('[S11] one process at a time', async () => {
      expect(() => use.bench.open()).toThrow(/another process/);
      await use.write(put('a', '1'));
    });
  });
}
