/**
 * The commit log: what makes a write durable. Batches go into a group; a group is appended to the last segment and synced;
 * its batches are settled at the sync. While one group is on its way the next one gathers, so the slower the disk
 * the more writes share a sync (group commit; Gawlick and Kinkade, 1985). One group is in flight at a time, never two: what
 * a power cut can tear is the last group alone, and all of it unacknowledged.
 *
 * Segments are closed when they are full and never written again: a hard link to one is a snapshot of it. An open log
 * always begins a segment of its own; it never appends to what another run has left.
 *
 * A batch of a table that is synced periodically is settled when the system has taken it, and is durable with the next sync: that of
 * a group which needs one, of a full segment, or of a clock. Then several groups at the end of the log may be torn by a power cut.
 *
 * A failed append or sync is the end: what reached the disk is unknown, and asking again would be believed (fsyncgate:
 * after an error the kernel calls the pages clean). All that is pending and all that comes later fails.
 */
import { assert, TriptychError } from '@app/contracts';
import { decodeGroup, encodeFileHeader, FILE_HEADER_BYTES, GroupWriter, type Mutation, type WriteBatch } from '../core/codec/log-record.js';
import type { Cancel, Clock } from '@app/time';
import type { Durability } from '../ports/storage-engine.js';
import type { Disk, Settled } from '../ports/disk.js';

export interface Segment {
  readonly name: string;
  readonly firstLsn: number;
  sizeBytes: number;
}

export interface CommitLogOptions {
  readonly disk: Disk;
  /** What recovery found, in order. */
  readonly segments: readonly Segment[];
  /** LSN of the last batch in them. */
  readonly durableLsn: number;
  /** A segment that has reached this is closed. */
  readonly segmentBytes: number;
  /** What was appended without a sync is synced this much later at the latest. */
  readonly periodicSyncMs: number;
  readonly after: Clock['after'];
  /** A group that has reached this takes no more: what comes then waits for the next. */
  readonly groupBytes: number;
  readonly wallMs: () => number;
  /** Runs a task after all else that this turn of the event loop has to do, so that what arrives together goes together. */
  readonly atTurnEnd: (task: () => void) => void;
  /** Takes a group that has become durable, before any of its batches is settled. Throwing fails the log. */
  readonly onDurable: (mutations: readonly Mutation[], byteLength: number) => void;
  /** Told once, before the callbacks of pending batches. */
  readonly onFailure: (error: TriptychError) => void;
}

interface PendingGroup {
  readonly writer: GroupWriter;
  readonly settled: Settled[];
  /** A batch in it counts only when it is on disk. */
  needsSync: boolean;
}

export function segmentName(firstLsn: number): string {
  return `log-${String(firstLsn).padStart(16, '0')}`;
}

export class CommitLog {
  readonly #options: CommitLogOptions;
  readonly #segments: Segment[];
  /** The segment of this run that is not full, or null before the first group and after the last one has filled it. */
  #current: Segment | null = null;
  #durableLsn: number;
  /** Through which batches are settled: above #durableLsn while some were settled without a sync. */
  #settledLsn: number;
  #appendedLsn: number;
  #inFlight: PendingGroup | null = null;
  readonly #gathering: PendingGroup[] = [];
  #spare: PendingGroup | null = null;
  #flushAsked = false;
  #failure: TriptychError | null = null;
  #onDrained: (() => void) | null = null;
  #cancelSync: Cancel | null = null;
  readonly #onSynced: (() => void)[] = [];
  #syncs = 0;
  #totalBytes = 0;

  constructor(options: CommitLogOptions) {
    this.#options = options;
    this.#segments = [...options.segments];
    this.#durableLsn = options.durableLsn;
    this.#settledLsn = options.durableLsn;
    this.#appendedLsn = options.durableLsn;
    for (const { sizeBytes } of this.#segments) this.#totalBytes += sizeBytes;
  }

  get durableLsn(): number {
    return this.#durableLsn;
  }

  /** The last batch that was handed to `onDurable`: on disk, or soon to be. */
  get settledLsn(): number {
    return this.#settledLsn;
  }

  get pendingBatches(): number {
    return this.#appendedLsn - this.#settledLsn;
  }

  get syncs(): number {
    return this.#syncs;
  }

  /** Bytes of all segments that are there. */
  get sizeBytes(): number {
    return this.#totalBytes;
  }

  /** Names of the segments that are not written to any more, in order. */
  get closedSegments(): readonly string[] {
    // The last one may be full and its last group still on the way to disk.
    const isLastOpen = this.#current !== null || this.#inFlight !== null;
    return this.#segments.slice(0, isLastOpen ? -1 : undefined).map(({ name }) => name);
  }

  /**
   * Copies the batch; `settled` runs once it is durable and `onDurable` has taken it, or has failed. One that is `periodic` is
   * settled when the system has it, unless it goes with others that have to be durable.
   */
  append(batch: WriteBatch, settled: Settled, durability: Durability = 'commit'): void {
    const failure = this.#failure;
    if (failure !== null) {
      this.#options.atTurnEnd(() => settled(failure));
      return;
    }
    const group = this.#groupWithRoom();
    group.writer.add(batch);
    group.settled.push(settled);
    if (durability === 'commit') group.needsSync = true;
    this.#appendedLsn++;
    this.#askFlush();
  }

  /** Removes closed segments that hold nothing after `lsn`. */
  trim(lsn: number): void {
    while (this.#segments.length > 1 && this.#segments[1]!.firstLsn <= lsn + 1) {
      const { name, sizeBytes } = this.#segments.shift()!;
      this.#totalBytes -= sizeBytes;
      // One that stays, or is back after a power loss, is removed by a later run.
      this.#options.disk.remove(name);
    }
  }

  /** Calls `synced` once all that is settled is durable; not at all if the log fails before. */
  whenSynced(synced: () => void): void {
    if (this.#durableLsn === this.#settledLsn) return synced();
    this.#onSynced.push(synced);
    this.#syncNow();
  }

  /** Calls `drained` once nothing is pending: durable, or failed. */
  drain(drained: () => void): void {
    this.#onDrained = drained;
    if (this.#inFlight === null && this.#gathering.length === 0) this.#reportDrained();
  }

  /** Fails all that is pending and all that comes later. */
  fail(cause: unknown): void {
    if (this.#failure !== null) return;
    const message = cause instanceof Error ? cause.message : String(cause);
    this.#failure = new TriptychError('STORE_FAILED', `storage failed, a restart recovers it: ${message}`, {}, { cause });
    this.#options.onFailure(this.#failure);
    this.#cancelSync?.();
    this.#onSynced.length = 0;
    const pending = this.#inFlight === null ? this.#gathering : [this.#inFlight, ...this.#gathering];
    this.#inFlight = null;
    this.#gathering.length = 0;
    for (const { settled } of pending) for (const settle of settled) settle(this.#failure);
    this.#reportDrained();
  }

  #groupWithRoom(): PendingGroup {
    const last = this.#gathering.at(-1);
    if (last !== undefined && last.writer.byteLength < this.#options.groupBytes) return last;
    const group = this.#spare ?? { writer: new GroupWriter(), settled: [], needsSync: false };
    this.#spare = null;
    group.needsSync = false;
    group.writer.open(this.#appendedLsn + 1, this.#options.wallMs());
    this.#gathering.push(group);
    return group;
  }

  #askFlush(): void {
    if (this.#flushAsked || this.#inFlight !== null || this.#gathering.length === 0) return;
    this.#flushAsked = true;
    this.#options.atTurnEnd(() => {
      this.#flushAsked = false;
      this.#flush();
    });
  }

  #flush(): void {
    const group = this.#gathering.shift();
    if (group === undefined) return;
    this.#inFlight = group;
    const { disk, segmentBytes } = this.#options;
    const bytes = group.writer.finish();
    let appendError: Error | undefined;
    const appended: Settled = (error) => (appendError ??= error);
    const segment = this.#current ?? this.#beginSegment(appended);
    segment.sizeBytes += bytes.length;
    this.#totalBytes += bytes.length;
    // A closed segment is durable as a whole, whatever is in it.
    const isFull = segment.sizeBytes >= segmentBytes;
    if (isFull) this.#current = null;
    const settle = (error: Error | undefined): void => {
      if (this.#failure !== null) return;
      if (error === undefined) this.#settle(group, bytes, isSynced);
      else this.fail(error);
    };
    const isSynced = group.needsSync || isFull;
    if (!isSynced) return disk.append(segment.name, bytes, (error) => settle(appendError ?? error));
    disk.append(segment.name, bytes, appended);
    disk.sync(segment.name, (error) => settle(appendError ?? error));
  }

  /** Makes durable what was settled without a sync: it is all in the current segment, since closing one syncs it. */
  #syncNow(): void {
    this.#cancelSync?.();
    this.#cancelSync = null;
    const segment = this.#current;
    const lsn = this.#settledLsn;
    if (segment === null || lsn === this.#durableLsn || this.#failure !== null) return;
    this.#options.disk.sync(segment.name, (error) => {
      if (this.#failure !== null) return;
      if (error !== undefined) return this.fail(error);
      this.#syncs++;
      this.#synced(lsn);
    });
  }

  #synced(lsn: number): void {
    this.#durableLsn = Math.max(this.#durableLsn, lsn);
    if (this.#durableLsn < this.#settledLsn) {
      if (this.#onSynced.length > 0) this.#syncNow();
      else this.#cancelSync ??= this.#options.after(this.#options.periodicSyncMs, () => this.#syncNow());
      return;
    }
    this.#cancelSync?.();
    this.#cancelSync = null;
    for (const synced of this.#onSynced.splice(0)) synced();
  }

  #beginSegment(appended: Settled): Segment {
    const firstLsn = this.#settledLsn + 1;
    const segment = { name: segmentName(firstLsn), firstLsn, sizeBytes: FILE_HEADER_BYTES };
    // Recovery leaves an empty file of this very name when the run before got no further.
    if (this.#segments.at(-1)?.name === segment.name) this.#segments.pop();
    this.#segments.push(segment);
    this.#current = segment;
    this.#totalBytes += FILE_HEADER_BYTES;
    this.#options.disk.append(segment.name, encodeFileHeader('log', firstLsn), appended);
    return segment;
  }

  #settle(group: PendingGroup, bytes: Uint8Array, isSynced: boolean): void {
    this.#settledLsn += group.writer.batchCount;
    if (isSynced) {
      this.#syncs++;
      this.#durableLsn = this.#settledLsn;
    }
    try {
      const durable = decodeGroup(bytes, 0);
      assert(durable !== null, 'a group in flight was changed in memory');
      this.#options.onDurable(durable.mutations, bytes.length);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.#inFlight = null;
    for (const settle of group.settled) settle();
    group.settled.length = 0;
    if (group.writer.byteLength <= this.#options.groupBytes) this.#spare = group;
    if (!isSynced || this.#cancelSync !== null || this.#onSynced.length > 0) this.#synced(this.#durableLsn);
    this.#askFlush();
    if (this.#gathering.length === 0) this.#reportDrained();
  }

  #reportDrained(): void {
    if (this.#onDrained === null) return;
    if (this.#failure === null && this.#durableLsn < this.#settledLsn) return this.whenSynced(() => this.#reportDrained());
    const drained = this.#onDrained;
    this.#onDrained = null;
    drained();
  }
}
