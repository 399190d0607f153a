/**
 * Rows in the order of their tokens, as records beside the rows themselves: an empty value under
 *
 *     0 't' 0 token table 0 row
 *
 * written once, with the first record of a row. Rows lie in the order of their names, so without it the rows of one leaf of
 * the Merkle tree, or of one slot to be streamed, would cost a scan of everything. Refused: an index in memory, at a
 * hundred bytes a row; and the digest as its value, which would be a second record for every write.
 */
import type { RowKey } from '@app/contracts';
import { tokenOf, type Token } from '../ring/token.js';

const PREFIX = Buffer.from('\0t\0', 'latin1');
const TOKEN_BYTES = 8;
const NAMES_START = PREFIX.length + TOKEN_BYTES;
const RING_END = 1n << 64n;

export function tokenIndexKey({ table, row }: RowKey, token: Token = tokenOf(table, row)): Uint8Array {
  return Buffer.concat([tokenStart(token), Buffer.from(`${table}\0${row}`, 'latin1')]);
}

/**
 * The index entries with start <= token < end, or those after a row.
 * @param start 0 <= start <= 2^64, or a row whose entry comes just before   @param end as start
 */
export function tokenRange(start: bigint | RowKey, end: bigint): { start: Uint8Array; end: Uint8Array } {
  const from = typeof start === 'bigint' ? tokenStart(start) : Buffer.concat([tokenIndexKey(start), Buffer.of(0)]);
  return { start: from, end: tokenStart(end) };
}

/** The row that an index entry names; null where the bytes name none. */
export function rowOfTokenIndexKey(key: Uint8Array): RowKey | null {
  const [table, row] = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1', NAMES_START).split('\0');
  return table && row ? { table, row } : null;
}

function tokenStart(token: bigint): Buffer {
  if (token === RING_END) return Buffer.from('\0t\x01', 'latin1');
  const key = Buffer.alloc(NAMES_START);
  key.set(PREFIX);
  key.writeBigUInt64BE(token, PREFIX.length);
  return key;
}
