/** An engine in use by a test: one data directory, opened, closed and opened again, with the words that its contract is told in. */
import { expect } from 'vitest';
import type { EngineSettings, OpenedEngine } from '../node/log-engine.js';
import type { Mutation, StorageEngine } from '../ports/storage-engine.js';

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

export const START = Buffer.alloc(0);
export const END = Buffer.alloc(600, 0xff);

export const bytesOf = (text: string) => Buffer.from(text, 'latin1');
export const textOf = (bytes: Uint8Array | undefined | null) => (bytes ? Buffer.from(bytes).toString('latin1') : bytes);
export const put = (key: string, value: string): Mutation => ({ key: bytesOf(key), value: bytesOf(value) });
export const drop = (key: string): Mutation => ({ key: bytesOf(key), value: null });

interface Write {
  settled: boolean;
  error?: Error;
}

export class EngineUse {
  /** The one that is open, or was last. */
  engine: StorageEngine;

  constructor(readonly bench: EngineBench) {
    this.engine = bench.open().engine;
  }

  begin(...batch: Mutation[]): Write {
    const write: Write = { settled: false };
    this.engine.write(batch, (error) => Object.assign(write, { settled: true, error }));
    expect(write.settled, 'never within the call').toBe(false);
    return write;
  }

  async write(...batch: Mutation[]): Promise<void> {
    const pending = this.begin(...batch);
    await this.bench.until(() => pending.settled);
    if (pending.error) throw pending.error;
  }

  read(key: string) {
    return textOf(this.engine.get(bytesOf(key)));
  }

  scan(start: string | Buffer = START, end: string | Buffer = END, reverse = false): string[] {
    const found: string[] = [];
    this.engine.scan({ start: Buffer.from(start as string, 'latin1'), end: Buffer.from(end as string, 'latin1'), reverse }, (key, value) => {
      found.push(`${textOf(key)}=${value === null ? 'DAMAGED' : textOf(value)}`);
    });
    return found;
  }

  async close(): Promise<void> {
    let closed = false;
    this.engine.close((error) => {
      expect(error).toBeUndefined();
      closed = true;
    });
    await this.bench.until(() => closed);
  }

  reopen(settings?: Partial<EngineSettings>) {
    const opened = this.bench.open(settings);
    this.engine = opened.engine;
    return opened.recovery;
  }

  logFiles(): string[] {
    return this.bench.list().filter((file) => file.startsWith('log-')).sort();
  }

  checkpointFiles(): string[] {
    return this.bench.list().filter((file) => file.startsWith('checkpoint-')).sort();
  }

  /** Writes ever new keys until the engine has taken `count` checkpoints. */
  async untilCheckpoints(count: number): Promise<string[]> {
    const expected: string[] = [];
    for (let i = 0; i < 2000 && this.engine.stats().checkpoints < count; i++) {
      const key = `row${String(i).padStart(5, '0')}`;
      await this.write(put(key, 'x'.repeat(100)));
      expected.push(`${key}=${'x'.repeat(100)}`);
    }
    expect(this.engine.stats().checkpoints).toBeGreaterThanOrEqual(count);
    return expected;
  }
}
