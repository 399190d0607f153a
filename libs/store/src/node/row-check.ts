/**
 * Recomputes one row from its records: every record through its checksum, the digest and the count of its items from the items,
 * the order index from what they show. Nothing that is kept is believed because it is kept.
 *
 * A row of ten thousand items is not read in one turn, so it is read in pieces. Each piece sees durable state at one moment,
 * and every change of a row writes its header: while the header's bytes stay the same, all pieces are of one state. A row
 * that changes meanwhile is read from its start again, and after a few such attempts in one piece.
 *
 * The order index is compared by sums, one keyed hash for each entry wanted and each entry found, so that nothing of the
 * row is held in memory. Refused: CRCs for these sums. They are linear, and two wrong entries may cancel out.
 */
import type { RowKey } from '@app/contracts';
import { showItem, type SiblingRule } from '../core/row/causal-map.js';
import { decodeItem, encodeOrderEntry } from '../core/row/item-record.js';
import { decodeHeader, HASH_BYTES, xorInto, type RowHasher, type RowHeader } from '../core/row/row-header.js';
import { tokenIndexKey } from '../core/row/token-index.js';
import type { StorageEngine } from '../ports/storage-engine.js';
import { isCorruption, keysOf } from './row-records.js';

/**
 * `damaged`: an item or the header is lost, or they disagree. `indexes`: these are whole, and the order index or the entry by
 * token is not what follows from them.
 */
export interface RowFinding {
  readonly kind: 'intact' | 'damaged' | 'indexes';
  /** It waits for its rebuilding already. */
  readonly isMarked: boolean;
}

export interface RowCheckPorts {
  readonly engine: StorageEngine;
  readonly hasher: RowHasher;
  readonly siblingRuleOf: (table: string) => SiblingRule;
}

/** Records read, for whoever keeps count. */
export interface ReadCounts {
  records: number;
  bytes: number;
  /** Records that fail their checksum. */
  failing: number;
}

/** Attempts in pieces; the next one is made in one turn. */
const ATTEMPTS_IN_PIECES = 4;

export class RowCheck {
  readonly #keys;
  #attempt = 0;
  #next: Uint8Array;
  #hasRecords = false;
  #headerBytes: Uint8Array | null = null;
  #header: RowHeader | null = null;
  #versionsHash = new Uint8Array(HASH_BYTES);
  #itemCount = 0;
  #wantedOrder = new Uint8Array(HASH_BYTES);
  #foundOrder = new Uint8Array(HASH_BYTES);
  #isDamaged = false;
  #hasBadEntry = false;

  constructor(
    private readonly ports: RowCheckPorts,
    readonly key: RowKey,
    private readonly counts: ReadCounts,
  ) {
    this.#keys = keysOf(key);
    this.#next = this.#keys.all().start;
  }

  /** Reads on for about so many bytes. Null while there is more. @throws STORE_RECORD_CORRUPT when the table cannot be read */
  step(maxBytes: number): RowFinding | null {
    if (this.#headerBytes !== null && !this.#isUnchanged()) this.#restart();
    const limit = this.#attempt < ATTEMPTS_IN_PIECES ? maxBytes : Infinity;
    const { counts } = this;
    const stopAt = counts.bytes + limit;
    let hasMore = false;
    this.ports.engine.scan({ start: this.#next, end: this.#keys.all().end }, (recordKey, bytes) => {
      if (counts.bytes >= stopAt) {
        this.#next = new Uint8Array(recordKey);
        hasMore = true;
        return false;
      }
      this.#hasRecords = true;
      counts.records++;
      counts.bytes += recordKey.length + (bytes?.length ?? 0);
      if (bytes === null) counts.failing++;
      this.#visit(recordKey, bytes);
      return true;
    });
    if (!this.#hasRecords) return { kind: 'intact', isMarked: false }; // it was given away meanwhile
    const isLost = this.#isDamaged || this.#header === null; // the header comes first
    return hasMore && !isLost ? null : this.#finding();
  }

  #visit(recordKey: Uint8Array, bytes: Uint8Array | null): void {
    switch (this.#keys.kindOf(recordKey)) {
      case 'header':
        return this.#visitHeader(bytes);
      case 'item':
        return this.#visitItem(recordKey, bytes);
      case 'order':
        return this.#visitOrder(recordKey, bytes);
      default:
        this.#isDamaged = true; // a key that we never wrote: what it was once is missing elsewhere
    }
  }

  #visitHeader(bytes: Uint8Array | null): void {
    try {
      if (bytes !== null) this.#header = decodeHeader((this.#headerBytes = new Uint8Array(bytes)));
    } catch (error) {
      if (!isCorruption(error)) throw error;
    }
  }

  #visitItem(recordKey: Uint8Array, bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.#isDamaged = true;
      return;
    }
    const { hasher, siblingRuleOf } = this.ports;
    const { table, row } = this.key;
    const item = this.#keys.itemOf(recordKey);
    try {
      const versions = decodeItem(bytes);
      for (const version of versions) {
        xorInto(this.#versionsHash, hasher.version(table, row, version));
        if (version.item !== item || this.#header?.context.has(version.dot) !== true) this.#isDamaged = true;
      }
      const shown = showItem(versions, siblingRuleOf(table));
      if (shown === null) return;
      this.#itemCount++;
      xorInto(this.#wantedOrder, hasher.record(this.#keys.order(shown.position, item), encodeOrderEntry(shown)));
    } catch (error) {
      if (!isCorruption(error)) throw error;
      this.#isDamaged = true;
    }
  }

  #visitOrder(recordKey: Uint8Array, bytes: Uint8Array | null): void {
    if (bytes === null) this.#hasBadEntry = true;
    else xorInto(this.#foundOrder, this.ports.hasher.record(recordKey, bytes));
  }

  #finding(): RowFinding {
    const header = this.#header;
    const isWhole = header !== null && !this.#isDamaged && header.itemCount === this.#itemCount && same(header.versionsHash, this.#versionsHash);
    if (!isWhole) return { kind: 'damaged', isMarked: false };
    const isMarked = header.isDamaged;
    const isIndexed = !this.#hasBadEntry && same(this.#wantedOrder, this.#foundOrder) && this.#hasTokenEntry();
    return { kind: isIndexed ? 'intact' : 'indexes', isMarked };
  }

  #hasTokenEntry(): boolean {
    try {
      return this.ports.engine.get(tokenIndexKey(this.key)) !== undefined;
    } catch (error) {
      if (!isCorruption(error)) throw error;
      return false;
    }
  }

  #isUnchanged(): boolean {
    try {
      const bytes = this.ports.engine.get(this.#keys.header());
      return bytes !== undefined && same(bytes, this.#headerBytes!);
    } catch (error) {
      if (!isCorruption(error)) throw error;
      return false;
    }
  }

  #restart(): void {
    this.#attempt++;
    this.#next = this.#keys.all().start;
    this.#hasRecords = false;
    this.#headerBytes = null;
    this.#header = null;
    this.#versionsHash = new Uint8Array(HASH_BYTES);
    this.#itemCount = 0;
    this.#wantedOrder = new Uint8Array(HASH_BYTES);
    this.#foundOrder = new Uint8Array(HASH_BYTES);
    this.#isDamaged = false;
    this.#hasBadEntry = false;
  }
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
