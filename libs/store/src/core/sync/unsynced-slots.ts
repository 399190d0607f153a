/**
 * The slots of the ring of which rows here may lack what was acknowledged, as a record: two bitmaps over the slots, for all
 * tables and for those alone that are synced to disk periodically.
 */
import { TriptychError } from '@app/contracts';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import { SLOT_COUNT } from '../ring/token-allocator.js';

/** For each slot: nothing may be lacking, something in periodic tables, something in any table. */
export const SYNCED = 0;
export const PERIODIC_UNSYNCED = 1;
export const UNSYNCED = 2;

const FORMAT = 1;
const BITMAP_BYTES = SLOT_COUNT / 8;

/** Why, the gravest last: from a lost log on, what the node itself was told to remember may be gone too. */
export const UNSYNCED_REASONS = ['joining', 'regained', 'unclean-stop', 'cut-log', 'old-disk', 'lost-disk'] as const;
export type UnsyncedReason = (typeof UNSYNCED_REASONS)[number];

export interface UnsyncedSlots {
  /** One of the above for each slot. */
  readonly slots: Uint8Array;
  readonly reason: UnsyncedReason;
}

export function encodeUnsynced({ slots, reason }: UnsyncedSlots): Uint8Array {
  const writer = new ByteWriter(2 * BITMAP_BYTES + 2);
  writer.u8(FORMAT);
  writer.u8(UNSYNCED_REASONS.indexOf(reason));
  for (const scope of [UNSYNCED, PERIODIC_UNSYNCED]) {
    const bits = new Uint8Array(BITMAP_BYTES);
    for (let slot = 0; slot < SLOT_COUNT; slot++) if (slots[slot] === scope) bits[slot >> 3]! |= 1 << (slot & 7);
    writer.fixed(bits);
  }
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT */
export function decodeUnsynced(bytes: Uint8Array): UnsyncedSlots {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  const reason = UNSYNCED_REASONS[reader.u8()];
  if (format !== FORMAT || reason === undefined) throw new TriptychError('STORE_RECORD_CORRUPT', 'the record of unsynced slots is malformed');
  const slots = new Uint8Array(SLOT_COUNT);
  for (const scope of [UNSYNCED, PERIODIC_UNSYNCED]) {
    const bits = reader.fixed(BITMAP_BYTES);
    for (let slot = 0; slot < SLOT_COUNT; slot++) if ((bits[slot >> 3]! >> (slot & 7)) & 1) slots[slot] = scope;
  }
  reader.end();
  return { slots, reason };
}

/** A list of slots, as a message carries it. */
export function encodeSlots(slots: readonly number[]): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(slots.length);
  for (const slot of slots) writer.varint(slot);
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT */
export function decodeSlots(bytes: Uint8Array): number[] {
  const reader = new ByteReader(bytes);
  const slots: number[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const slot = reader.varint();
    if (slot >= SLOT_COUNT) throw new TriptychError('STORE_RECORD_CORRUPT', `there is no slot ${slot}`);
    slots.push(slot);
  }
  reader.end();
  return slots;
}
