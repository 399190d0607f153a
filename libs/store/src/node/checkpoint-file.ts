/**
 * One checkpoint: all records of the table in key order, in groups like those of the log, then an empty group as the end
 * mark. It is written while the table goes on changing, so it shows each record at some moment of the walk and no moment as a
 * whole; replaying the log from where the walk began makes it one (a fuzzy checkpoint: Gray and Reuter, Transaction
 * Processing, 11.3). The end mark names the LSN at the end of the walk: the log must reach that far at least.
 *
 * Refused: LMDB's own copies. Its compacted copy, taken while others write, reads well and fails when it is written to (lmdb
 * 3.5.6); the plain copy carries free lists over whose soundness nobody can check. A table built from records has no past.
 */
import { TriptychError } from '@app/contracts';
import { decodeFileHeader, decodeGroup, encodeFileHeader, FILE_HEADER_BYTES, findGroup, GroupWriter, unseal, type Mutation } from '../core/codec/log-record.js';
import type { Disk } from '../ports/disk.js';
import type { OrderedTable } from '../ports/ordered-table.js';
import { MAX_KEY_BYTES } from '../ports/storage-engine.js';

/** Read back in pieces of this, each in a turn of its own. */
const READ_BYTES = 256 * 1024;
/** Enough for any group: a piece and one record more. */
const LARGEST_GROUP_BYTES = 2 * 1024 * 1024;
/** Synced as it grows, so that no single sync has to move it all and the log's has to wait behind. */
const SYNC_BYTES = 4 * 1024 * 1024;
const END_MARK_BYTES = 64;
const END_OF_KEYS = Buffer.alloc(MAX_KEY_BYTES + 1, 0xff);

export interface CheckpointSource {
  readonly disk: Disk;
  readonly table: OrderedTable;
  readonly name: string;
  /** The table is walked and written in pieces of about this, each in a turn of its own; at most 512 KiB. */
  readonly pieceBytes: number;
  /** The last batch that the table shows. */
  durableLsn(): number;
  /** Calls back once all that the table shows is in the log, durably: within the call where it is. */
  whenSynced(synced: () => void): void;
  readonly wallMs: () => number;
  readonly atTurnEnd: (task: () => void) => void;
}

export type CheckpointWritten = (error: Error | undefined, sizeBytes: number) => void;

/** Walks the table into a file, syncs it, reads it back. */
export class CheckpointWriter {
  readonly #source: CheckpointSource;
  readonly #done: CheckpointWritten;
  readonly #group = new GroupWriter();
  #from: Uint8Array = new Uint8Array(0);
  #recordCount = 0;
  #damagedCount = 0;
  #sizeBytes = 0;
  #syncedBytes = 0;
  #isStopped = false;

  /** Begins at once. `done` is called once, never within this call, and not at all after `stop`. */
  constructor(source: CheckpointSource, done: CheckpointWritten) {
    this.#source = source;
    this.#done = done;
    source.disk.remove(source.name); // what an earlier attempt has left
    this.#append(encodeFileHeader('checkpoint', source.durableLsn()), () => this.#walk());
  }

  stop(): void {
    this.#isStopped = true;
  }

  #walk(): void {
    const group = this.#group;
    group.open(this.#recordCount + 1, this.#source.wallMs());
    let next = null as Uint8Array | null;
    this.#source.table.scan({ start: this.#from, end: END_OF_KEYS }, (key, sealed) => {
      if (unseal(key, sealed) === null) this.#damagedCount++;
      group.addSealed(key, sealed);
      if (group.byteLength < this.#source.pieceBytes) return true;
      next = Buffer.concat([key, Buffer.alloc(1)]); // the least key above this one
      return false;
    });
    this.#recordCount += group.batchCount;
    if (next === null) {
      this.#append(group.batchCount > 0 ? group.finish() : new Uint8Array(0), () => this.#end());
    } else {
      this.#from = next;
      this.#append(group.finish(), () => this.#walk());
    }
  }

  #end(): void {
    if (this.#damagedCount > 0) {
      this.#done(new TriptychError('STORE_RECORD_CORRUPT', `${this.#damagedCount} records fail their checksum`), this.#sizeBytes);
      return;
    }
    // A checkpoint must never be ahead of the log that is replayed over it.
    this.#source.whenSynced(() => {
      if (this.#isStopped) return;
      this.#group.open(this.#source.durableLsn(), this.#source.wallMs());
      this.#append(this.#group.finish(), () => this.#sync(() => this.#verify(readCheckpoint(this.#source.disk, this.#source.name, () => {}))));
    });
  }

  #verify(reading: ReturnType<typeof readCheckpoint>): void {
    if (this.#isStopped) return;
    try {
      if (!reading.next().done) this.#source.atTurnEnd(() => this.#verify(reading));
      else this.#done(undefined, this.#sizeBytes);
    } catch (error) {
      this.#done(error as Error, this.#sizeBytes);
    }
  }

  #append(bytes: Uint8Array, then: () => void): void {
    this.#sizeBytes += bytes.length;
    this.#source.disk.append(this.#source.name, bytes, (error) => {
      if (this.#isStopped) return;
      if (error !== undefined) this.#done(error, this.#sizeBytes);
      else if (this.#sizeBytes - this.#syncedBytes >= SYNC_BYTES) this.#sync(then);
      else then();
    });
  }

  #sync(then: () => void): void {
    this.#syncedBytes = this.#sizeBytes;
    this.#source.disk.sync(this.#source.name, (error) => {
      if (this.#isStopped) return;
      if (error !== undefined) this.#done(error, this.#sizeBytes);
      else then();
    });
  }
}

export interface CheckpointContent {
  /** The log is replayed from the batch after this one. */
  readonly lsn: number;
  /** Some of these may be in it: the log must reach to this one. */
  readonly throughLsn: number;
}

/**
 * Hands the records of a checkpoint to `visit`, sealed, a group at a time and a piece of the file between two steps.
 * @throws TriptychError STORE_RECORD_CORRUPT where anything of it is missing or damaged
 */
export function* readCheckpoint(disk: Disk, name: string, visit: (records: readonly Mutation[]) => void): Generator<void, CheckpointContent> {
  const sizeBytes = disk.sizeBytes(name);
  const lsn = decodeFileHeader('checkpoint', disk.read(name, 0, FILE_HEADER_BYTES));
  if (lsn === null) throw damaged(name, 0);
  let offset = FILE_HEADER_BYTES;
  let recordCount = 0;
  for (;;) {
    let piece = disk.read(name, offset, READ_BYTES);
    if (decodeGroup(piece, 0) === null) piece = disk.read(name, offset, LARGEST_GROUP_BYTES);
    let end = 0;
    for (let group = decodeGroup(piece, 0); group !== null; group = decodeGroup(piece, end)) {
      end += group.byteLength;
      if (group.batchCount === 0) {
        if (offset + end !== sizeBytes) throw damaged(name, offset + end);
        return { lsn, throughLsn: group.firstLsn };
      }
      if (group.firstLsn !== recordCount + 1) throw damaged(name, offset + end);
      recordCount += group.batchCount;
      visit(group.mutations);
    }
    if (end === 0) throw damaged(name, offset);
    offset += end;
    yield;
  }
}

/** Whether a checkpoint was written to its end; what is before the end is checked when it is read. */
export function isComplete(disk: Disk, name: string): boolean {
  const sizeBytes = disk.sizeBytes(name);
  const tail = disk.read(name, Math.max(0, sizeBytes - END_MARK_BYTES), END_MARK_BYTES);
  for (let at = findGroup(tail, 0); at >= 0; at = findGroup(tail, at + 1)) {
    const group = decodeGroup(tail, at)!;
    if (group.batchCount === 0 && at + group.byteLength === tail.length) return true;
  }
  return false;
}

function damaged(name: string, offset: number): TriptychError {
  return new TriptychError('STORE_RECORD_CORRUPT', `${name} is damaged at byte ${offset}`, { file: name, offset });
}
