/** The bytes of an item's record (its live versions, each as its delta) and of its entry in the order index. */
import { TriptychError } from '@app/contracts';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import type { ShownItem } from './causal-map.js';
import { decodeDelta, encodeDelta, type LiveDelta } from './delta.js';

const RECORD_FORMAT = 1;

export function encodeItem(versions: readonly LiveDelta[]): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(RECORD_FORMAT);
  writer.varint(versions.length);
  for (const version of versions) writer.bytes(encodeDelta(version));
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT */
export function decodeItem(bytes: Uint8Array): readonly LiveDelta[] {
  const reader = new ByteReader(bytes);
  expectFormat(reader);
  const count = reader.varint();
  const versions: LiveDelta[] = [];
  for (let i = 0; i < count; i++) {
    const delta = decodeDelta(reader.bytes());
    if (delta.version === null) throw new TriptychError('STORE_RECORD_CORRUPT', 'an item record holds a removal');
    versions.push(delta as LiveDelta);
  }
  reader.end();
  return versions;
}

/** Up to this many bytes a value is repeated in the order index, so that a page is one scan and no look-ups. */
const INLINE_VALUE_BYTES = 256;

/** What a page needs of an item. `value` is null where it is too large to stand here and is read from the item's record. */
export interface OrderEntry {
  readonly hlc: number;
  readonly value: Uint8Array | null;
}

export function encodeOrderEntry(shown: ShownItem): Uint8Array {
  const { value } = shown.cell.version;
  const writer = new ByteWriter();
  writer.u8(RECORD_FORMAT);
  writer.varint(shown.cell.hlc);
  if (value.length <= INLINE_VALUE_BYTES) {
    writer.u8(1);
    writer.bytes(value);
  } else writer.u8(0);
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT */
export function decodeOrderEntry(bytes: Uint8Array): OrderEntry {
  const reader = new ByteReader(bytes);
  expectFormat(reader);
  const hlc = reader.varint();
  const value = reader.u8() === 1 ? new Uint8Array(reader.bytes()) : null;
  reader.end();
  return { hlc, value };
}

function expectFormat(reader: ByteReader): void {
  const format = reader.u8();
  if (format !== RECORD_FORMAT) throw new TriptychError('STORE_RECORD_CORRUPT', `item record format ${format} is not known`);
}
