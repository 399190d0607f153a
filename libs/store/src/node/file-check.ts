/**
 * Reads through the files that the next recovery would use: the checkpoints that are kept and the closed segments of the
 * log. Rot in them hurts nobody while the node runs, and is found by whoever needs them most. The segment that is being
 * written is left out: its turn comes once it is closed.
 */
import { TriptychError } from '@app/contracts';
import { decodeFileHeader, decodeGroup, FILE_HEADER_BYTES } from '../core/codec/log-record.js';
import type { Disk } from '../ports/disk.js';
import type { FileDamage } from '../ports/storage-engine.js';
import { readCheckpoint, STEP_BYTES, type CheckpointFiles } from './checkpoint-file.js';

const PIECE_BYTES = 256 * 1024;

export interface CheckedFiles extends CheckpointFiles {
  /** Names, at this moment: a file that is no longer among them was removed meanwhile, and is nobody's loss. */
  readonly checkpoints: () => readonly string[];
  readonly segments: () => readonly string[];
}

/** One step reads a piece and yields its bytes, for a checkpoint those of its groups before they were compressed. Ends with what is damaged. */
export function* checkFiles({ disk, compressor, checkpoints, segments }: CheckedFiles): Generator<number, readonly FileDamage[]> {
  const damage: FileDamage[] = [];
  const check = function* (name: string, isNeeded: () => boolean, reading: Generator<number, void>): Generator<number> {
    try {
      if (isNeeded()) yield* reading;
    } catch (error) {
      if (isNeeded()) damage.push({ file: name, reason: (error as Error).message });
    }
  };
  for (const name of checkpoints()) yield* check(name, () => checkpoints().includes(name), readThroughCheckpoint({ disk, compressor }, name));
  for (const name of segments()) yield* check(name, () => segments().includes(name), readThroughSegment(disk, name));
  return damage;
}

function* readThroughCheckpoint(files: CheckpointFiles, name: string): Generator<number> {
  const reading = readCheckpoint(files, name, () => {});
  while (!reading.next().done) yield STEP_BYTES;
}

function* readThroughSegment(disk: Disk, name: string): Generator<number> {
  const sizeBytes = disk.sizeBytes(name);
  const header = decodeFileHeader('log', disk.read(name, 0, FILE_HEADER_BYTES));
  if (header === null) throw damaged(name, 0);
  let expectedLsn = header;
  for (let offset = FILE_HEADER_BYTES; offset < sizeBytes; ) {
    let piece = disk.read(name, offset, PIECE_BYTES);
    if (decodeGroup(piece, 0) === null) piece = disk.read(name, offset); // a group larger than a piece, or damage
    let end = 0;
    for (let group = decodeGroup(piece, 0); group !== null && group.firstLsn === expectedLsn; group = decodeGroup(piece, end)) {
      expectedLsn += group.batchCount;
      end += group.byteLength;
    }
    if (end === 0) throw damaged(name, offset);
    offset += end;
    yield piece.length;
  }
}

const damaged = (name: string, offset: number): TriptychError =>
  new TriptychError('STORE_RECORD_CORRUPT', `${name} is damaged at byte ${offset}`, { file: name, offset });
