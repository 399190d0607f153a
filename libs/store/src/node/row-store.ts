/**
 * The rows held here: each kept decomposed over ordered records, so that an operation costs its item and not its list.
 *
 * Two views of a row, never mixed. Readers see what is **durable**: the engine shows a batch only once it is on disk, and
 * an answer that rests on less could be taken back by a power cut (row model, F12). Writers see the **latest**: a draft
 * that holds what is on its way to disk, so that operations on one row follow each other without waiting. A draft lives
 * as long as a write of its row is in flight.
 *
 * Header, items and order index change in one batch; a header on disk without its cell would be a loss that no checksum
 * tells (C8). A record that fails its checksum makes its row damaged: what the row still claims to have seen is what its
 * intact versions prove, and it has no vote until it has been rebuilt (F8, row-rebuild.ts).
 */
import { TriptychError, type Item, type ItemChange, type RowKey } from '@app/contracts';
import type { CausalContext } from '../core/causality/causal-context.js';
import type { Dot } from '../core/causality/dot.js';
import {
  applyDelta,
  coversKnowledge,
  knowledgeOfIntact,
  mergeKnowledge,
  mergeVersions,
  sameKnowledge,
  showItem,
  type RowKnowledge,
  type RowSnapshot,
  type ShownItem,
  type SiblingRule,
} from '../core/row/causal-map.js';
import type { Delta, LiveDelta } from '../core/row/delta.js';
import { encodeItem, encodeOrderEntry } from '../core/row/item-record.js';
import type { RowDifference } from '../core/row/row-difference.js';
import { rowOfTokenIndexKey, tokenIndexKey, tokenRange } from '../core/row/token-index.js';
import { EMPTY_HEADER, encodeHeader, HASH_BYTES, xorInto, type RowHasher, type RowHeader } from '../core/row/row-header.js';
import type { Durability, Mutation, StorageEngine } from '../ports/storage-engine.js';
import { RecentDeltas } from './recent-deltas.js';
import { RowDifferences } from './row-differences.js';
import { RowPages } from './row-pages.js';
import { isCorruption, keysOf, rowId, RowRecords, type Page, type Place } from './row-records.js';

/** Called once, when the write is durable or has failed; within the call itself where there was nothing to write. */
export type Settle = (error?: Error) => void;

const CACHED_HEADERS = 10_000;

interface Draft {
  header: RowHeader;
  readonly items: Map<string, readonly LiveDelta[]>;
  writesInFlight: number;
  /** Waiting for the write that was asked for last: a duplicate is acknowledged when its first copy is durable. */
  waiting: Settle[];
  /** Grows when the row is found damaged: a write from before that is not acknowledged. */
  damageCount: number;
}

interface RowChange {
  readonly knowledge: RowKnowledge;
  /** New versions of the items that change. */
  readonly items: ReadonlyMap<string, readonly LiveDelta[]>;
  readonly isDamaged: boolean;
  readonly onDurable?: () => void;
}

/** What the write of a change tells when it is durable. */
interface DurableChange {
  readonly gains: ReadonlyMap<string, number>;
  readonly onDurable?: () => void;
}

export class RowStore {
  readonly #records: RowRecords;
  readonly #drafts = new Map<string, Draft>();
  readonly #headers = new Map<string, RowHeader>();
  readonly #recent = new RecentDeltas();
  readonly #pages = new RowPages();
  readonly #differences: RowDifferences;

  /**
   * @param siblingRuleOf which of several concurrent values a table shows
   * @param onDamage told of each row found damaged, after it was marked and before anything more of it is served, and of each
   *   one marked earlier that comes to light
   * @param onChange told of each change of a row once it is durable: its header before and after, and for each item that it
   *   gained 1, that it lost -1
   * @param durabilityOf when a write to a table is taken as durable
   */
  constructor(
    private readonly engine: StorageEngine,
    private readonly hasher: RowHasher,
    private readonly siblingRuleOf: (table: string) => SiblingRule,
    private readonly onDamage: (key: RowKey) => void,
    private readonly onChange: (key: RowKey, before: RowHeader, after: RowHeader, gains: ReadonlyMap<string, number>) => void = () => {},
    private readonly durabilityOf: (table: string) => Durability = () => 'commit',
  ) {
    this.#records = new RowRecords(engine, siblingRuleOf);
    this.#differences = new RowDifferences(this.#records, this.#recent, siblingRuleOf);
  }

  // ---- the durable view, for readers

  /** The durable header. One that cannot be read marks the row damaged first. */
  header(key: RowKey): RowHeader {
    const id = rowId(key);
    const cached = this.#headers.get(id);
    if (cached !== undefined) return cached;
    try {
      const header = this.#records.header(key);
      this.#cacheHeader(id, header);
      if (header.isDamaged) this.onDamage(key);
      return header;
    } catch (error) {
      this.#markDamaged(key, error);
      return this.#headers.get(id)!;
    }
  }

  digest(key: RowKey): Uint8Array {
    return this.hasher.digest(this.header(key));
  }

  /**
   * Rows in the order of their tokens, until `visit` returns false. It must not call the store.
   * @param start the first token, or the row to go on after   @param end exclusive, at most 2^64   @throws STORE_RECORD_CORRUPT
   */
  rowsByToken(start: bigint | RowKey, end: bigint, visit: (key: RowKey) => boolean): void {
    this.engine.scan(tokenRange(start, end), (entry) => {
      const key = rowOfTokenIndexKey(entry);
      return key === null || visit(key);
    });
  }

  /** One item; null where it is not in the row. @throws STORE_ROW_DAMAGED */
  item(key: RowKey, item: string): Item | null {
    return this.#readIntact(key, () => this.#records.item(key, item));
  }

  /** An item's versions, live and durable. @throws STORE_ROW_DAMAGED */
  versions(key: RowKey, item: string): readonly LiveDelta[] {
    return this.#readIntact(key, () => this.#records.versions(key, item));
  }

  /** The dots of these. @throws STORE_ROW_DAMAGED */
  dotsOf(key: RowKey, item: string): Dot[] {
    return this.versions(key, item).map(({ dot }) => dot);
  }

  /**
   * Up to `limit` items in order, from just after a place.
   * @param wanted only items whose value it holds for: see RowRecords.pageOf   @throws STORE_ROW_DAMAGED
   */
  page(key: RowKey, limit: number, after?: Place, wanted?: (value: Uint8Array) => boolean): Page {
    return this.#readIntact(key, () => {
      if (wanted !== undefined) return this.#records.pageOf(key, limit, after, wanted);
      if (after !== undefined) return this.#records.page(key, limit, after);
      return this.#pages.first(rowId(key), this.header(key), limit, () => this.#records.page(key, limit));
    });
  }

  /** The names of all items in order, of a damaged row those that are left. @throws STORE_RECORD_CORRUPT */
  itemNames(key: RowKey): string[] {
    return this.#records.itemNames(key);
  }

  /** The place next to a place in the order, in either direction; null at the end. @throws STORE_ROW_DAMAGED */
  neighbour(key: RowKey, at: Place, direction: 'before' | 'after'): Place | null {
    return this.#readIntact(key, () => this.#records.neighbour(key, at, direction));
  }

  /** What this replica has and one that knows `peer` lacks, row-differences.ts; null when it lacks nothing. @throws STORE_ROW_DAMAGED: such a row is no source */
  difference(key: RowKey, peer: RowKnowledge): RowDifference | null {
    const header = this.header(key);
    if (coversKnowledge(peer, header)) return null;
    return this.#readIntact(key, () => this.#differences.between(key, header, peer));
  }

  /** What became of the row since a state of it that had `seen`, row-differences.ts; null where that is not known any more. @throws STORE_ROW_DAMAGED */
  changesSince(key: RowKey, seen: CausalContext): ItemChange[] | null {
    const { context } = this.header(key);
    return this.#readIntact(key, () => this.#differences.visibleSince(key, context, seen));
  }

  // ---- the latest view, for writers

  /** The latest header: includes what is on its way to disk. */
  latestHeader(key: RowKey): RowHeader {
    return this.#drafts.get(rowId(key))?.header ?? this.header(key);
  }

  /** The latest live versions of an item. Finding it damaged marks the row, and answers what is intact of it. */
  latestVersions(key: RowKey, item: string): readonly LiveDelta[] {
    const drafted = this.#drafts.get(rowId(key))?.items.get(item);
    if (drafted !== undefined) return drafted;
    try {
      return this.#records.versions(key, item);
    } catch (error) {
      this.#markDamaged(key, error);
      return this.#drafts.get(rowId(key))?.items.get(item) ?? [];
    }
  }

  latestItem(key: RowKey, item: string): ShownItem | null {
    return showItem(this.latestVersions(key, item), this.siblingRuleOf(key.table));
  }

  /** Applies one operation. */
  apply(key: RowKey, delta: Delta, settle: Settle): void {
    this.applyAll(key, [delta], settle);
  }

  /** Applies operations in one batch. */
  applyAll(key: RowKey, deltas: readonly Delta[], settle: Settle): void {
    const draft = this.#draft(key);
    const latest = new Map<string, readonly LiveDelta[]>();
    for (const { item } of deltas) if (!latest.has(item)) latest.set(item, this.latestVersions(key, item));
    // The header after the versions: reading them may have found the row damaged.
    const { header } = draft;
    let knowledge: RowKnowledge = header;
    const items = new Map<string, readonly LiveDelta[]>();
    for (const delta of deltas) {
      const effect = applyDelta(knowledge, items.get(delta.item) ?? latest.get(delta.item)!, delta);
      if (effect === null) continue;
      knowledge = effect.knowledge;
      items.set(delta.item, effect.versions);
    }
    const onDurable = (): void => this.#recent.add(rowId(key), deltas);
    this.#change(key, draft, { knowledge, items, isDamaged: header.isDamaged, onDurable }, settle);
  }

  /** Merges another replica's row. Fails with STORE_ROW_DAMAGED when this row no longer covers the snapshot's base. */
  merge(key: RowKey, snapshot: RowSnapshot, settle: Settle): void {
    const draft = this.#draft(key);
    const latest = this.#latestItems(key, draft);
    const { header } = draft;
    if (!coversKnowledge(header, snapshot.base)) {
      this.#release(key, draft);
      return settle(rowDamaged(key));
    }
    const arriving = new Map<string, LiveDelta[]>();
    for (const version of snapshot.versions) {
      const versions = arriving.get(version.item);
      if (versions === undefined) arriving.set(version.item, [version]);
      else versions.push(version);
    }
    for (const item of arriving.keys()) if (!latest.has(item)) latest.set(item, []);
    const items = new Map<string, readonly LiveDelta[]>();
    for (const [item, held] of latest) {
      const merged = mergeVersions(header, held, snapshot, arriving.get(item) ?? []);
      if (merged !== held) items.set(item, merged);
    }
    this.#change(key, draft, { knowledge: mergeKnowledge(header, snapshot), items, isDamaged: header.isDamaged }, settle);
  }

  /** The row has been rebuilt from enough other replicas: it votes again once this is durable. */
  clearDamage(key: RowKey, settle: Settle): void {
    const draft = this.#draft(key);
    this.#change(key, draft, { knowledge: draft.header, items: new Map(), isDamaged: false }, settle);
  }

  // ---- what a change of the members takes away

  /** Removes all records of a row that others hold now. Fails while the row is being written to. */
  drop(key: RowKey, settle: Settle): void {
    const draft = this.#draft(key);
    if (draft.writesInFlight > 0) return settle(new TriptychError('STORE_FAILED', 'the row is being written to'));
    const gains = new Map<string, number>();
    for (const [item, versions] of this.#latestItems(key, draft)) {
      if (showItem(versions, this.siblingRuleOf(key.table)) !== null) gains.set(item, -1);
      draft.items.set(item, []);
    }
    const batch: Mutation[] = [{ key: tokenIndexKey(key), value: null }];
    this.engine.scan(keysOf(key).all(), (recordKey) => void batch.push({ key: new Uint8Array(recordKey), value: null }));
    this.#write(key, draft, EMPTY_HEADER, batch, { gains }, settle);
  }

  // ---- what a scrubber puts right

  /** Marks a row of which something that was acknowledged is gone or cannot be believed, though no reader has met it. */
  damaged(key: RowKey): void {
    this.#markDamaged(key, new TriptychError('STORE_RECORD_CORRUPT', 'the records of the row disagree'));
  }

  /**
   * Writes what only repeats the row's items anew where it differs: the order index and the row's entry by token. The
   * latest items count: a write on its way brings its own entries, and this batch comes after it.
   */
  rewriteIndexes(key: RowKey, settle: Settle): void {
    const draft = this.#draft(key);
    const keys = keysOf(key);
    const wanted = new Map<string, Mutation>();
    for (const [item, versions] of this.#latestItems(key, draft)) {
      const shown = showItem(versions, this.siblingRuleOf(key.table));
      if (shown === null) continue;
      const recordKey = keys.order(shown.position, item);
      wanted.set(Buffer.from(recordKey).toString('latin1'), { key: recordKey, value: encodeOrderEntry(shown) });
    }
    const batch: Mutation[] = isEmpty(draft.header) ? [] : [{ key: tokenIndexKey(key), value: NO_BYTES }];
    this.engine.scan(keys.orderAfter(), (recordKey, bytes) => {
      const name = Buffer.from(recordKey).toString('latin1');
      const entry = wanted.get(name);
      if (entry === undefined) batch.push({ key: new Uint8Array(recordKey), value: null });
      else if (bytes !== null && Buffer.compare(bytes, entry.value!) === 0) wanted.delete(name);
    });
    batch.push(...wanted.values());
    this.#release(key, draft);
    this.engine.write(batch, (error) => {
      this.#pages.forget(rowId(key));
      settle(error);
    });
  }

  /** Drops an entry of the index by token that leads nowhere; nothing where its row is here, or on its way to disk. */
  dropTokenEntry(entryKey: Uint8Array, key: RowKey | null, settle: Settle): void {
    const leadsToRow = key !== null && Buffer.compare(entryKey, tokenIndexKey(key)) === 0 && !isEmpty(this.latestHeader(key));
    if (leadsToRow) return settle();
    this.engine.write([{ key: entryKey, value: null }], settle);
  }

  // ---- inside

  /** Puts the change of a row into one batch: the draft has it at once, the durable view when the batch is durable. */
  #change(key: RowKey, draft: Draft, change: RowChange, settle: Settle): void {
    const before = draft.header;
    if (change.items.size === 0 && change.isDamaged === before.isDamaged && sameKnowledge(change.knowledge, before)) {
      if (draft.writesInFlight > 0) {
        draft.waiting.push(settle);
        return;
      }
      this.#release(key, draft);
      return settle();
    }
    const batch: Mutation[] = [];
    if (isEmpty(before)) batch.push({ key: tokenIndexKey(key), value: NO_BYTES });
    const versionsHash = new Uint8Array(before.versionsHash);
    let { itemCount } = before;
    const gains = new Map<string, number>();
    for (const [item, versions] of change.items) {
      const held = this.latestVersions(key, item);
      for (const version of held) if (!versions.includes(version)) this.#toggle(versionsHash, key, version);
      for (const version of versions) if (!held.includes(version)) this.#toggle(versionsHash, key, version);
      const gain = this.#itemMutations(key, item, held, versions, batch);
      if (gain !== 0) gains.set(item, gain);
      itemCount += gain;
      draft.items.set(item, versions);
    }
    const { context, voided } = change.knowledge;
    const header: RowHeader = { context, voided, versionsHash, itemCount, isDamaged: change.isDamaged };
    batch.push({ key: keysOf(key).header(), value: encodeHeader(header) });
    this.#write(key, draft, header, batch, { ...change, gains }, settle);
  }

  #toggle(hash: Uint8Array, key: RowKey, version: LiveDelta): void {
    xorInto(hash, this.hasher.version(key.table, key.row, version));
  }

  /** Adds the changes of an item's record and of its entry in the order. Returns how many items the row gains: -1, 0 or 1. */
  #itemMutations(key: RowKey, item: string, held: readonly LiveDelta[], versions: readonly LiveDelta[], batch: Mutation[]): number {
    const keys = keysOf(key);
    const before = showItem(held, this.siblingRuleOf(key.table));
    const shown = showItem(versions, this.siblingRuleOf(key.table));
    batch.push({ key: keys.item(item), value: versions.length === 0 ? null : encodeItem(versions) });
    if (before !== null && before.position !== shown?.position) batch.push({ key: keys.order(before.position, item), value: null });
    if (shown !== null && (shown.position !== before?.position || shown.cell !== before.cell)) {
      batch.push({ key: keys.order(shown.position, item), value: encodeOrderEntry(shown) });
    }
    return Number(shown !== null) - Number(before !== null);
  }

  #write(key: RowKey, draft: Draft, header: RowHeader, batch: Mutation[], { gains, onDurable }: DurableChange, settle: Settle): void {
    const waiting: Settle[] = [];
    const { damageCount, header: before } = draft;
    draft.header = header;
    draft.waiting = waiting;
    draft.writesInFlight++;
    this.engine.write(batch, (failure) => {
      draft.writesInFlight--;
      const error = failure ?? (draft.damageCount === damageCount ? undefined : rowDamaged(key));
      if (error === undefined) {
        this.#cacheHeader(rowId(key), header);
        this.onChange(key, before, header, gains);
        onDurable?.();
      }
      this.#release(key, draft);
      settle(error);
      for (const waiter of waiting) waiter(error);
    }, this.durabilityOf(key.table));
  }

  #draft(key: RowKey): Draft {
    const header = this.header(key); // may find the row damaged, and so begin a draft
    const id = rowId(key);
    let draft = this.#drafts.get(id);
    if (draft === undefined) {
      draft = { header, items: new Map(), writesInFlight: 0, waiting: [], damageCount: 0 };
      this.#drafts.set(id, draft);
    }
    return draft;
  }

  #release(key: RowKey, draft: Draft): void {
    if (draft.writesInFlight === 0) this.#drafts.delete(rowId(key));
  }

  /** All items as the draft has them; what is damaged marks the row and is left out. */
  #latestItems(key: RowKey, draft: Draft): Map<string, readonly LiveDelta[]> {
    let items: Map<string, readonly LiveDelta[]>;
    try {
      items = this.#records.items(key);
    } catch (error) {
      this.#markDamaged(key, error); // and now every intact item is in the draft
      items = new Map();
    }
    for (const [item, versions] of draft.items) items.set(item, versions);
    return items;
  }

  /** Reads of a row that has a vote; damage found on the way takes it away. @throws STORE_ROW_DAMAGED */
  #readIntact<T>(key: RowKey, read: () => T): T {
    if (this.header(key).isDamaged) throw rowDamaged(key);
    try {
      return read();
    } catch (error) {
      this.#markDamaged(key, error);
      throw rowDamaged(key);
    }
  }

  #cacheHeader(id: string, header: RowHeader): void {
    this.#headers.delete(id);
    this.#headers.set(id, header);
    if (this.#headers.size > CACHED_HEADERS) this.#headers.delete(this.#headers.keys().next().value!);
  }

  /**
   * Every record of the row goes, and what is intact, or on its way to disk, is written again, order index and all: a damaged
   * key may stand anywhere. The mark counts at once; a crash before it is durable finds the damage again.
   */
  #markDamaged(key: RowKey, cause: unknown): void {
    if (!isCorruption(cause)) throw cause;
    const id = rowId(key);
    const { keys, items } = this.#records.salvage(key);
    const batch: Mutation[] = keys.map((recordKey) => ({ key: recordKey, value: null }));
    batch.push({ key: tokenIndexKey(key), value: NO_BYTES });
    const draft: Draft = this.#drafts.get(id) ?? { header: EMPTY_HEADER, items: new Map(), writesInFlight: 0, waiting: [], damageCount: 0 };
    for (const [item, versions] of draft.items) items.set(item, versions);
    const versionsHash = new Uint8Array(HASH_BYTES);
    let itemCount = 0;
    for (const [item, versions] of items) {
      for (const version of versions) this.#toggle(versionsHash, key, version);
      itemCount += this.#itemMutations(key, item, [], versions, batch);
      draft.items.set(item, versions);
    }
    const header: RowHeader = { ...knowledgeOfIntact([...items.values()].flat()), versionsHash, itemCount, isDamaged: true };
    batch.push({ key: keysOf(key).header(), value: encodeHeader(header) });
    this.#recent.forget(id);
    this.#cacheHeader(id, header);
    this.#drafts.set(id, draft);
    draft.header = header; // it counts from here on: what its own write changes is nothing
    draft.damageCount++;
    this.#write(key, draft, header, batch, { gains: NO_GAINS }, () => {});
    this.onDamage(key);
  }
}

/** Nothing was ever written to it. */
export const isEmpty = (header: RowHeader): boolean => header.context.isEmpty && header.voided.isEmpty && !header.isDamaged;

const NO_BYTES = new Uint8Array(0);
const NO_GAINS: ReadonlyMap<string, number> = new Map();

export const notSynced = (key: RowKey): TriptychError =>
  new TriptychError('STORE_NOT_SYNCED', `this replica of row ${key.row} of ${key.table} has no vote until it is synced`, { table: key.table, row: key.row });

export const rowDamaged = (key: RowKey): TriptychError =>
  new TriptychError('STORE_ROW_DAMAGED', `row ${key.row} of ${key.table} is damaged here and is being rebuilt`, { table: key.table, row: key.row });
