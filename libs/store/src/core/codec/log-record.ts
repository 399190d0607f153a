/**
 * The bytes of the commit log and of checkpoints.
 *
 *     file      "TRIPTLOG" or "TRIPTCKP"  version u32  LSN u64  CRC u32 of these      then groups, one after another
 *     group     F5 'G' 'R' 'P'  length u32  CRC u32 of length and payload     then the payload, `length` bytes
 *     payload   first LSN, wall ms when it was opened (varints)               then batches until its end
 *     batch     count of mutations (varint)                                   then the mutations
 *     mutation  key length (varint), key, sealed length (varint; 0 removes), value, record CRC u32
 *     frame     F5 'Z' 'G' 'P'  length u32  CRC u32 of length and payload     in a checkpoint, in place of a group
 *     payload   bytes of the group (varint), then the group, compressed; without it: bytes of all groups before this frame
 *
 * The checksum of a frame is over the bytes as they lie on disk, so that nothing is expanded which is not what was written.
 * Version 1 of a checkpoint has groups alone; its end mark is a group in both, so that a program which knows version 1 alone
 * takes a newer one for whole, looks into it and refuses it, rather than removing it as cut short.
 *
 * A group is what one sync makes durable, and the unit of checksum: the log writes no group before the one in front of it
 * is durable, so at most one can be torn, and it is the last. Refused: a checksum for each batch. A lost sector in the
 * middle of the last group would leave good records behind a bad one, as damage to acknowledged writes does, and recovery
 * could not tell the two apart. The mark begins with a byte that text in UTF-8 never holds, to be looked for after a bad group.
 *
 * A *sealed* value is the value followed by the checksum of its record, key and value. It is stored in the table as it
 * stands in the log, so the checksum made by the writer is the one that every read verifies.
 */
import { TriptychError } from '@app/contracts';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { crc32 } from './checksum.js';

/** The version written, and the oldest that is read. */
const VERSIONS = { log: { written: 1, oldest: 1 }, checkpoint: { written: 2, oldest: 1 } };
export const FILE_HEADER_BYTES = 24;
const MAGIC = { log: Buffer.from('TRIPTLOG', 'latin1'), checkpoint: Buffer.from('TRIPTCKP', 'latin1') };

const GROUP_MARK = Buffer.from([0xf5, 0x47, 0x52, 0x50]);
/** Of a group and of a frame alike: mark, length, checksum. */
const MARKED_HEADER_BYTES = 12;
const GROUP_HEADER = Buffer.concat([GROUP_MARK, Buffer.alloc(8)]);
const FRAME_MARK = Buffer.from([0xf5, 0x5a, 0x47, 0x50]);
const FRAME_HEADER = Buffer.concat([FRAME_MARK, Buffer.alloc(8)]);

const SEAL_BYTES = 4;

/** What is written together, or not at all. */
export type WriteBatch = readonly Mutation[];
export interface Mutation {
  readonly key: Uint8Array;
  /** Null removes the record. */
  readonly value: Uint8Array | null;
}

/** @param lsn of a log's segment, the first batch in it; of a checkpoint, the last batch that is wholly in it */
export function encodeFileHeader(kind: keyof typeof MAGIC, lsn: number): Uint8Array {
  const writer = new ByteWriter(FILE_HEADER_BYTES);
  writer.fixed(MAGIC[kind]);
  writer.u32(VERSIONS[kind].written);
  writer.u64(BigInt(lsn));
  writer.u32(crc32(writer.finish()));
  return writer.finish();
}

/** The LSN that a file's header names, or null where this is no such header. @throws STORE_FAILED on another version */
export function decodeFileHeader(kind: keyof typeof MAGIC, bytes: Uint8Array): number | null {
  if (bytes.length < FILE_HEADER_BYTES) return null;
  const reader = new ByteReader(bytes.subarray(0, FILE_HEADER_BYTES));
  if (!MAGIC[kind].equals(reader.fixed(MAGIC[kind].length))) return null;
  const version = reader.u32();
  const lsn = reader.u64();
  if (reader.u32() !== crc32(bytes, 0, 0, FILE_HEADER_BYTES - 4)) return null;
  const { written, oldest } = VERSIONS[kind];
  if (version < oldest || version > written) {
    throw new TriptychError('STORE_FAILED', `a ${kind} file is of version ${version}, this program reads ${oldest === written ? written : `${oldest} to ${written}`}`, { version });
  }
  return Number(lsn);
}

/** Gathers batches into one group. */
export class GroupWriter {
  readonly #writer = new ByteWriter(16 * 1024);
  #batchCount = 0;

  get batchCount(): number {
    return this.#batchCount;
  }

  get byteLength(): number {
    return this.#writer.length;
  }

  /** Begins a group, in the memory of the one before. */
  open(firstLsn: number, wallMs: number): void {
    this.#batchCount = 0;
    this.#writer.clear();
    this.#writer.fixed(GROUP_HEADER);
    this.#writer.varint(firstLsn);
    this.#writer.varint(wallMs);
  }

  add(batch: WriteBatch): void {
    const writer = this.#writer;
    writer.varint(batch.length);
    for (const { key, value } of batch) {
      writer.bytes(key);
      if (value === null) {
        writer.varint(0);
        continue;
      }
      writer.varint(value.length + SEAL_BYTES);
      writer.fixed(value);
      writer.u32(recordChecksum(key, value, value.length));
    }
    this.#batchCount++;
  }

  /** Adds a batch of one record that is sealed already. */
  addSealed(key: Uint8Array, sealed: Uint8Array): void {
    this.#writer.varint(1);
    this.#writer.bytes(key);
    this.#writer.bytes(sealed);
    this.#batchCount++;
  }

  /** The group's bytes: a view, good until the next `open`. */
  finish(): Uint8Array {
    return closed(this.#writer.finish());
  }
}

export interface Group {
  readonly firstLsn: number;
  readonly batchCount: number;
  /** Wall time of the writer, ms since 1970: for restoring to a point in time. */
  readonly wallMs: number;
  /** Of all batches, in order; values sealed. Views of the bytes decoded. */
  readonly mutations: readonly Mutation[];
  readonly byteLength: number;
}

/** The group that begins at `offset`, or null where no whole and intact one does. */
export function decodeGroup(bytes: Uint8Array, offset: number): Group | null {
  const end = endOf(GROUP_MARK, bytes, offset);
  if (end === null) return null;
  const reader = new ByteReader(bytes.subarray(offset + MARKED_HEADER_BYTES, end));
  const firstLsn = reader.varint();
  const wallMs = reader.varint();
  const mutations: Mutation[] = [];
  let batchCount = 0;
  for (; reader.remaining > 0; batchCount++) {
    for (let count = reader.varint(); count > 0; count--) {
      const key = reader.bytes();
      const sealedLength = reader.varint();
      mutations.push({ key, value: sealedLength === 0 ? null : reader.fixed(sealedLength) });
    }
  }
  return { firstLsn, batchCount, wallMs, mutations, byteLength: end - offset };
}

/** Where, at or after `offset`, a whole and intact group begins; -1 where none does. */
export function findGroup(bytes: Uint8Array, offset: number): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = buffer.indexOf(GROUP_MARK, offset); at >= 0; at = buffer.indexOf(GROUP_MARK, at + 1)) {
    if (endOf(GROUP_MARK, bytes, at) !== null) return at;
  }
  return -1;
}

export interface Frame {
  /** Bytes of the group in it; of all groups before it, where `compressed` is empty. */
  readonly groupBytes: number;
  /** A view of the bytes decoded. */
  readonly compressed: Uint8Array;
  readonly byteLength: number;
}

/** @param compressed a group of `groupBytes`; empty to say how many bytes the groups before have in all */
export function encodeFrame(groupBytes: number, compressed: Uint8Array): Uint8Array {
  const writer = new ByteWriter(MARKED_HEADER_BYTES + 8 + compressed.length);
  writer.fixed(FRAME_HEADER);
  writer.varint(groupBytes);
  writer.fixed(compressed);
  return closed(writer.finish());
}

/** The frame that begins at `offset`, or null where no whole and intact one does. */
export function decodeFrame(bytes: Uint8Array, offset: number): Frame | null {
  const end = endOf(FRAME_MARK, bytes, offset);
  if (end === null) return null;
  const reader = new ByteReader(bytes.subarray(offset + MARKED_HEADER_BYTES, end));
  const groupBytes = reader.varint();
  return { groupBytes, compressed: reader.fixed(reader.remaining), byteLength: end - offset };
}

/** The value inside a sealed one, a view; null when the seal does not fit key and value. */
export function unseal(key: Uint8Array, sealed: Uint8Array): Uint8Array | null {
  const end = sealed.length - SEAL_BYTES;
  if (end < 0) return null;
  const seal = ((sealed[end]! << 24) | (sealed[end + 1]! << 16) | (sealed[end + 2]! << 8) | sealed[end + 3]!) >>> 0;
  return recordChecksum(key, sealed, end) === seal ? sealed.subarray(0, end) : null;
}

/** Begins with the key's length, so that bytes which move between key and value are noticed. */
function recordChecksum(key: Uint8Array, value: Uint8Array, valueEnd: number): number {
  return crc32(value, crc32(key, key.length), 0, valueEnd);
}

/** The same bytes, with length and checksum filled in: of a group or a frame. */
function closed(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(4, bytes.length - MARKED_HEADER_BYTES);
  view.setUint32(8, checksum(bytes, 0, bytes.length));
  return bytes;
}

/** Over the length field and the payload: everything but the mark and the checksum itself. */
function checksum(bytes: Uint8Array, start: number, end: number): number {
  return crc32(bytes, crc32(bytes, 0, start + 4, start + 8), start + MARKED_HEADER_BYTES, end);
}

function endOf(mark: Buffer, bytes: Uint8Array, offset: number): number | null {
  if (bytes.length - offset < MARKED_HEADER_BYTES) return null;
  for (let i = 0; i < mark.length; i++) if (bytes[offset + i] !== mark[i]) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = offset + MARKED_HEADER_BYTES + view.getUint32(offset + 4);
  if (end > bytes.length || view.getUint32(offset + 8) !== checksum(bytes, offset, end)) return null;
  return end;
}
