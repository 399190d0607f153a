/**
 * Where a row lies among the records of a node. All of a row is one contiguous range: its header, its items by name, and
 * its order index by (position, item), so that a page of the list costs a page. Names hold no byte 0, which ends them.
 *
 *     table 0 row 0 'h'                      the header
 *     table 0 row 0 'i' item                 the live versions of one item, both facets
 *     table 0 row 0 'o' position 0 item      the item at its place: what a page shows
 *     0 name                                 the node's own records: hints, and the rows by token (token-index.ts)
 */
const HEADER = 0x68;
const ITEM = 0x69;
const ORDER = 0x6f;

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
    return latin1(key.subarray(this.#prefix.length + 1));
  }

  placeOf(key: Uint8Array): { position: string; item: string } {
    const [position = '', item = ''] = latin1(key.subarray(this.#prefix.length + 1)).split('\0');
    return { position, item };
  }

  #key(kind: number, rest: string): Uint8Array {
    const key = Buffer.allocUnsafe(this.#prefix.length + 1 + rest.length);
    key.set(this.#prefix);
    key[this.#prefix.length] = kind;
    key.write(rest, this.#prefix.length + 1, 'latin1');
    return key;
  }
}

/** The key of one of the node's own records. */
export const nodeKey = (name: string): Uint8Array => Buffer.from(`\0${name}`, 'latin1');

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
