/**
 * What is kept of a row beside its items, and the digest by which two replicas tell that they hold the same row.
 *
 * The digest covers context, voided dots and every live version. Over live versions alone, "never saw it" and "saw it
 * and removed it" would look the same, and a read could answer from the two without repairing either (row model, F3). The
 * versions' part is an XOR of one keyed hash each, so a write changes it in constant time; it is bound to table and row, or two
 * users with like lists would cancel each other in a tree above (C9).
 */
import { CausalContext } from '../causality/causal-context.js';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import { sipHash128 } from '../codec/sip-hash.js';
import { TriptychError } from '@app/contracts';
import { NOTHING_KNOWN, type RowKnowledge } from './causal-map.js';
import { encodeDelta, type LiveDelta } from './delta.js';

export interface RowHeader extends RowKnowledge {
  /** XOR of the hashes of all live versions: 16 bytes. */
  readonly versionsHash: Uint8Array;
  /** Items in the row: those with at least one live cell version. */
  readonly itemCount: number;
  /**
   * Part of the row was lost here. It may take and acknowledge writes, but has no vote in reads and is no source for
   * repair, until it has been rebuilt from other replicas (F8, F9).
   */
  readonly isDamaged: boolean;
}

export const HASH_BYTES = 16;

export const EMPTY_HEADER: RowHeader = {
  ...NOTHING_KNOWN,
  versionsHash: new Uint8Array(HASH_BYTES),
  itemCount: 0,
  isDamaged: false,
};

/** Hashes rows for one cluster; all its nodes must hold the same 16-byte key. */
export class RowHasher {
  /** A header never changes, so its digest is worked out once. */
  readonly #digests = new WeakMap<RowHeader, Uint8Array>();

  constructor(private readonly key: Uint8Array) {}

  /** The hash of one live version in one row. */
  version(table: string, row: string, version: LiveDelta): Uint8Array {
    const writer = new ByteWriter();
    writer.string(table);
    writer.string(row);
    return sipHash128(this.key, encodeDelta(version, writer));
  }

  /** The hash of one record, key and value: for sums over many. */
  record(key: Uint8Array, value: Uint8Array): Uint8Array {
    const writer = new ByteWriter();
    writer.bytes(key);
    writer.fixed(value);
    return sipHash128(this.key, writer.finish());
  }

  /** What two replicas compare: 16 bytes, equal exactly when context, voided dots and live versions are. */
  digest(header: RowHeader): Uint8Array {
    const known = this.#digests.get(header);
    if (known !== undefined) return known;
    const writer = new ByteWriter();
    header.context.encode(writer);
    header.voided.encode(writer);
    writer.fixed(header.versionsHash);
    const digest = sipHash128(this.key, writer.finish());
    this.#digests.set(header, digest);
    return digest;
  }
}

export function xorInto(target: Uint8Array, hash: Uint8Array): void {
  for (let i = 0; i < HASH_BYTES; i++) target[i]! ^= hash[i]!;
}

const HEADER_FORMAT = 1;

export function encodeHeader(header: RowHeader): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(HEADER_FORMAT);
  writer.u8(header.isDamaged ? 1 : 0);
  writer.varint(header.itemCount);
  writer.fixed(header.versionsHash);
  header.context.encode(writer);
  header.voided.encode(writer);
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT */
export function decodeHeader(bytes: Uint8Array): RowHeader {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== HEADER_FORMAT) throw new TriptychError('STORE_RECORD_CORRUPT', `row header format ${format} is not known`);
  const isDamaged = reader.u8() === 1;
  const itemCount = reader.varint();
  const versionsHash = new Uint8Array(reader.fixed(HASH_BYTES));
  const context = CausalContext.decode(reader);
  const voided = CausalContext.decode(reader);
  reader.end();
  return { context, voided, versionsHash, itemCount, isDamaged };
}
