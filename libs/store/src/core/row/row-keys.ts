/**
 * Where a row lies among the records of a node. All of a row is one contiguous range: its header, its items by name, and
 * its order index by (position, item), so that a page of the list costs a page. Names hold no byte 0, which ends them.
 *
 *     table 0 row 0 'h'                      the header
 *     table 0 row 0 'i' item                 the live versions of one item, both facets
 *     table 0 row 0 'o' position 0 item      the item at its place: what a page shows
 *     0 name                                 the node's own records: hints, and the rows by token (token-index.ts)
 */
import { assert, type RowKey } from '@app/contracts';

const HEADER = 0x68;
const ITEM = 0x69;
const ORDER = 0x6f;
const KINDS: ReadonlyMap<number, 'header' | 'item' | 'order'> = new Map([
  [HEADER, 'header'],
  [ITEM, 'item'],
  [ORDER, 'order'],
]);
/** Between the node's own records and those of rows. */
export const ROWS_START = Uint8Array.of(1);

/** A row's keys, with the prefix encoded once. */
export class RowKeys {
  readonly #prefix: Buffer;

  constructor(table: string, row: string) {
    this.#prefix = Buffer.from(`${table}\0${row}\0`, 'latin1');
  }

  header(): Uint8Array {
    return this.#key(HEADER, '');
  }

  item(item: string): Uint8Array {
    return this.#key(ITEM, item);
  }

  order(position: string, item: string): Uint8Array {
    return this.#key(ORDER, `${position}\0${item}`);
  }

  /** All records of the row. */
  all(): { start: Uint8Array; end: Uint8Array } {
    return { start: this.#key(0, ''), end: this.#key(0xff, '') };
  }

  allItems(): { start: Uint8Array; end: Uint8Array } {
    return { start: this.#key(ITEM, ''), end: this.#key(ITEM + 1, '') };
  }

  /** Whether a record of the row is its header, an item or an entry of the order; null for a key that is none of these. */
  kindOf(key: Uint8Array): 'header' | 'item' | 'order' | null {
    return KINDS.get(key[this.#prefix.length]!) ?? null;
  }

  /** The order index, from its start or from just after a place. */
  orderAfter(after?: { position: string; item: string }): { start: Uint8Array; end: Uint8Array } {
    const start = after === undefined ? this.#key(ORDER, '') : this.#key(ORDER, `${after.position}\0${after.item}\0`);
    return { start, end: this.#key(ORDER + 1, '') };
  }

  /** The order index up to, and without, a place. */
  orderBefore(before: { position: string; item: string }): { start: Uint8Array; end: Uint8Array } {
    return { start: this.#key(ORDER, ''), end: this.order(before.position, before.item) };
  }

  isItem(key: Uint8Array): boolean {
    return key[this.#prefix.length] === ITEM;
  }

  itemOf(key: Uint8Array): string {
    return latin1(key, this.#prefix.length + 1);
  }

  placeOf(key: Uint8Array): { position: string; item: string } {
    const place = latin1(key, this.#prefix.length + 1);
    const end = place.indexOf('\0');
    return end < 0 ? { position: place, item: '' } : { position: place.slice(0, end), item: place.slice(end + 1) };
  }

  #key(kind: number, rest: string): Uint8Array {
    const key = Buffer.allocUnsafe(this.#prefix.length + 1 + rest.length);
    key.set(this.#prefix);
    key[this.#prefix.length] = kind;
    key.write(rest, this.#prefix.length + 1, 'latin1');
    return key;
  }
}

/** The row that a record belongs to; null for one of the node's own, and for bytes that are no key of ours. */
export function rowOfRecordKey(key: Uint8Array): RowKey | null {
  const [table, row, rest] = latin1(key).split('\0', 3);
  return table && row && rest !== undefined ? { table, row } : null;
}

/** What the names of a node's own records begin with: a record under any other is one whose key rotted. */
const OWN_RECORDS = ['epoch-', 'hint', 'membership', 'n\0', 'scrub', 't\0'];

/** The key of one of the node's own records. */
export function nodeKey(name: string): Uint8Array {
  const key = Buffer.from(`\0${name}`, 'latin1');
  assert(isNodeKey(key), `${name} is not among OWN_RECORDS`);
  return key;
}

export const isNodeKey = (key: Uint8Array): boolean => key[0] === 0 && OWN_RECORDS.some((name) => latin1(key.subarray(1, 1 + name.length)) === name);

function latin1(bytes: Uint8Array, start = 0): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, bytes.byteLength - start).toString('latin1');
}
