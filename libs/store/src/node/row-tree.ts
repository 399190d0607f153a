/**
 * The Merkle tree over the rows held here, kept up with every durable change of a row: its old hash out, its new one in. The
 * two are worked out when the tree is next looked at, so a row that was written a hundred times by then is hashed once.
 * An operation that changed nothing changes no header, so it toggles nothing (row model, C9). A row never written and a
 * row that is damaged add nothing.
 *
 * The tree lives in memory and is made from the records once after a start, leaf by leaf, in the background and paced;
 * until that is done this node compares itself with nobody. The same reading of one leaf serves where the old hash is not
 * known: a row found damaged, whose header may be lost. It happens when the tree is next looked at and never within
 * the engine's callbacks, so that what is read is what the changes heard so far have led to.
 */
import { TriptychError, type RowKey } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import type { LeafRow } from '../core/merkle/leaf-rows.js';
import type { SharedTree } from '../core/merkle/merkle-diff.js';
import { EMPTY_HASH, firstTokenOf, LEAF_COUNT, leafOf, MerkleTree, rowHash, slotOfLeaf } from '../core/merkle/merkle-tree.js';
import { tokenOf } from '../core/ring/token.js';
import { HASH_BYTES, xorInto, type RowHasher, type RowHeader } from '../core/row/row-header.js';
import { tokenIndexKey } from '../core/row/token-index.js';
import { rowId } from './row-records.js';
import { isEmpty, type RowStore } from './row-store.js';

/** Rows read at a time, some 3 ms of work, and the pause after them: a million rows take two minutes. */
const BUILD_ROWS = 256;
const BUILD_PAUSE_MS = 25;
const BUILD_RETRY_MS = 1_000;
/** Rows changed that may wait for the tree to be looked at. */
const CHANGES_MAX = 4_096;

export interface LeafPage {
  readonly rows: LeafRow[];
  /** The page is full, and there are rows after its last one. */
  readonly more: boolean;
}

export class RowTree {
  readonly #tree = new MerkleTree();
  /** Leaves below this one are right, but for the stale ones. */
  #builtCount = 0;
  readonly #stale = new Set<number>();
  /** Changes of rows in built leaves that are not in the tree yet, by row. */
  readonly #changes = new Map<string, { readonly key: RowKey; readonly leaf: number; readonly before: RowHeader; after: RowHeader }>();
  /** What a row with this header adds: the header after one write is the one before the next. */
  readonly #hashes = new WeakMap<RowHeader, Uint8Array>();
  #cancelBuild: Cancel;

  /** @param hashKey 16 bytes, the same on all nodes of the cluster */
  constructor(
    private readonly rows: RowStore,
    private readonly hasher: RowHasher,
    private readonly hashKey: Uint8Array,
    private readonly clock: Clock,
  ) {
    this.#cancelBuild = clock.after(0, () => this.#build());
  }

  /** False after a start, until all rows have been read. */
  get isReady(): boolean {
    return this.#builtCount === LEAF_COUNT;
  }

  stop(): void {
    this.#cancelBuild();
  }

  /** A change of a row became durable. */
  changed(key: RowKey, before: RowHeader, after: RowHeader, leaf = leafOf(tokenOf(key.table, key.row))): void {
    if (leaf >= this.#builtCount) return;
    const id = rowId(key);
    const change = this.#changes.get(id);
    if (change !== undefined) change.after = after;
    else this.#changes.set(id, { key, leaf, before, after });
    if (this.#changes.size >= CHANGES_MAX) this.#hashChanges();
  }

  /** What a row adds changed in a way that is not known. */
  forget(key: RowKey): void {
    this.#stale.add(leafOf(tokenOf(key.table, key.row)));
  }

  /** The tree over some slots. Not to be called within a callback of the engine. */
  over(slots: Uint8Array): SharedTree {
    this.#refresh();
    return { hash: (level, index) => this.#tree.hash(level, index, slots) };
  }

  /**
   * The rows in some leaves, in the order of their tokens.
   * @param leaves ascending   @param after begin after this row   @param until end with this row   @param limit a count of rows
   */
  list(leaves: readonly number[], after: RowKey | null, until: RowKey | null, limit: number): LeafPage {
    const afterLeaf = after === null ? -1 : leafOf(tokenOf(after.table, after.row));
    const untilEntry = until === null ? null : tokenIndexKey(until);
    const keys: RowKey[] = [];
    let more = false;
    for (const leaf of leaves) {
      if (leaf < afterLeaf || more) continue;
      const start = after !== null && leaf === afterLeaf ? after : firstTokenOf(leaf);
      this.rows.rowsByToken(start, firstTokenOf(leaf + 1), (key) => {
        if (untilEntry !== null && Buffer.compare(tokenIndexKey(key), untilEntry) > 0) return false;
        more = keys.length === limit;
        if (!more) keys.push(key);
        return !more;
      });
    }
    return { rows: keys.map((key) => ({ key, digest: this.digest(key) })), more };
  }

  /** The digest of the durable row; null where it is damaged. */
  digest(key: RowKey): Uint8Array | null {
    const header = this.rows.header(key);
    return header.isDamaged ? null : this.hasher.digest(header);
  }

  #toggle(leaf: number, key: RowKey, header: RowHeader): void {
    if (adds(header)) this.#tree.toggle(leaf, this.#hash(key, header));
  }

  #hash(key: RowKey, header: RowHeader): Uint8Array {
    let hash = this.#hashes.get(header);
    if (hash === undefined) this.#hashes.set(header, (hash = rowHash(this.hashKey, key.table, key.row, this.hasher.digest(header))));
    return hash;
  }

  /**
   * Reads some leaves again and puts right those that are not what their rows make of them: a bit that flipped in memory, a
   * change that was missed. Nothing while the tree is being built. Not to be called within a callback of the engine.
   * @param from the first leaf   @returns hashes put right, rows read, and the first leaf that was not looked at
   */
  recheck(from: number): { readonly putRight: number; readonly rows: number; readonly upTo: number } {
    if (!this.isReady) return { putRight: 0, rows: 0, upTo: LEAF_COUNT };
    const { rows, upTo } = this.#readFrom(from);
    this.#refresh();
    const sums = new Map<number, Uint8Array>();
    for (const { leaf, key, header } of rows) {
      let sum = sums.get(leaf);
      if (sum === undefined) sums.set(leaf, (sum = new Uint8Array(HASH_BYTES)));
      if (adds(header)) xorInto(sum, this.#hash(key, header));
    }
    for (let leaf = this.#tree.firstSet(from); leaf < upTo; leaf = this.#tree.firstSet(leaf + 1)) {
      if (!sums.has(leaf)) sums.set(leaf, EMPTY_HASH);
    }
    let putRight = 0;
    for (const [leaf, sum] of sums) {
      // One whose row was found damaged just now is read once more when the tree is next looked at.
      if (this.#stale.has(leaf) || Buffer.compare(sum, this.#tree.leaf(leaf)) === 0) continue;
      this.#tree.mendLeaf(leaf, sum);
      putRight++;
    }
    for (let slot = slotOfLeaf(from); slot <= slotOfLeaf(upTo - 1); slot++) if (this.#tree.mendSlot(slot)) putRight++;
    return { putRight, rows: rows.length, upTo };
  }

  /** Whole leaves from `from` on, of about BUILD_ROWS rows, with their durable headers. @throws STORE_RECORD_CORRUPT */
  #readFrom(from: number): { rows: { leaf: number; key: RowKey; header: RowHeader }[]; upTo: number } {
    const found: { leaf: number; key: RowKey }[] = [];
    let leafReached = from;
    let isAtEnd = true;
    this.rows.rowsByToken(firstTokenOf(from), firstTokenOf(LEAF_COUNT), (key) => {
      const leaf = leafOf(tokenOf(key.table, key.row));
      isAtEnd = found.length < BUILD_ROWS || leaf === leafReached;
      if (isAtEnd) found.push({ leaf, key });
      leafReached = leaf;
      return isAtEnd;
    });
    const rows = found.map(({ leaf, key }) => ({ leaf, key, header: this.rows.header(key) }));
    return { rows, upTo: isAtEnd ? LEAF_COUNT : leafReached };
  }

  #build(): void {
    try {
      const { rows, upTo } = this.#readFrom(this.#builtCount);
      for (const { leaf, key, header } of rows) this.#toggle(leaf, key, header);
      this.#builtCount = upTo;
    } catch (error) {
      if (!(error instanceof TriptychError)) throw error;
      this.#cancelBuild = this.clock.after(BUILD_RETRY_MS, () => this.#build());
      return;
    }
    if (!this.isReady) this.#cancelBuild = this.clock.after(BUILD_PAUSE_MS, () => this.#build());
  }

  #hashChanges(): void {
    for (const { key, leaf, before, after } of this.#changes.values()) {
      this.#toggle(leaf, key, before);
      this.#toggle(leaf, key, after);
    }
    this.#changes.clear();
  }

  #refresh(): void {
    this.#hashChanges();
    for (const leaf of this.#stale) {
      const keys: RowKey[] = [];
      const hash = new Uint8Array(HASH_BYTES);
      this.rows.rowsByToken(firstTokenOf(leaf), firstTokenOf(leaf + 1), (key) => keys.push(key) > 0);
      this.#stale.delete(leaf);
      for (const key of keys) {
        const header = this.rows.header(key); // may find the row damaged, and then this leaf is read once more
        if (adds(header)) xorInto(hash, this.#hash(key, header));
      }
      if (leaf < this.#builtCount) this.#tree.set(leaf, hash);
    }
  }
}

const adds = (header: RowHeader): boolean => !header.isDamaged && !isEmpty(header);
