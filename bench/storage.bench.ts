/**
 * What storage costs on this machine: CPU-microseconds (user + system, all threads) per durable put with many writers, per
 * get and per scan, over random 38-byte keys and 120-byte values; and what a checkpoint does to those who write meanwhile.
 *
 *     node --import ./libs/wire/src/testing/typescript-hooks.mjs bench/storage.bench.ts [records] [writers]
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SeededRandom, systemClock } from '@app/time';
import { openLmdbEngine } from '../libs/store/src/adapters/lmdb-engine.js';
import type { StorageEngine } from '../libs/store/src/ports/storage-engine.js';

export interface StorageBenchFigures {
  readonly putsPerSecond: number;
  readonly putUs: number;
  readonly batchesPerSync: number;
  readonly putP50Ms: number;
  readonly putP99Ms: number;
  readonly getUs: number;
  /** Per scan of 50 records. */
  readonly scanUs: number;
  /** One checkpoint of all records, while the writers go on. */
  readonly checkpointMs: number;
  readonly putP99DuringCheckpointMs: number;
  /** The longest that anything else had to wait for the event loop meanwhile. */
  readonly longestTurnMs: number;
  /** Opening after a clean stop; and after an unclean one, with the checkpoint and half as many batches behind it. */
  readonly cleanOpenMs: number;
  readonly recoverMs: number;
}

const keyOf = (n: number) => {
  const key = Buffer.alloc(38, 'k');
  // A mixed number, so that neighbours in time are strangers in the order of keys.
  key.writeUInt32BE(Math.imul(n, 0x9e3779b1) >>> 0, 8);
  key.writeUInt32BE(n, 20);
  return key;
};
const VALUE = Buffer.alloc(120, 'v');
const cpuUs = (since?: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since);
  return user + system;
};

export async function storageBench({ records, writers = 64 }: { records: number; writers?: number }): Promise<StorageBenchFigures> {
  const root = fs.mkdtempSync(path.join(tmpdir(), 'triptych-bench-'));
  let directory = path.join(root, 'data');
  const open = (minLogBytes: number) =>
    openLmdbEngine({ directory, clusterId: 'bench', nodeId: 'a1', clock: systemClock, settings: { checkpoint: { minLogBytes, sizeShare: 0 } } }).engine;
  const close = (one: StorageEngine) => new Promise<void>((resolve, reject) => one.close((error) => (error ? reject(error) : resolve())));
  try {
    let engine = open(Infinity);
    let written = 0;
    await put(engine, written, (written = Math.ceil(records / 4)), writers); // to warm up
    const before = engine.stats();
    const [startCpu, startMs] = [process.cpuUsage(), performance.now()];
    const putTimes = await put(engine, written, records, writers);
    const putCount = records - written;
    const putUs = cpuUs(startCpu) / putCount;
    const putsPerSecond = (putCount / (performance.now() - startMs)) * 1000;
    const { batches, syncs } = engine.stats();

    const random = new SeededRandom(1);
    const reads = Math.min(records, 200_000);
    const getCpu = process.cpuUsage();
    for (let i = 0; i < reads; i++) engine.get(keyOf(random.below(records)));
    const getUs = cpuUs(getCpu) / reads;
    const scans = Math.ceil(reads / 20);
    const end = Buffer.alloc(38, 0xff);
    let seen = 0;
    const scanCpu = process.cpuUsage();
    for (let i = 0; i < scans; i++) {
      let left = 50;
      engine.scan({ start: keyOf(random.below(records)), end }, () => {
        seen++;
        return --left > 0;
      });
    }
    const scanUs = cpuUs(scanCpu) / (seen / 50);

    await close(engine);
    const cleanMs = performance.now();
    engine = open(1);
    const cleanOpenMs = performance.now() - cleanMs;
    let longestTurnMs = 0;
    let turnMs = performance.now();
    let isWatching = true;
    const watch = () => {
      longestTurnMs = Math.max(longestTurnMs, performance.now() - turnMs);
      turnMs = performance.now();
      if (isWatching) setImmediate(watch);
    };
    watch();
    const checkpointStartMs = performance.now();
    const putTimesDuring: number[] = [];
    while (engine.stats().checkpoints === 0) putTimesDuring.push(...(await put(engine, records, records + 10 * writers, writers)));
    const checkpointMs = performance.now() - checkpointStartMs;
    isWatching = false;
    await close(engine);

    engine = open(Infinity);
    await put(engine, 0, Math.ceil(records / 2), writers);
    const crashed = path.join(root, 'crashed');
    fs.cpSync(directory, crashed, { recursive: true });
    await close(engine);
    directory = crashed;
    const recoverStartMs = performance.now();
    engine = open(Infinity);
    const recoverMs = performance.now() - recoverStartMs;
    await close(engine);

    return {
      putsPerSecond,
      putUs,
      batchesPerSync: (batches - before.batches) / (syncs - before.syncs),
      putP50Ms: quantile(putTimes, 0.5),
      putP99Ms: quantile(putTimes, 0.99),
      getUs,
      scanUs,
      checkpointMs,
      putP99DuringCheckpointMs: quantile(putTimesDuring, 0.99),
      longestTurnMs,
      cleanOpenMs,
      recoverMs,
    };
  } finally {
    fs.rmSync(root, { recursive: true });
  }
}

/** Writes records `from` to `to`, one a batch; each writer waits for its own before the next. What each put took, ms. */
function put(engine: StorageEngine, from: number, to: number, writers: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const times: number[] = [];
    let next = from;
    const writeOne = () => {
      if (next >= to) return;
      const startMs = performance.now();
      engine.write([{ key: keyOf(next++), value: VALUE }], (error) => {
        if (error !== undefined) reject(error);
        times.push(performance.now() - startMs);
        if (times.length === to - from) resolve(times);
        else setImmediate(writeOne);
      });
    };
    for (let i = 0; i < writers; i++) writeOne();
  });
}

function quantile(values: number[], share: number): number {
  return values.sort((a, b) => a - b)[Math.floor(share * (values.length - 1))]!;
}

if (process.argv[1]?.endsWith('storage.bench.ts')) {
  const figures = await storageBench({ records: Number(process.argv[2] ?? 200_000), writers: Number(process.argv[3] ?? 64) });
  for (const [name, value] of Object.entries(figures)) console.log(name.padEnd(26), (value as number).toFixed(value > 100 ? 0 : 2));
}
