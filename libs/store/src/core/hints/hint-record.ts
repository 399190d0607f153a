/**
 * The record of one hint: a delta that a replica has not acknowledged, kept by the node that sent it.
 *
 *     0 'hint' 0 target 0 hlc (8 bytes) actor (8 bytes) counter (8 bytes)   ->   format, table, row, delta
 *
 * The key is made of the operation itself, so that a second hint for the same operation and target is the same record, and
 * a target's hints lie in the order of their dates with no sequence to keep. An actor never gives a date twice, so
 * date and dot name an operation across rows too. Refused: a sequence number, which needs an index by dot beside it.
 */
import { TriptychError, type NodeId, type RowKey } from '@app/contracts';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import type { Delta } from '../row/delta.js';
import { nodeKey } from '../row/row-keys.js';

const HINT_FORMAT = 1;
const ORDER_BYTES = 24;
const PREFIX = 'hint\0';
const PREFIX_BYTES = 1 + PREFIX.length;

export interface Hint {
  readonly key: RowKey;
  /** The bytes of the operation, as they were sent first. */
  readonly delta: Uint8Array;
}

export function hintKey(target: NodeId, delta: Delta): Uint8Array {
  const writer = new ByteWriter();
  writer.fixed(nodeKey(`${PREFIX}${target}\0`));
  writer.u64(BigInt(delta.hlc));
  writer.hex(delta.dot.actor);
  writer.u64(BigInt(delta.dot.counter));
  return writer.finish();
}

export const targetOf = (key: Uint8Array): NodeId => Buffer.from(key.subarray(PREFIX_BYTES, key.length - ORDER_BYTES - 1)).toString('latin1') as NodeId;

/** The date of the operation: a reading of the hybrid logical clock. */
export const hlcOf = (key: Uint8Array): number => Number(Buffer.from(key).readBigUInt64BE(key.length - ORDER_BYTES));

/** All hints for a target, or for all targets, from just after a key. */
export function hintRange(target: NodeId | null, after: Uint8Array | null): { start: Uint8Array; end: Uint8Array } {
  const prefix = target === null ? 'hint' : `${PREFIX}${target}`;
  return { start: after === null ? nodeKey(`${prefix}\0`) : Buffer.concat([after, Buffer.from([0])]), end: nodeKey(`${prefix}\x01`) };
}

export function encodeHint({ key, delta }: Hint): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(HINT_FORMAT);
  writer.string(key.table);
  writer.string(key.row);
  writer.bytes(delta);
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT on bytes that are no hint of a known format */
export function decodeHint(bytes: Uint8Array): Hint {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== HINT_FORMAT) throw new TriptychError('STORE_RECORD_CORRUPT', `hint format ${format} is not known`);
  const key = { table: reader.string(), row: reader.string() };
  const delta = reader.bytes();
  reader.end();
  return { key, delta };
}
