/**
 * The bytes on disk, kept in test/golden/storage: a data directory as a kill has left it, with a checkpoint and log behind it, once
 * with a checkpoint of version 1 and once of version 2. For as long as a version is read, its directory opens; a change of the
 * bytes is a new version. TRIPTYCH_WRITE_GOLDEN=1 writes the newest anew.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SeededRandom, SimClock } from '@app/time';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeGroup, encodeFileHeader, GroupWriter, type WriteBatch } from '../core/codec/log-record.js';
import { CheckpointWriter } from '../node/checkpoint-file.js';
import type { OpenedEngine } from '../node/log-engine.js';
import { MemoryTable } from '../testing/memory-table.js';
import { SimDisk } from '../testing/sim-disk.js';
import { openLmdbEngine } from './lmdb-engine.js';

const GOLDEN = fileURLToPath(new URL('../../../../test/golden/storage', import.meta.url));
const NEWEST = join(GOLDEN, 'v2');
const WALL_MS = 1_700_000_000_000;
const SEGMENT = 'log-0000000000000001';
const CHECKPOINT = 'checkpoint-0000000000000003';

const put = (key: string, value: string) => ({ key: Buffer.from(key), value: Buffer.from(value) });
const BATCHES: readonly WriteBatch[] = [
  [put('user:7', 'header'), put('user:7/film:42', 'queued')],
  [put('user:7/film:43', ''), { key: Buffer.from('user:7/film:42'), value: null }],
  [put('\xff', 'the last key')],
  [put('user:7', 'header again')],
  [put('user:8', 'after the checkpoint'), { key: Buffer.from('nothing'), value: null }],
];
const CONTENT = {
  'user:7': 'header again',
  'user:7/film:43': '',
  'user:8': 'after the checkpoint',
  '\xff': 'the last key',
};

const scratch = fs.mkdtempSync(join(tmpdir(), 'triptych-format-'));
afterAll(() => fs.rmSync(scratch, { recursive: true }));

async function write({ engine }: OpenedEngine, batch: WriteBatch): Promise<void> {
  await new Promise<void>((resolve, reject) => engine.write(batch, (error) => (error === undefined ? resolve() : reject(error))));
}

const clock = new SimClock(WALL_MS);
const open = (directory: string, logBytesToCheckpoint = Infinity) =>
  openLmdbEngine({ directory, clusterId: 'golden', nodeId: 'a1', clock, settings: { checkpoint: { minLogBytes: logBytesToCheckpoint, sizeShare: 0 } } });

async function writeGolden(): Promise<void> {
  const directory = join(scratch, 'golden');
  const opened = open(directory, 130);
  for (const batch of BATCHES.slice(0, 3)) await write(opened, batch);
  while (opened.engine.stats().checkpoints === 0) await new Promise((resolve) => setImmediate(resolve));
  for (const batch of BATCHES.slice(3)) await write(opened, batch);
  fs.rmSync(NEWEST, { recursive: true, force: true });
  fs.mkdirSync(NEWEST, { recursive: true });
  for (const name of fs.readdirSync(directory)) if (/^(identity|log|checkpoint)/.test(name)) fs.copyFileSync(join(directory, name), join(NEWEST, name));
  await new Promise((resolve) => opened.engine.close(resolve));
}
if (process.env['TRIPTYCH_WRITE_GOLDEN']) await writeGolden();

const golden = (name: string) => fs.readFileSync(join(NEWEST, name));

describe('the formats on disk', () => {
  it.each(['v1', 'v2'])('are read: a directory of %s recovers to what was written', async (version) => {
    const directory = join(scratch, version);
    fs.cpSync(join(GOLDEN, version), directory, { recursive: true });
    const { engine, recovery } = open(directory);
    expect(recovery).toEqual({ isNew: false, cleanStop: false, sameDirectory: false, durableLsn: 5, replayedBatches: 2, tornBytes: 0, isCut: false });
    const content: Record<string, string> = {};
    engine.scan({ start: new Uint8Array(0), end: Buffer.alloc(8, 0xff) }, (key, value) => {
      content[Buffer.from(key).toString('latin1')] = Buffer.from(value!).toString();
    });
    await new Promise((resolve) => engine.close(resolve));
    expect(content).toEqual(Object.fromEntries(Object.entries(CONTENT).map(([key, value]) => [Buffer.from(key).toString('latin1'), value])));
  });

  it('are written: a log of the same batches has the same bytes', () => {
    const groups = BATCHES.map((batch, index) => groupOf(index + 1, batch));
    expect(Buffer.concat([encodeFileHeader('log', 1), ...groups]).toString('hex')).toBe(golden(SEGMENT).toString('hex'));
  });

  it('are written: a checkpoint of the same batches has the same bytes, apart from how they are compressed', () => {
    // What is compressed is as another Zstandard would have it; so this one is written by a compressor that leaves bytes alone.
    const compressor = { compress: (bytes: Uint8Array) => Uint8Array.from(bytes), expand: (bytes: Uint8Array) => bytes };
    const clock = new SimClock(WALL_MS);
    const disk = new SimDisk(clock, new SeededRandom(1)).mount();
    const table = new MemoryTable(disk);
    for (const [index, batch] of BATCHES.slice(0, 3).entries()) table.apply(decodeGroup(groupOf(index + 1, batch), 0)!.mutations);
    let outcome: Error | undefined | null = null;
    const atTurnEnd = (task: () => void) => void clock.after(0, task);
    new CheckpointWriter({ disk, compressor, table, name: CHECKPOINT, pieceBytes: 64 * 1024, durableLsn: () => 3, whenSynced: (synced) => synced(), wallMs: () => WALL_MS, atTurnEnd }, (error) => (outcome = error));
    clock.advance(1000);
    expect(outcome).toBeUndefined();
    const older = fs.readFileSync(join(GOLDEN, 'v1', CHECKPOINT)).toString('hex');
    const [group, end] = [older.slice(48, 208), older.slice(208)];
    const header = '5452495054434b50' + '00000002' + '0000000000000003' + 'c17b2986';
    const frame = 'f55a4750' + '00000051' + 'fac48316' + '50' + group;
    const sum = 'f55a4750' + '00000001' + 'b45297a8' + '50';
    expect(Buffer.from(disk.read(CHECKPOINT)).toString('hex')).toBe(header + frame + sum + end);
  });

  it('are written: the identity of a directory', async () => {
    const directory = join(scratch, 'identity');
    const { engine } = open(directory);
    await new Promise((resolve) => engine.close(resolve));
    const text = fs.readFileSync(join(directory, 'identity.json'), 'utf8');
    const withoutOwnFacts = (identity: string) => identity.replace(/"fingerprint":"[^"]*","cleanStopLsn":\w+/, '');
    expect(withoutOwnFacts(text)).toBe(withoutOwnFacts(golden('identity.json').toString()));
  });
});

function groupOf(firstLsn: number, batch: WriteBatch): Uint8Array {
  const writer = new GroupWriter();
  writer.open(firstLsn, WALL_MS);
  writer.add(batch);
  return writer.finish();
}
