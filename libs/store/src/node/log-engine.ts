/**
 * The storage engine: a commit log in front of an ordered table. A write is acknowledged at the log's sync and applied to
 * the table in the same step, without a sync of its own; reads go to the table alone. So what the table shows is always
 * durable, and no read has to look into writes on their way.
 *
 * Refused: a table that syncs each group itself (twice the cost of a write, measured), and a memory table in front of sorted
 * files (a compaction to write, to schedule and to prove). What is paid: the log is written twice over, and a recovery
 * loads a checkpoint and replays the log behind it.
 */
import type { Clock } from '@app/time';
import { assert, TriptychError } from '@app/contracts';
import { unseal, type Mutation, type WriteBatch } from '../core/codec/log-record.js';
import type { Compressor } from '../ports/compressor.js';
import type { Disk, Settled } from '../ports/disk.js';
import type { OrderedTable, TableFiles } from '../ports/ordered-table.js';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES, type Durability, type EngineStats, type FileDamage, type KeyRange, type Recovery, type StorageEngine } from '../ports/storage-engine.js';
import { readCheckpoint, type CheckpointFiles } from './checkpoint-file.js';
import { Checkpoints, listCheckpoints, type Checkpoint, type CheckpointPolicy } from './checkpoints.js';
import { CommitLog, type Segment } from './commit-log.js';
import { enterDirectory, leaveDirectory, type DirectoryOwner } from './data-directory.js';
import { checkFiles } from './file-check.js';
import { listSegments, reachesBackTo, replayLog, type LogReplay } from './log-recovery.js';

/** What can be set; see DEFAULT_SETTINGS. */
export interface EngineSettings {
  /** A log segment that has reached this is closed. */
  readonly segmentBytes: number;
  /** A group of batches that has reached this goes to disk without the next one. */
  readonly groupBytes: number;
  /** Batches written as `periodic` are synced this much later at the latest, ms; at most 10 s. */
  readonly periodicSyncMs: number;
  /** Some tables are periodic: what a power cut has torn is cut, wherever it is in the last segment, and said (Recovery). */
  readonly cutsTail: boolean;
  readonly checkpoint: Partial<CheckpointPolicy>;
}

export const DEFAULT_SETTINGS = {
  segmentBytes: 16 * 1024 * 1024,
  groupBytes: 1024 * 1024,
  periodicSyncMs: 10_000,
  cutsTail: false,
  checkpoint: { minLogBytes: 64 * 1024 * 1024, sizeShare: 1 / 2, pieceBytes: 64 * 1024 },
} as const satisfies EngineSettings;

export interface EngineOptions extends DirectoryOwner {
  readonly disk: Disk;
  readonly tables: TableFiles;
  /** Of checkpoints. */
  readonly compressor: Compressor;
  readonly clock: Clock;
  /** Runs a task after all else that this turn of the event loop has to do. */
  readonly atTurnEnd: (task: () => void) => void;
  readonly settings?: Partial<EngineSettings>;
}

export interface OpenedEngine {
  readonly engine: StorageEngine;
  readonly recovery: Recovery;
}

/** Mutations of one transaction during replay: groups may be tiny, transactions are not free. */
const REPLAY_CHUNK = 4096;

/**
 * Opens a data directory, recovering what an unclean stop has left. Synchronous: takes as long as loading the last
 * checkpoint and replaying the log behind it.
 * @throws TriptychError STORE_FAILED when the directory is not this node's; STORE_RECORD_CORRUPT when acknowledged writes
 * may be missing from it: it is then to be set aside, and rebuilt from the other replicas
 */
export function openLogEngine(options: EngineOptions): OpenedEngine {
  const { disk } = options;
  const entry = enterDirectory(disk, options);
  const segments = listSegments(disk);
  const checkpoints = listCheckpoints(disk);
  const stopped = entry.cleanStopLsn === null ? null : afterCleanStop(options, segments, checkpoints, entry.cleanStopLsn);
  const found = stopped ?? recover(options, segments, checkpoints);
  const recovery: Recovery = {
    isNew: entry.isNew,
    cleanStop: stopped !== null,
    sameDirectory: entry.sameDirectory,
    durableLsn: found.durableLsn,
    replayedBatches: found.replayedBatches,
    tornBytes: found.tornBytes,
    isCut: found.isCut,
  };
  return { engine: new LogEngine(options, found, segments), recovery };
}

interface Found extends LogReplay {
  readonly table: OrderedTable;
  /** Those that may serve the next recovery, newest first. */
  readonly checkpoints: readonly Checkpoint[];
}

/** The live table as the clean stop left it; null where it does not fit the marker. */
function afterCleanStop({ tables }: EngineOptions, segments: readonly Segment[], checkpoints: readonly Checkpoint[], lsn: number): Found | null {
  if ((segments.at(-1)?.firstLsn ?? 0) > lsn + 1) return null;
  try {
    return { table: tables.openLive(lsn), durableLsn: lsn, replayedBatches: 0, tornBytes: 0, isCut: false, checkpoints };
  } catch {
    return null; // missing or foreign: the checkpoint and the log are there
  }
}

/** The newest checkpoint that is intact and that the log reaches back to, and all batches after it. */
function recover({ disk, compressor, tables, settings }: EngineOptions, segments: readonly Segment[], checkpoints: readonly Checkpoint[]): Found {
  const refusals: string[] = [];
  for (const [index, candidate] of [...checkpoints, null].entries()) {
    const lsn = candidate?.lsn ?? 0;
    if (!reachesBackTo(lsn, segments)) {
      refusals.push(`the log does not reach back to batch ${lsn + 1}`);
      continue;
    }
    const table = tables.create();
    try {
      const throughLsn = candidate === null ? 0 : load(table, { disk, compressor }, candidate);
      if (throughLsn === null) {
        refusals.push(`${candidate!.name} is damaged`);
        table.close(null, () => {});
        continue;
      }
      const replay = replayInto(table, disk, segments, lsn, settings?.cutsTail ?? false);
      const neededLsn = Math.max(throughLsn, checkpoints[0]?.lsn ?? 0);
      if (replay.durableLsn < neededLsn) {
        throw new TriptychError('STORE_RECORD_CORRUPT', `the log ends at batch ${replay.durableLsn}, a checkpoint holds batch ${neededLsn}`);
      }
      for (const refused of checkpoints.slice(0, index)) disk.remove(refused.name);
      return { table, ...replay, checkpoints: checkpoints.slice(index) };
    } catch (error) {
      table.close(null, () => {});
      throw error;
    }
  }
  throw new TriptychError('STORE_RECORD_CORRUPT', `nothing to recover from: ${refusals.join('; ')}`, { reasons: refusals });
}

/** Fills the table from a checkpoint; the LSN that the log must reach, or null when the checkpoint is damaged. */
function load(table: OrderedTable, files: CheckpointFiles, { name, lsn }: Checkpoint): number | null {
  try {
    const reading = readCheckpoint(files, name, (records) => table.apply(records));
    let step = reading.next();
    while (!step.done) step = reading.next();
    return step.value.lsn === lsn ? step.value.throughLsn : null;
  } catch (error) {
    if (error instanceof TriptychError && error.code === 'STORE_RECORD_CORRUPT') return null;
    throw error;
  }
}

function replayInto(table: OrderedTable, disk: Disk, segments: readonly Segment[], lsn: number, cutsTail: boolean): LogReplay {
  let chunk: Mutation[] = [];
  const apply = () => {
    if (chunk.length > 0) table.apply(chunk);
    chunk = [];
  };
  const replay = replayLog(disk, segments, lsn, (mutations) => {
    for (const mutation of mutations) chunk.push(mutation);
    if (chunk.length >= REPLAY_CHUNK) apply();
  }, cutsTail);
  apply();
  return replay;
}

class LogEngine implements StorageEngine {
  readonly #disk: Disk;
  readonly #table: OrderedTable;
  readonly #log: CommitLog;
  readonly #checkpoints: Checkpoints;
  readonly #openedLsn: number;
  #state: StorageEngine['state'] = 'open';
  #failure: Error | null = null;
  #isTableOpen = true;
  #isScanning = false;
  #corruptRecords = 0;
  #onClosed: Settled[] = [];
  #closeOutcome: { error: Error | undefined } | null = null;

  constructor(
    private readonly options: EngineOptions,
    found: Found,
    segments: readonly Segment[],
  ) {
    const { disk, compressor, clock, atTurnEnd } = options;
    const settings = { ...DEFAULT_SETTINGS, ...options.settings };
    this.#disk = disk;
    this.#table = found.table;
    this.#openedLsn = found.durableLsn;
    this.#log = new CommitLog({
      disk,
      segments,
      durableLsn: found.durableLsn,
      segmentBytes: settings.segmentBytes,
      groupBytes: settings.groupBytes,
      periodicSyncMs: settings.periodicSyncMs,
      after: (delayMs, task) => clock.after(delayMs, task),
      wallMs: () => clock.wallMs(),
      atTurnEnd,
      onDurable: (mutations, byteLength) => {
        this.#table.apply(mutations);
        this.#checkpoints.grew(byteLength);
      },
      onFailure: (error) => {
        this.#failure = error;
        if (this.#state === 'open') this.#state = 'failed';
        this.#checkpoints.stop();
      },
    });
    const newestLsn = found.checkpoints[0]?.lsn ?? 0;
    const backlogBytes = segments.reduce((sum, { firstLsn, sizeBytes }) => (firstLsn > newestLsn ? sum + sizeBytes : sum), 0);
    const source = { disk, compressor, table: this.#table, durableLsn: () => this.#log.settledLsn, whenSynced: (synced: () => void) => this.#log.whenSynced(synced), wallMs: () => clock.wallMs(), atTurnEnd };
    this.#checkpoints = new Checkpoints(source, this.#log, { ...DEFAULT_SETTINGS.checkpoint, ...settings.checkpoint }, found.checkpoints, backlogBytes);
  }

  get state(): StorageEngine['state'] {
    return this.#state;
  }

  get failure(): Error | null {
    return this.#failure;
  }

  get durableLsn(): number {
    return this.#log.durableLsn;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#mayRead();
    const sealed = this.#readTable(() => this.#table.get(key));
    if (sealed === undefined) return undefined;
    const value = unseal(key, sealed);
    if (value !== null) return Buffer.from(value);
    this.#corruptRecords++;
    throw new TriptychError('STORE_RECORD_CORRUPT', 'a record fails its checksum', { key: Buffer.from(key).toString('hex') });
  }

  scan(range: KeyRange, visit: (key: Uint8Array, value: Uint8Array | null) => boolean | void): void {
    this.#mayRead();
    this.#isScanning = true;
    let visitorError: unknown;
    let hasVisitorFailed = false;
    try {
      this.#readTable(() =>
        this.#table.scan(range, (key, sealed) => {
          const value = unseal(key, sealed);
          if (value === null) this.#corruptRecords++;
          try {
            return visit(key, value);
          } catch (error) {
            hasVisitorFailed = true;
            visitorError = error;
            return false;
          }
        }),
      );
    } finally {
      this.#isScanning = false;
    }
    if (hasVisitorFailed) throw visitorError;
  }

  write(batch: WriteBatch, settled: Settled, durability: Durability = 'commit'): void {
    assert(!this.#isScanning, 'a scan must not call the engine');
    for (const { key, value } of batch) {
      assert(key.length > 0, 'a key has at least one byte');
      if (key.length > MAX_KEY_BYTES || (value !== null && value.length > MAX_VALUE_BYTES)) {
        throw new TriptychError('STORE_VALUE_TOO_LARGE', 'a record is larger than storage takes', {
          keyBytes: key.length,
          valueBytes: value?.length ?? 0,
        });
      }
    }
    if (this.#state === 'closed') this.options.atTurnEnd(() => settled(closedError()));
    else this.#log.append(batch, settled, durability);
  }

  stats(): EngineStats {
    return {
      batches: this.#log.settledLsn - this.#openedLsn,
      syncs: this.#log.syncs,
      logBytes: this.#log.sizeBytes,
      pendingBatches: this.#log.pendingBatches,
      corruptRecords: this.#corruptRecords,
      checkpoints: this.#checkpoints.taken,
      checkpointFailures: this.#checkpoints.failures,
      checkpointLsn: this.#checkpoints.newestLsn,
    };
  }

  checkFiles(): Generator<number, readonly FileDamage[]> {
    return checkFiles({ disk: this.#disk, compressor: this.options.compressor, checkpoints: () => this.#checkpoints.names, segments: () => this.#log.closedSegments });
  }

  takeCheckpoint(): void {
    if (this.#state === 'open') this.#checkpoints.take();
  }

  close(settled: Settled): void {
    const outcome = this.#closeOutcome;
    if (outcome !== null) {
      this.options.atTurnEnd(() => settled(outcome.error));
      return;
    }
    this.#onClosed.push(settled);
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#checkpoints.stop();
    this.#log.drain(() => this.#closeTable());
  }

  #closeTable(): void {
    this.#isTableOpen = false;
    const lsn = this.#failure !== null ? null : this.#log.durableLsn;
    this.#table.close(lsn, (tableError) => {
      let error = tableError;
      if (error === undefined && lsn !== null) {
        try {
          leaveDirectory(this.#disk, this.options, lsn);
        } catch (cause) {
          error = cause as Error; // no marker: the next start recovers
        }
      }
      this.#disk.close(() => {
        this.#closeOutcome = { error };
        for (const settle of this.#onClosed) settle(error);
      });
    });
  }

  #mayRead(): void {
    assert(!this.#isScanning, 'a scan must not call the engine');
    if (!this.#isTableOpen) throw closedError();
  }

  /** An error of the table itself means that it cannot be read here: a damaged page, a file cut short. */
  #readTable<T>(read: () => T): T {
    try {
      return read();
    } catch (cause) {
      this.#corruptRecords++;
      throw new TriptychError('STORE_RECORD_CORRUPT', `the table cannot be read: ${(cause as Error).message}`, {}, { cause });
    }
  }
}

function closedError(): TriptychError {
  return new TriptychError('STORE_FAILED', 'storage is closed');
}
