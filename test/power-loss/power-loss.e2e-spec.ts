/**
 * Power loss of all nodes at once, at the level of storage: real processes writing to disks that can lose power.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Stats } from '@rspack/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Recovery } from '../../libs/store/src/ports/storage-engine.js';
import { lacks } from '../support/capability.js';
import { LoopMachine, whyNoLoop } from '../support/loop-machine.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Line {
  readonly opened?: Recovery;
  readonly wrong?: string;
  readonly acknowledged?: number;
  readonly failed?: string;
  readonly intact?: boolean;
}

/** A writer process and what it has said. */
class Writer {
  acknowledged = 0;
  readonly lines: Line[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #errorText = '';

  constructor(program: string, directory: string, honesty: 'honest' | 'lying' = 'honest') {
    this.#process = spawn(process.execPath, [program, directory, honesty], { stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: this.#process.stdout! }).on('line', (text) => {
      if (!text.endsWith('}')) return; // cut off by the kill
      const line = JSON.parse(text) as Line;
      if (line.acknowledged === undefined) this.lines.push(line);
      else this.acknowledged = Math.max(this.acknowledged, line.acknowledged);
    });
    this.#process.stderr!.on('data', (chunk: Buffer) => (this.#errorText += chunk.toString()));
    this.#ended = new Promise((resolve) => this.#process.once('close', resolve));
  }

  get recovery(): Recovery | undefined {
    return this.lines.find(({ opened }) => opened !== undefined)?.opened;
  }

  async until(condition: (writer: Writer) => boolean): Promise<void> {
    const deadlineMs = performance.now() + 30_000;
    while (!condition(this)) {
      if (this.#process.exitCode !== null) throw new Error(`the writer ended: ${this.#errorText}`);
      if (performance.now() > deadlineMs) throw new Error(`the writer did not get there in time: ${JSON.stringify(this.lines)} ${this.#errorText}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Resolves when it is gone and all it said was read. */
  async ended(): Promise<void> {
    await this.#ended;
  }
}

/** Takes all the space of a file system but `freeBytes`. */
function fillAllBut(file: string, freeBytes: number): void {
  const chunk = Buffer.alloc(64 * 1024);
  try {
    for (;;) fs.appendFileSync(file, chunk);
  } catch {
    fs.truncateSync(file, fs.statSync(file).size - freeBytes);
  }
}

/** Bundles the writer into `folder`, since Node does not run our sources as they are. */
async function buildWriter(folder: string): Promise<string> {
  const bundler = (await import(path.join(ROOT, 'rspack.config.mjs'))) as { configurationOf(entry: Record<string, string>): Record<string, unknown> & { output: object } };
  const { rspack } = await import('@rspack/core');
  const configuration = bundler.configurationOf({ writer: path.join(ROOT, 'test/power-loss/writer.ts') });
  const stats = await new Promise<Stats | undefined>((resolve, reject) => {
    rspack({ ...configuration, output: { ...configuration.output, path: folder } }, (error, result) => (error ? reject(error) : resolve(result)));
  });
  if (stats === undefined || stats.hasErrors()) throw new Error(`the writer does not build: ${stats?.toString()}`);
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  fs.writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  return path.join(folder, 'writer.js');
}

describe.skipIf(lacks('loop', whyNoLoop()))('storage on real disks that lose power', () => {
  let scratch: string;
  let program: string;
  let machines: LoopMachine[] = [];
  let writers: Writer[] = [];
  let names = 0;

  beforeAll(async () => {
    scratch = fs.mkdtempSync(path.join(tmpdir(), 'triptych-power-'));
    program = await buildWriter(fs.mkdtempSync(path.join(scratch, 'program-')));
  });
  afterEach(async () => {
    for (const writer of writers) writer.kill();
    await Promise.all(writers.map((writer) => writer.ended()));
    for (const machine of machines) machine.unmount();
    machines = [];
    writers = [];
  });
  afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

  const newMachine = () => machines[machines.push(new LoopMachine(scratch, `machine${names++}`)) - 1]!;
  const start = (machine: LoopMachine, honesty?: 'honest' | 'lying') => writers[writers.push(new Writer(program, machine.data, honesty)) - 1]!;

  it('keep every acknowledged batch, whole and in order, when all of them lose it at once, again and again', async () => {
    for (let i = 0; i < 3; i++) newMachine();
    let acknowledged = machines.map(() => 0);
    let replayedBatches = 0;
    for (let round = 0; round < 7; round++) {
      const running = machines.map((machine) => start(machine));
      await Promise.all(running.map((writer) => writer.until(({ recovery }) => recovery !== undefined)));
      // A short life now and then, so that a power cut meets a recovery's own traces too.
      const batches = round % 3 === 2 ? 1 : 300 + 150 * round;
      await Promise.all(running.map((writer, i) => writer.until((one) => one.acknowledged >= acknowledged[i]! + batches)));
      for (const writer of running) writer.kill();
      await Promise.all(running.map((writer) => writer.ended()));
      for (const [i, { lines, recovery }] of running.entries()) {
        expect(lines.filter((line) => line.opened === undefined), `machine ${i}, round ${round}`).toEqual([]);
        expect(recovery!.durableLsn).toBeGreaterThanOrEqual(acknowledged[i]!);
        expect(recovery!.cleanStop).toBe(false);
        replayedBatches += recovery!.replayedBatches;
      }
      acknowledged = running.map((writer) => writer.acknowledged);
      // Every fourth time the processes alone die, and the page cache stays.
      if (round % 4 !== 3) for (const machine of machines) machine.losePower();
    }
    expect(replayedBatches).toBeGreaterThan(1000);
    const last = machines.map((machine) => start(machine));
    await Promise.all(last.map((writer) => writer.until(({ recovery }) => recovery !== undefined)));
    for (const [i, { recovery, lines }] of last.entries()) {
      expect(recovery!.durableLsn).toBeGreaterThanOrEqual(acknowledged[i]!);
      expect(lines).toHaveLength(1);
    }
    for (const machine of machines) expect(fs.readdirSync(machine.data).some((name) => name.startsWith('checkpoint-')), 'checkpoints were met').toBe(true);
  });

  it('and this rig can tell: with syncs that do nothing, acknowledged batches are lost', async () => {
    const machine = newMachine();
    const writer = start(machine, 'lying');
    await writer.until(({ acknowledged }) => acknowledged > 500);
    writer.kill();
    await writer.ended();
    machine.losePower();
    const again = start(machine);
    const outcome = await again.until(({ recovery }) => recovery !== undefined).then(
      () => again.recovery!.durableLsn,
      () => -1, // refused as damaged: lost all the same, and known
    );
    expect(outcome).toBeLessThan(writer.acknowledged);
  });

  it('go out of the write path when the disk is full, serve reads, and lose nothing that was acknowledged', async () => {
    const machine = newMachine();
    const filler = path.join(machine.mountPoint, 'filler');
    fillAllBut(filler, 512 * 1024);
    const writer = start(machine);
    await writer.until(({ lines }) => lines.some(({ failed }) => failed !== undefined));
    expect(writer.lines.at(-1)).toEqual({ failed: 'STORE_FAILED', intact: true });
    writer.kill();
    await writer.ended();
    fs.rmSync(filler);
    const again = start(machine);
    await again.until(({ recovery, acknowledged }) => recovery !== undefined && acknowledged > writer.acknowledged);
    expect(again.recovery!.durableLsn).toBeGreaterThanOrEqual(writer.acknowledged);
    expect(again.lines).toHaveLength(1);
  });
});
