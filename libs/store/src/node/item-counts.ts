/**
 * In how many rows of a table an item is: "how many lists hold this film". Each node counts the rows that it holds, apart for
 * each set of replicas (replica-sets.ts), so that whoever asks one node of each set has the whole ring once.
 *
 * Counts live in memory, change with every durable change of a row, and are made from the records after a start, in the
 * background and paced, as the Merkle tree is: nothing of them can be wrong after a crash because nothing of them outlives
 * it. They are made anew when the ring is cut in another way, the old ones answering meanwhile, and when a row was found
 * damaged. Eventual, and said so: a replica that missed a write counts without it until the write has come.
 *
 * Refused: counts on disk, changed in the batch of the row. One more record for every add, for a number that may be late.
 *
 * Bounded: a node counts at most ITEMS_MAX items (some 30 MB in nine sets). Beyond that it answers for those it counts, and does
 * not answer for others.
 */
import { TriptychError, type CountReply, type CountRequest, type NodeId, type RowKey } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import { firstTokenOf, LEAF_COUNT, leafOf, slotOfLeaf } from '../core/merkle/merkle-tree.js';
import { replicaSets, type ReplicaSets } from '../core/ring/replica-sets.js';
import { tokenOf } from '../core/ring/token.js';
import type { TokenRing } from '../core/ring/token-ring.js';
import type { RowStore } from './row-store.js';

export const ITEMS_MAX = 200_000;
const BUILD_PAUSE_MS = 25;
const BUILD_RETRY_MS = 1_000;
/** After damage: its rebuilding is over by then, and more of it may have been found. */
const RECOUNT_AFTER_MS = 60_000;
/** Rows read in one turn, fewer where rows are long: some 3 ms of work. */
const ROWS_MAX = 128;
const ITEMS_PER_TURN = 2_048;

/** In one change of a row: 1 for an item that it gained, -1 for one that it lost. */
export type ItemGains = ReadonlyMap<string, number>;

export interface ItemCountsPorts {
  readonly rows: Pick<RowStore, 'rowsByToken' | 'itemNames'>;
  readonly clock: Clock;
  readonly self: NodeId;
  /** The ring as clients know it; null before the node is a member. */
  readonly ring: () => TokenRing | null;
  /** Whether items of a table are counted. */
  readonly isCounted: (table: string) => boolean;
  /** Whether this node is sure of some slots, for each slot 1 where it is meant. */
  readonly hasVoteForAll: (slots: Uint8Array) => boolean;
}

export class ItemCounts {
  #answering: Counting | null = null;
  #building: Counting | null = null;
  #rowsAtOnce = ROWS_MAX;
  #cancelBuild: Cancel = () => {};
  #cancelRecount: Cancel | null = null;
  #isStopped = false;

  constructor(private readonly ports: ItemCountsPorts) {
    this.#begin(0);
  }

  /** False while the counts are being made for the first time, or for a ring that has changed. */
  get isReady(): boolean {
    return this.#building === null && this.#answering !== null;
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelBuild();
    this.#cancelRecount?.();
  }

  /** A change of a row became durable. */
  changed(key: RowKey, leaf: number, gains: ItemGains): void {
    if (gains.size === 0 || !this.ports.isCounted(key.table)) return;
    this.#answering?.changed(key, leaf, gains);
    this.#building?.changed(key, leaf, gains);
  }

  /** The ring may be cut in another way. */
  ringChanged(): void {
    this.#begin(0);
  }

  /** What a row adds changed in a way that is not known. */
  recount(): void {
    if (this.#isStopped) return;
    this.#cancelRecount ??= this.ports.clock.after(RECOUNT_AFTER_MS, () => {
      this.#cancelRecount = null;
      this.#begin(0, true);
    });
  }

  /** What this node counts, for each set that it is sure of. */
  answer({ table, item }: CountRequest): CountReply {
    if (!this.ports.isCounted(table)) throw new TriptychError('REQUEST_INVALID', `items of table ${String(table)} are not counted`);
    return this.#answering?.answer(table, item, this.ports.hasVoteForAll) ?? { ring: '', sets: [] };
  }

  #begin(delayMs: number, evenIfSame = false): void {
    const ring = this.ports.ring();
    if (ring === null || this.#isStopped) return;
    const cut = replicaSets(ring);
    const current = this.#building ?? this.#answering;
    if (!evenIfSame && current?.cut.name === cut.name) return;
    this.#building = new Counting(cut, this.ports.self);
    this.#cancelBuild();
    this.#cancelBuild = this.ports.clock.after(delayMs, () => this.#build(this.#building!));
  }

  #build(building: Counting): void {
    const { rows, clock, isCounted } = this.ports;
    const keys: { leaf: number; key: RowKey }[] = [];
    let leafReached = building.countedTo;
    let isAtEnd = true;
    let itemCount = 0;
    try {
      rows.rowsByToken(firstTokenOf(building.countedTo), firstTokenOf(LEAF_COUNT), (key) => {
        const leaf = leafOf(tokenOf(key.table, key.row));
        isAtEnd = keys.length < this.#rowsAtOnce || leaf === leafReached;
        if (isAtEnd) keys.push({ leaf, key });
        leafReached = leaf;
        return isAtEnd;
      });
      const found = keys.filter(({ key }) => isCounted(key.table)).map((each) => ({ ...each, names: rows.itemNames(each.key) }));
      for (const { key, leaf, names } of found) {
        itemCount += names.length;
        for (const name of names) building.add(key.table, name, leaf, 1);
      }
    } catch (error) {
      if (!(error instanceof TriptychError)) throw error;
      this.#cancelBuild = clock.after(BUILD_RETRY_MS, () => this.#build(building));
      return;
    }
    this.#rowsAtOnce = Math.max(1, Math.min(ROWS_MAX, Math.floor((keys.length * ITEMS_PER_TURN) / Math.max(1, itemCount))));
    building.countedTo = isAtEnd ? LEAF_COUNT : leafReached;
    if (!isAtEnd) {
      this.#cancelBuild = clock.after(BUILD_PAUSE_MS, () => this.#build(building));
      return;
    }
    this.#answering = building;
    this.#building = null;
  }
}

/** Counts over one cut of the ring. */
class Counting {
  /** Rows of leaves below this one have been counted. */
  countedTo = 0;
  /** For each item a count for each set that this node is in. */
  readonly #counts = new Map<string, Uint32Array>();
  readonly #own: readonly { readonly nodes: readonly NodeId[]; readonly slots: number; readonly isIn: Uint8Array }[];
  /** For each set of the ring which of the node's own it is, from 1; 0 for none. */
  readonly #ownOf: Uint16Array;
  /** Some items are not counted, and which is not known: what is not here may be of those. */
  #isFull = false;

  constructor(
    readonly cut: ReplicaSets,
    self: NodeId,
  ) {
    const own = [...cut.sets.entries()].filter(([, { nodes }]) => nodes.includes(self));
    this.#own = own.map(([set, { nodes, slots }]) => ({ nodes, slots, isIn: Uint8Array.from(cut.setOfSlot, (each) => Number(each === set)) }));
    this.#ownOf = new Uint16Array(cut.sets.length);
    own.forEach(([set], index) => (this.#ownOf[set] = index + 1));
  }

  changed({ table }: RowKey, leaf: number, gains: ItemGains): void {
    if (leaf >= this.countedTo) return;
    for (const [item, gain] of gains) this.add(table, item, leaf, gain);
  }

  add(table: string, item: string, leaf: number, gain: number): void {
    const own = this.#ownOf[this.cut.setOfSlot[slotOfLeaf(leaf)]!]!;
    if (own === 0) return;
    const name = `${table}\0${item}`;
    let counts = this.#counts.get(name);
    if (counts === undefined) {
      if (gain < 0) return;
      this.#isFull ||= this.#counts.size >= ITEMS_MAX;
      if (this.#isFull) return;
      this.#counts.set(name, (counts = new Uint32Array(this.#own.length)));
    }
    counts[own - 1] = Math.max(0, counts[own - 1]! + gain);
    if (counts[own - 1] === 0 && counts.every((count) => count === 0)) this.#counts.delete(name);
  }

  answer(table: string, item: string, hasVoteForAll: (slots: Uint8Array) => boolean): CountReply {
    const counts = this.#counts.get(`${table}\0${item}`);
    const isKnown = counts !== undefined || !this.#isFull;
    const sets = this.#own.map(({ nodes, slots, isIn }, index) => ({ nodes, slots, isIn, count: counts?.[index] ?? 0 }));
    const sure = isKnown ? sets.filter(({ isIn }) => hasVoteForAll(isIn)) : [];
    return { ring: this.cut.name, sets: sure.map(({ nodes, slots, count }) => ({ nodes, slots, count })) };
  }
}
