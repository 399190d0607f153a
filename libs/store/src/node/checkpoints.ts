/**
 * Checkpoints bound the log and the time a recovery takes. One holds all records of the table, tagged with the LSN from
 * which the log is to be replayed over it. The table's own file is never trusted after an unclean stop: it is written
 * without sync.
 *
 * The order is what makes it safe: written to its end mark, synced, read back, and only then is the log trimmed. Two are
 * kept, and the log from the older one on: when the newest turns out rotten, the one before it leads to the same state.
 *
 * One is taken when the log has grown by as much as a share of what the last one holds (at least `minLogBytes`), so its cost
 * per write stays the same however much is stored. None is taken at a clean stop: there the live file is synced and marked,
 * which costs what is dirty and not what is stored.
 */
import type { Disk } from '../ports/disk.js';
import { CheckpointWriter, groupBytesOf, type CheckpointSource } from './checkpoint-file.js';
import type { CommitLog } from './commit-log.js';

const KEPT = 2;
/** After a failure, the next attempt comes when the log has grown by this share of what a checkpoint waits for. */
const RETRY_SHARE = 1 / 4;

export interface Checkpoint {
  readonly name: string;
  readonly lsn: number;
  /** Of what it holds, not compressed. */
  readonly groupBytes: number;
}

export interface CheckpointPolicy {
  /** Log bytes between two checkpoints, at least. */
  readonly minLogBytes: number;
  /** Log bytes between two checkpoints, as a share of what the last one holds, not compressed, when that is more. */
  readonly sizeShare: number;
  /** See CheckpointSource. */
  readonly pieceBytes: number;
}

/** The checkpoints that were written to their end, newest first. Removes what an interrupted one has left. */
export function listCheckpoints(disk: Disk): Checkpoint[] {
  const checkpoints: Checkpoint[] = [];
  for (const name of disk.list()) {
    const digits = /^checkpoint-(\d{16})$/.exec(name)?.[1];
    if (digits === undefined) continue;
    const groupBytes = groupBytesOf(disk, name);
    if (groupBytes === null) disk.remove(name);
    else checkpoints.push({ name, lsn: Number(digits), groupBytes });
  }
  return checkpoints.sort((a, b) => b.lsn - a.lsn);
}

export class Checkpoints {
  #taken = 0;
  #failures = 0;
  #grownBytes: number;
  #dueAtBytes: number;
  #running: CheckpointWriter | null = null;

  /**
   * @param kept those that the next recovery may use, newest first
   * @param backlogBytes log written since the newest
   */
  constructor(
    private readonly source: Omit<CheckpointSource, 'name' | 'pieceBytes'>,
    private readonly log: CommitLog,
    private readonly policy: CheckpointPolicy,
    private kept: readonly Checkpoint[],
    backlogBytes: number,
  ) {
    this.#grownBytes = backlogBytes;
    this.#dueAtBytes = this.#interval();
  }

  get taken(): number {
    return this.#taken;
  }

  get failures(): number {
    return this.#failures;
  }

  get newestLsn(): number {
    return this.kept[0]?.lsn ?? 0;
  }

  get names(): readonly string[] {
    return this.kept.map(({ name }) => name);
  }

  /** Takes one now, unless one is being taken. */
  take(): void {
    if (this.#dueAtBytes !== Infinity) this.#dueAtBytes = 0;
    this.grew(0);
  }

  /** Told how much each durable group has added to the log, once the table has it; takes a checkpoint when one is due. */
  grew(byteCount: number): void {
    this.#grownBytes += byteCount;
    if (this.#grownBytes < this.#dueAtBytes || this.#running !== null) return;
    const lsn = this.source.durableLsn();
    const name = `checkpoint-${String(lsn).padStart(16, '0')}`;
    const beganAtBytes = this.#grownBytes;
    this.#running = new CheckpointWriter({ ...this.source, name, pieceBytes: this.policy.pieceBytes }, (error, groupBytes) => {
      this.#running = null;
      if (error === undefined) {
        this.#keep({ name, lsn, groupBytes });
        this.#dueAtBytes = beganAtBytes + this.#interval();
      } else {
        this.#failures++;
        this.source.disk.remove(name);
        this.#dueAtBytes = beganAtBytes + this.#interval() * RETRY_SHARE;
      }
    });
  }

  /** No more are taken; the one that runs comes to nothing. */
  stop(): void {
    this.#running?.stop();
    this.#dueAtBytes = Infinity;
  }

  #keep(checkpoint: Checkpoint): void {
    const all = [checkpoint, ...this.kept];
    this.kept = all.slice(0, KEPT);
    for (const { name } of all.slice(KEPT)) this.source.disk.remove(name);
    this.log.trim(this.kept.length === KEPT ? this.kept[KEPT - 1]!.lsn : 0);
    this.#taken++;
  }

  #interval(): number {
    return Math.max(this.policy.minLogBytes, this.policy.sizeShare * (this.kept[0]?.groupBytes ?? 0));
  }
}
