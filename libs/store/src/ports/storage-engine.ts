/**
 * Storage as a node sees it: ordered bytes to bytes, one writer, two facts kept apart. A batch is either whole or not
 * there, batches become durable in the order of `write`, and **reads show durable state only**: a batch becomes visible to
 * `get` and `scan` at the moment it is durable, all of it at once, just before its callback runs. What a writer needs
 * to know of its own batches in flight, it keeps itself.
 *
 * Every record carries a checksum over key and value, verified on every read. A damaged record is never served.
 * Keys are 1 to 1024 bytes, compared as unsigned bytes; values at most 1 MiB.
 */
import type { Mutation, WriteBatch } from '../core/codec/log-record.js';

export type { Mutation, WriteBatch };

/** When a batch is settled: when it is on disk, or when the system has it, with a sync a while later (EngineSettings). */
export type Durability = 'commit' | 'periodic';

export interface StorageEngine {
  /**
   * The value, a copy that is the caller's to keep; undefined where there is none.
   * @throws TriptychError STORE_RECORD_CORRUPT when the record fails its checksum
   */
  get(key: Uint8Array): Uint8Array | undefined;
  /**
   * Calls `visit` for each record with start <= key < end, in key order (descending with `reverse`), until it returns
   * false. Key and value are views that are valid within that call alone: the next record overwrites them. `value` is
   * null for a record that fails its checksum. `visit` must not call the engine.
   * @throws TriptychError STORE_RECORD_CORRUPT when the table itself is damaged, so that records may be missing
   */
  scan(range: KeyRange, visit: (key: Uint8Array, value: Uint8Array | null) => boolean | void): void;
  /**
   * Makes the batch durable, then visible, then calls `settled` once, never within this call. The bytes are copied at
   * once: the caller may use them again. After a failure nothing of this batch or any later one is visible, `state` is
   * 'failed', and every later write fails: what reached the disk is unknown until a restart has recovered it.
   * @throws TriptychError STORE_VALUE_TOO_LARGE for a key or value beyond the limits: nothing was written
   */
  write(batch: WriteBatch, settled: (error?: Error) => void, durability?: Durability): void;
  readonly state: 'open' | 'failed' | 'closed';
  /** What ended writing, where `state` is 'failed': its cause is the system's error. */
  readonly failure: Error | null;
  /** Log sequence number of the last durable batch, counting from 1 in a new directory: what peers witness. */
  readonly durableLsn: number;
  /** Bytes and counts for metrics. */
  stats(): EngineStats;
  /**
   * Reads through the files that the next recovery would use. One step reads a piece of at most 256 KiB, or a group where
   * that is larger, and yields its bytes; the end tells what is damaged. Steps may be as far apart as one likes.
   */
  checkFiles(): Generator<number, readonly FileDamage[]>;
  /** Takes a checkpoint now rather than when it is due: one that is found rotten, or the log behind it, is then needed less. */
  takeCheckpoint(): void;
  /** Waits for writes in flight, leaves a clean-stop marker unless the engine has failed, closes. Idempotent. */
  close(settled: (error?: Error) => void): void;
}

export interface KeyRange {
  readonly start: Uint8Array;
  /** Exclusive. */
  readonly end: Uint8Array;
  readonly reverse?: boolean;
}

export const MAX_KEY_BYTES = 1024;
export const MAX_VALUE_BYTES = 1024 * 1024;

/** Counts since the engine was opened, unless said otherwise. */
export interface EngineStats {
  /** Batches made durable. */
  readonly batches: number;
  /** Syncs of the log: batches / syncs is the group-commit ratio. */
  readonly syncs: number;
  /** Bytes of log on disk now. */
  readonly logBytes: number;
  /** Batches written and not yet settled. Callers bound it: the engine does not. */
  readonly pendingBatches: number;
  /** Reads that met a record which fails its checksum. */
  readonly corruptRecords: number;
  readonly checkpoints: number;
  /** Checkpoints that failed, and left the log to grow until the next one succeeds. */
  readonly checkpointFailures: number;
  /** The LSN from which the next recovery would replay. */
  readonly checkpointLsn: number;
}

export interface FileDamage {
  readonly file: string;
  readonly reason: string;
}

/** How the last run ended, as found on opening: decides whether an actor may be kept. */
export interface Recovery {
  /** The directory was empty: a new node, or one that lost its disk. */
  readonly isNew: boolean;
  /** False after a crash, a kill or a power loss, in a copy of a directory, in a new one: acknowledged writes may be missing. */
  readonly cleanStop: boolean;
  /** False when this is a copy of the directory last opened, or it came back on another device. */
  readonly sameDirectory: boolean;
  /** The last batch that is here. A lower number than peers have witnessed tells an old disk. */
  readonly durableLsn: number;
  readonly replayedBatches: number;
  /** Bytes at the end of the last log segment that were no whole group and were cut off. */
  readonly tornBytes: number;
  /** The log was cut before batches that are whole, as `periodic` calls for: acknowledged writes may be missing. */
  readonly isCut: boolean;
}
