/** The rows of some leaves with their digests, as bytes: what two nodes compare when their trees have shown where to look. */
import type { RowKey } from '@app/contracts';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import { HASH_BYTES } from '../row/row-header.js';

export interface LeafRow {
  readonly key: RowKey;
  /** Null for a row that is damaged there: no source, and to be left alone until it has been rebuilt. */
  readonly digest: Uint8Array | null;
}

const INTACT = 1;
const DAMAGED = 0;

export function encodeLeafRows(rows: readonly LeafRow[]): Uint8Array {
  const writer = new ByteWriter(1024);
  writer.varint(rows.length);
  for (const { key, digest } of rows) {
    writer.string(key.table);
    writer.string(key.row);
    writer.u8(digest === null ? DAMAGED : INTACT);
    if (digest !== null) writer.fixed(digest);
  }
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT */
export function decodeLeafRows(bytes: Uint8Array): LeafRow[] {
  const reader = new ByteReader(bytes);
  const rows: LeafRow[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const key = { table: reader.string(), row: reader.string() };
    rows.push({ key, digest: reader.u8() === INTACT ? reader.fixed(HASH_BYTES) : null });
  }
  reader.end();
  return rows;
}

export function encodeLeaves(leaves: readonly number[]): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(leaves.length);
  for (const leaf of leaves) writer.varint(leaf);
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT */
export function decodeLeaves(bytes: Uint8Array): number[] {
  const reader = new ByteReader(bytes);
  const leaves: number[] = [];
  for (let left = reader.varint(); left > 0; left--) leaves.push(reader.varint());
  reader.end();
  return leaves;
}
