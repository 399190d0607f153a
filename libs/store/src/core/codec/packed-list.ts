/**
 * The items of a page as the bytes that travel between a node and its clients. A page is most of what a list costs on the
 * wire, so it is apart from the rest of the reply (client-messages.ts), and made once for as long as the node keeps the page itself
 * (row-pages.ts). Refused: objects in msgpack; 20 items cost 270,000 instructions to encode
 * and 70,000 to decode, this way some 30,000 to decode and nothing to encode what was sent before.
 *
 *     count u32   length of all names u32   of all positions u32            little-endian, as all numbers here
 *     for each item   writtenAtMs f64   lengths of name, position u16   which value u32
 *     all names, one after another, then all positions, ASCII
 *     the values, each once however many items have it: length u32, bytes
 *
 * Values repeat: of a favorite it says where it was added from and its genre. Items with the same value share its bytes.
 */
import type { Item } from '@app/contracts';
import { TriptychError } from '@app/contracts';

const HEAD_BYTES = 12;
const ITEM_BYTES = 16;

const packed = new WeakMap<readonly Item[], Uint8Array>();

/** A page that was packed before is not packed again. */
export function packItems(items: readonly Item[]): Uint8Array {
  let bytes = packed.get(items);
  if (bytes === undefined) packed.set(items, (bytes = bytesOf(items)));
  return bytes;
}

function bytesOf(items: readonly Item[]): Uint8Array {
  const values = new Map<string, { readonly index: number; readonly value: Buffer }>();
  let nameBytes = 0;
  let positionBytes = 0;
  let valueBytes = 0;
  const whichValue = items.map(({ item, position, value }) => {
    nameBytes += item.length;
    positionBytes += position.length;
    const bytes = bufferOf(value);
    const text = bytes.toString('latin1');
    let known = values.get(text);
    if (known === undefined) {
      values.set(text, (known = { index: values.size, value: bytes }));
      valueBytes += 4 + bytes.length;
    }
    return known.index;
  });
  const bytes = Buffer.allocUnsafeSlow(HEAD_BYTES + items.length * ITEM_BYTES + nameBytes + positionBytes + valueBytes);
  bytes.writeUInt32LE(items.length, 0);
  bytes.writeUInt32LE(nameBytes, 4);
  let at = bytes.writeUInt32LE(positionBytes, 8);
  let nameAt = HEAD_BYTES + items.length * ITEM_BYTES;
  let positionAt = nameAt + nameBytes;
  for (const [index, { item, position, writtenAtMs }] of items.entries()) {
    at = bytes.writeDoubleLE(writtenAtMs, at);
    at = bytes.writeUInt16LE(item.length, at);
    at = bytes.writeUInt16LE(position.length, at);
    at = bytes.writeUInt32LE(whichValue[index]!, at);
    nameAt += bytes.write(item, nameAt, 'latin1');
    positionAt += bytes.write(position, positionAt, 'latin1');
  }
  let valueAt = positionAt;
  for (const { value } of values.values()) {
    valueAt = bytes.writeUInt32LE(value.length, valueAt);
    valueAt += value.copy(bytes, valueAt);
  }
  return bytes;
}

/** @throws TriptychError WIRE_PROTOCOL on bytes that `packItems` did not make */
export function unpackItems(packedItems: Uint8Array): Item[] {
  const bytes = bufferOf(packedItems);
  const numbers = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const count = numbers.getUint32(0, true);
    const namesAt = HEAD_BYTES + count * ITEM_BYTES;
    const positionsAt = namesAt + numbers.getUint32(4, true);
    const valuesAt = positionsAt + numbers.getUint32(8, true);
    if (valuesAt > bytes.length) throw new RangeError('the names are cut short');
    // A part of a text keeps the whole text in memory: names go on into caches; of the positions at most one is looked at.
    const positions = bytes.toString('latin1', positionsAt, valuesAt);
    const values: Uint8Array[] = [];
    for (let at = valuesAt; at < bytes.length; ) {
      const start = at + 4;
      at = start + numbers.getUint32(at, true);
      if (at > bytes.length) throw new RangeError('a value is cut short');
      values.push(bytes.subarray(start, at));
    }
    const items: Item[] = [];
    let nameAt = namesAt;
    let positionAt = 0;
    for (let at = HEAD_BYTES; at < namesAt; at += ITEM_BYTES) {
      const nameEnd = nameAt + numbers.getUint16(at + 8, true);
      const positionEnd = positionAt + numbers.getUint16(at + 10, true);
      const value = values[numbers.getUint32(at + 12, true)];
      if (value === undefined || nameEnd > positionsAt || positionEnd > positions.length) throw new RangeError('an item is cut short');
      items.push({ item: bytes.toString('latin1', nameAt, nameEnd), position: positions.slice(positionAt, positionEnd), value, writtenAtMs: numbers.getFloat64(at, true) });
      nameAt = nameEnd;
      positionAt = positionEnd;
    }
    return items;
  } catch (cause) {
    throw new TriptychError('WIRE_PROTOCOL', 'a node sent a page that cannot be read', {}, { cause });
  }
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
