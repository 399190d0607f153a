/**
 * Rows as the engine holds them: what is durable, read record by record. Every reader here throws
 * STORE_RECORD_CORRUPT on a record that fails its checksum; what that means for the row is decided in row-store.ts.
 */
import { TriptychError, type Item, type RowKey } from '@app/contracts';
import { physicalMs } from '../core/causality/hybrid-logical-clock.js';
import { asItem, showItem, type SiblingRule } from '../core/row/causal-map.js';
import type { LiveDelta } from '../core/row/delta.js';
import { decodeItem, decodeOrderEntry } from '../core/row/item-record.js';
import { decodeHeader, EMPTY_HEADER, type RowHeader } from '../core/row/row-header.js';
import { RowKeys } from '../core/row/row-keys.js';
import type { StorageEngine } from '../ports/storage-engine.js';

/** Where an item stands. */
export interface Place {
  readonly position: string;
  readonly item: string;
}

export interface Page {
  readonly items: readonly Item[];
  /** There are items after the last one; of a page of some items, after the last one looked at. */
  readonly more: boolean;
  /** Of a page of some items with more to come. */
  readonly lookedTo?: Place;
}

/** What is left of a row of which some records are damaged. */
export interface Salvage {
  /** Keys of all its records, damaged or not. */
  readonly keys: Uint8Array[];
  readonly items: Map<string, readonly LiveDelta[]>;
}

export class RowRecords {
  constructor(
    private readonly engine: StorageEngine,
    private readonly siblingRuleOf: (table: string) => SiblingRule,
  ) {}

  header(key: RowKey): RowHeader {
    const keys = keysOf(key);
    const bytes = this.engine.get(keys.header());
    if (bytes !== undefined) return decodeHeader(bytes);
    this.engine.scan(keys.all(), () => {
      throw new TriptychError('STORE_RECORD_CORRUPT', 'a row has records and no header');
    });
    return EMPTY_HEADER;
  }

  /** Live versions of one item, both facets. */
  versions(key: RowKey, item: string): readonly LiveDelta[] {
    const bytes = this.engine.get(keysOf(key).item(item));
    return bytes === undefined ? [] : decodeItem(bytes);
  }

  item(key: RowKey, item: string): Item | null {
    const shown = showItem(this.versions(key, item), this.siblingRuleOf(key.table));
    return shown === null ? null : asItem(shown);
  }

  /** All items of the row; the cost is the row. */
  items(key: RowKey): Map<string, readonly LiveDelta[]> {
    const keys = keysOf(key);
    const items = new Map<string, readonly LiveDelta[]>();
    this.engine.scan(keys.allItems(), (recordKey, bytes) => {
      items.set(keys.itemOf(recordKey), decodeItem(new Uint8Array(intact(bytes))));
    });
    return items;
  }

  /** A page in order, from just after a place; the cost is the page. */
  page(key: RowKey, limit: number, after?: Place): Page {
    const keys = keysOf(key);
    const items: Item[] = [];
    const large: number[] = [];
    let more = false;
    this.engine.scan(keys.orderAfter(after), (recordKey, bytes) => {
      if (items.length === limit) {
        more = true;
        return false;
      }
      const { position, item } = keys.placeOf(recordKey);
      const entry = decodeOrderEntry(intact(bytes));
      if (entry.value === null) large.push(items.length);
      items.push({ item, position, value: entry.value ?? NO_BYTES, writtenAtMs: physicalMs(entry.hlc) });
      return true;
    });
    for (const index of large) {
      const item = this.item(key, items[index]!.item);
      if (item === null) throw new TriptychError('STORE_RECORD_CORRUPT', 'the order index names an item that is not there');
      items[index] = item;
    }
    return { items, more };
  }

  /** A page of the items that `wanted` holds for; the cost is what is looked at, LOOKED_AT_MAX items at most. */
  pageOf(key: RowKey, limit: number, after: Place | undefined, wanted: (value: Uint8Array) => boolean): Page {
    const items: Item[] = [];
    let lookedTo = after;
    for (let left = LOOKED_AT_MAX; ; ) {
      const page = this.page(key, Math.min(LOOKED_AT_ONCE, left), lookedTo);
      for (const [index, item] of page.items.entries()) {
        if (wanted(item.value)) items.push(item);
        lookedTo = { position: item.position, item: item.item };
        const isLast = index === page.items.length - 1;
        if (items.length === limit && !(isLast && !page.more)) return { items, more: true, lookedTo };
      }
      left -= page.items.length;
      if (!page.more) return { items, more: false };
      if (left === 0) return { items, more: true, lookedTo: lookedTo! };
    }
  }

  /** The names of all items, in order; the cost is the row. Names stand in keys, so a damaged entry has one too. */
  itemNames(key: RowKey): string[] {
    const keys = keysOf(key);
    const names: string[] = [];
    this.engine.scan(keys.orderAfter(), (recordKey) => void names.push(keys.placeOf(recordKey).item));
    return names;
  }

  /** The place next to a place in the order, in either direction; null at the end. */
  neighbour(key: RowKey, at: Place, direction: 'before' | 'after'): Place | null {
    const keys = keysOf(key);
    const range = direction === 'after' ? keys.orderAfter(at) : { ...keys.orderBefore(at), reverse: true };
    let found: Place | null = null;
    this.engine.scan(range, (recordKey, bytes) => {
      intact(bytes);
      found = keys.placeOf(recordKey);
      return false;
    });
    return found;
  }

  /** All keys of the row, and the items that can still be read. */
  salvage(key: RowKey): Salvage {
    const keys = keysOf(key);
    const salvage: Salvage = { keys: [], items: new Map() };
    this.engine.scan(keys.all(), (recordKey, bytes) => {
      salvage.keys.push(new Uint8Array(recordKey));
      if (bytes === null || !keys.isItem(recordKey)) return;
      try {
        salvage.items.set(keys.itemOf(recordKey), decodeItem(new Uint8Array(bytes)));
      } catch (error) {
        // Its checksum is right and yet it is no item record: lost like a damaged one.
        if (!isCorruption(error)) throw error;
      }
    });
    return salvage;
  }
}

const LOOKED_AT_MAX = 2_000;
const LOOKED_AT_ONCE = 128;

/** Names a row in memory. */
export const rowId = (key: RowKey): string => namesOf(key).id;

export const keysOf = (key: RowKey): RowKeys => namesOf(key).keys;

interface RowNames {
  readonly table: string;
  readonly row: string;
  readonly id: string;
  readonly keys: RowKeys;
}

/** One operation names its row some ten times, and the next one another row: the last one's names are kept. */
let last: RowNames | null = null;

function namesOf({ table, row }: RowKey): RowNames {
  if (last === null || last.row !== row || last.table !== table) last = { table, row, id: `${table}\0${row}`, keys: new RowKeys(table, row) };
  return last;
}

export const isCorruption = (error: unknown): boolean => error instanceof TriptychError && error.code === 'STORE_RECORD_CORRUPT';

function intact(bytes: Uint8Array | null): Uint8Array {
  if (bytes === null) throw new TriptychError('STORE_RECORD_CORRUPT', 'a record of the row fails its checksum');
  return bytes;
}

const NO_BYTES = new Uint8Array(0);
