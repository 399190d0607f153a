/**
 * One checkpoint: all records of the table in key order, in groups like those of the log, each compressed by itself, so that
 * it is written, read and checked a piece at a time; then how many bytes all groups have, and an empty group as the end
 * mark. It is written while the table goes on changing, so it shows each record at some moment of the walk and no moment as a
 * whole; replaying the log from where the walk began makes it one (a fuzzy checkpoint: Gray and Reuter, Transaction
 * Processing, 11.3). The end mark names the LSN at the end of the walk: the log must reach that far at least. Version 1 has its
 * groups as they are, and is read as well.
 *
 * Refused: LMDB's own copies. Its compacted copy, taken while others write, reads well and fails when it is written to (lmdb
 * 3.5.6); the plain copy carries free lists over whose soundness nobody can check. A table built from records has no past.
 */
import { TriptychError } from '@app/contracts';
import { decodeFileHeader, decodeFrame, decodeGroup, encodeFileHeader, encodeFrame, FILE_HEADER_BYTES, findGroup, GroupWriter, unseal, type Group, type Mutation } from '../core/codec/log-record.js';
import type { Compressor } from '../ports/compressor.js';
import type { Disk } from '../ports/disk.js';
import type { OrderedTable } from '../ports/ordered-table.js';
import { MAX_KEY_BYTES } from '../ports/storage-engine.js';

/** Read from disk in pieces of this. */
const READ_BYTES = 256 * 1024;
/** Read back in steps of about this many bytes of groups, each in a turn of its own: half a millisecond to one. */
export const STEP_BYTES = 128 * 1024;
/** Enough for any group, a piece and one record more, and for its frame: what does not compress gets hardly larger. */
const LARGEST_GROUP_BYTES = 2 * 1024 * 1024;
/** Synced as it grows, so that no single sync has to move it all and the log's has to wait behind. */
const SYNC_BYTES = 4 * 1024 * 1024;
/** Enough for the end mark and the frame before it. */
const END_BYTES = 64;
const END_OF_KEYS = Buffer.alloc(MAX_KEY_BYTES + 1, 0xff);

export interface CheckpointSource {
  readonly disk: Disk;
  /** The same for whoever reads it. */
  readonly compressor: Compressor;
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

/** @param groupBytes of all its groups, not compressed */
export type CheckpointWritten = (error: Error | undefined, groupBytes: number) => void;

/** Walks the table into a file, syncs it, reads it back. */
export class CheckpointWriter {
  readonly #source: CheckpointSource;
  readonly #done: CheckpointWritten;
  readonly #group = new GroupWriter();
  #from: Uint8Array = new Uint8Array(0);
  #recordCount = 0;
  #damagedCount = 0;
  #groupBytes = 0;
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
      this.#append(group.batchCount > 0 ? this.#framed(group.finish()) : new Uint8Array(0), () => this.#end());
    } else {
      this.#from = next;
      this.#append(this.#framed(group.finish()), () => this.#walk());
    }
  }

  #framed(group: Uint8Array): Uint8Array {
    this.#groupBytes += group.length;
    return encodeFrame(group.length, this.#source.compressor.compress(group));
  }

  #end(): void {
    if (this.#damagedCount > 0) {
      this.#done(new TriptychError('STORE_RECORD_CORRUPT', `${this.#damagedCount} records fail their checksum`), this.#groupBytes);
      return;
    }
    // A checkpoint must never be ahead of the log that is replayed over it.
    this.#source.whenSynced(() => {
      if (this.#isStopped) return;
      this.#group.open(this.#source.durableLsn(), this.#source.wallMs());
      const end = Buffer.concat([encodeFrame(this.#groupBytes, new Uint8Array(0)), this.#group.finish()]);
      this.#append(end, () => this.#sync(() => this.#verify(readCheckpoint(this.#source, this.#source.name, () => {}))));
    });
  }

  #verify(reading: ReturnType<typeof readCheckpoint>): void {
    if (this.#isStopped) return;
    try {
      if (!reading.next().done) this.#source.atTurnEnd(() => this.#verify(reading));
      else this.#done(undefined, this.#groupBytes);
    } catch (error) {
      this.#done(error as Error, this.#groupBytes);
    }
  }

  #append(bytes: Uint8Array, then: () => void): void {
    this.#sizeBytes += bytes.length;
    this.#source.disk.append(this.#source.name, bytes, (error) => {
      if (this.#isStopped) return;
      if (error !== undefined) this.#done(error, this.#groupBytes);
      else if (this.#sizeBytes - this.#syncedBytes >= SYNC_BYTES) this.#sync(then);
      else then();
    });
  }

  #sync(then: () => void): void {
    this.#syncedBytes = this.#sizeBytes;
    this.#source.disk.sync(this.#source.name, (error) => {
      if (this.#isStopped) return;
      if (error !== undefined) this.#done(error, this.#groupBytes);
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

export type CheckpointFiles = Pick<CheckpointSource, 'disk' | 'compressor'>;

/**
 * Hands the records of a checkpoint to `visit`, sealed, a group at a time and some groups between two steps.
 * @throws TriptychError STORE_RECORD_CORRUPT where anything of it is missing or damaged; STORE_FAILED on a newer version
 */
export function* readCheckpoint({ disk, compressor }: CheckpointFiles, name: string, visit: (records: readonly Mutation[]) => void): Generator<void, CheckpointContent> {
  const sizeBytes = disk.sizeBytes(name);
  const lsn = decodeFileHeader('checkpoint', disk.read(name, 0, FILE_HEADER_BYTES));
  if (lsn === null) throw damaged(name, 0);
  let offset = FILE_HEADER_BYTES;
  let recordCount = 0;
  let groupBytes = 0;
  for (;;) {
    let piece = disk.read(name, offset, READ_BYTES);
    let part = partAt(piece, 0, compressor);
    if (part === null) {
      piece = disk.read(name, offset, LARGEST_GROUP_BYTES);
      part = partAt(piece, 0, compressor);
      if (part === null) throw damaged(name, offset);
    }
    let end = 0;
    let stepBytes = 0;
    for (; part !== null; part = partAt(piece, end, compressor)) {
      end += part.byteLength;
      const { group } = part;
      if (group === null) {
        if (part.groupBytes !== groupBytes) throw damaged(name, offset + end);
        continue;
      }
      if (group.batchCount === 0) {
        if (offset + end !== sizeBytes) throw damaged(name, offset + end);
        return { lsn, throughLsn: group.firstLsn };
      }
      if (group.firstLsn !== recordCount + 1) throw damaged(name, offset + end);
      recordCount += group.batchCount;
      groupBytes += part.groupBytes;
      visit(group.mutations);
      stepBytes += part.groupBytes;
      if (stepBytes < STEP_BYTES) continue;
      stepBytes = 0;
      yield;
    }
    offset += end;
    yield;
  }
}

/** Bytes of all groups of a checkpoint; null where it was not written to its end. What is before the end is checked when it is read. */
export function groupBytesOf(disk: Disk, name: string): number | null {
  const sizeBytes = disk.sizeBytes(name);
  const tail = disk.read(name, Math.max(0, sizeBytes - END_BYTES), END_BYTES);
  for (let at = findGroup(tail, 0); at >= 0; at = findGroup(tail, at + 1)) {
    const group = decodeGroup(tail, at)!;
    if (group.batchCount !== 0 || at + group.byteLength !== tail.length) continue;
    for (let before = 0; before < at; before++) {
      const frame = decodeFrame(tail, before);
      if (frame !== null && before + frame.byteLength === at) return frame.groupBytes;
    }
    return sizeBytes; // version 1: nothing is compressed
  }
  return null;
}

interface Part {
  /** Null where the part says how many bytes the groups before it have. */
  readonly group: Group | null;
  readonly groupBytes: number;
  /** In the file. */
  readonly byteLength: number;
}

/** The group, in a frame or without, or the sum of groups that begins at `offset`; null where no whole and intact one does. */
function partAt(bytes: Uint8Array, offset: number, compressor: Compressor): Part | null {
  const frame = decodeFrame(bytes, offset);
  if (frame === null) {
    const group = decodeGroup(bytes, offset);
    return group === null ? null : { group, groupBytes: group.byteLength, byteLength: group.byteLength };
  }
  const { groupBytes, compressed, byteLength } = frame;
  if (compressed.length === 0) return { group: null, groupBytes, byteLength };
  const expanded = groupBytes <= LARGEST_GROUP_BYTES ? compressor.expand(compressed, groupBytes) : null;
  const group = expanded === null ? null : decodeGroup(expanded, 0);
  return group?.byteLength === groupBytes ? { group, groupBytes, byteLength } : null;
}

function damaged(name: string, offset: number): TriptychError {
  return new TriptychError('STORE_RECORD_CORRUPT', `${name} is damaged at byte ${offset}`, { file: name, offset });
}
