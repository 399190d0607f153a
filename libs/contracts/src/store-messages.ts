/**
 * What a client of the store and a coordinator say to each other. Rows are generic, `table / row / item`; a favorites
 * list is the row of a user in the table `favorites`, and an item of it is a film. LIST, PREPARE and COMMIT
 * cross the wire in bytes of their own (libs/store, client-messages.ts), the others as msgpack; `delta` and `value` are opaque to
 * everyone between the two ends.
 */
import type { NodeId, ZoneId } from './ids.js';

/** What each promises is in libs/store/src/core/quorum/consistency-level.ts. */
export const CONSISTENCY_LEVELS = ['ANY', 'ONE', 'TWO', 'SESSION', 'QUORUM', 'ALL', 'LINEARIZABLE'] as const;
export type ConsistencyLevel = (typeof CONSISTENCY_LEVELS)[number];

/** Where in the list an item goes; `before` and `after` name another item that must be in the list. */
export type Placement = 'first' | 'last' | { readonly before: string } | { readonly after: string };

export interface RowKey {
  readonly table: string;
  readonly row: string;
}

/** One item as a reader sees it. */
export interface Item {
  readonly item: string;
  /** Its place: items are ordered by (position, item), both compared as plain ASCII. Opaque, but stable while the item is not moved. */
  readonly position: string;
  /** What the writer stored, at most 64 KiB. */
  readonly value: Uint8Array;
  /** When the version shown was written, ms since 1970 by the hybrid logical clock of its coordinator. */
  readonly writtenAtMs: number;
}

/** What every request about a row may say of how it is to be answered. */
export interface RowRequest extends RowKey {
  /** Absent: the table's own, QUORUM where it has none. */
  readonly level?: ConsistencyLevel;
  /**
   * What the caller's session has seen of the row: `seen` of its last reply, or of the failure of its last write. Opaque.
   * Absent: no session, or it has not met this row.
   */
  readonly seen?: Uint8Array;
}

/** What every reply about a row says. */
export interface RowReply {
  readonly achieved: Achieved;
  /** What the caller's session has seen of the row now, for its next request. */
  readonly seen: Uint8Array;
}

/** What an answer rests on: stated with every reply, and true of it. */
export interface Achieved {
  /** The level whose promise the answer keeps. */
  readonly level: ConsistencyLevel;
  /** The coordinator that answered, and its zone. */
  readonly node: NodeId;
  readonly zone: ZoneId;
  /** Replicas that answered in time to count, the coordinator included, and their zones (each once). */
  readonly replicas: readonly NodeId[];
  readonly zones: readonly ZoneId[];
  /** Copies the row is meant to have. */
  readonly replicationFactor: number;
  /** Replicas disagreed and were made equal before the answer. */
  readonly repaired: boolean;
  /** A replica was late, and the coordinator asked another one beside it. */
  readonly hedged: boolean;
  /** Different states of the row that were met among those replicas: 1 where all agreed; 0 where none was looked at. */
  readonly versions: number;
  /** The level asked for first could not be had, and `level` is the one named as fallback. */
  readonly fallback: boolean;
  /**
   * The session had seen what none of all replicas holds any more, so SESSION's promise is broken here; `seen` begins anew
   * from what they hold.
   */
  readonly tokenAhead: boolean;
  /** A node that is no replica of the row stood in for one: the promises of the level are not made. */
  readonly sloppy: boolean;
}

export type Operation =
  | {
      readonly kind: 'add';
      readonly value: Uint8Array;
      /**
       * Absent: a new item goes last, and one already in the list stays where it is. Present: an item already there is moved. Its
       * value and date stay too, but in a table whose items are set (`siblings: 'latest'`), where they are replaced.
       */
      readonly placement?: Placement;
    }
  | { readonly kind: 'remove' }
  | { readonly kind: 'move'; readonly placement: Placement };

/** PREPARE: has no effect and may be sent to any replica, any number of times, until one COMMIT was sent. */
export interface PrepareRequest extends RowRequest {
  readonly item: string;
  readonly operation: Operation;
  /** A delta of the same session for the same item whose outcome is unknown: the new one supersedes it. */
  readonly pending?: Uint8Array;
}

export interface PrepareReply extends RowReply {
  /** The complete operation, to be given to COMMIT as it is. Null: there is nothing to do and the answer is final. */
  readonly delta: Uint8Array | null;
  /** The item as it will be (add, move) or as it already is (add of what is there and stays); null for a remove. */
  readonly item: Item | null;
  /** As of any reply, with this operation as one of unknown outcome: to be given to COMMIT, whose reply settles it. */
  readonly seen: Uint8Array;
}

/** COMMIT: applies exactly these bytes; any replica, any number of times, however late. */
export interface CommitRequest extends RowRequest {
  readonly delta: Uint8Array;
}

export type CommitReply = RowReply;

export interface ListRequest extends RowRequest {
  /** 1 to 500 items. */
  readonly limit: number;
  /** Exclusive: the last item of the page before, or its `lookedTo`. */
  readonly after?: { readonly position: string; readonly item: string };
  /**
   * Only items that have all these attributes, each compared as it is; at most 4. Of a table without attributes it is
   * refused. At most 2,000 items are looked at for one page, so that one may be short, or empty, and the list not at its end.
   */
  readonly where?: Readonly<Record<string, string>>;
}

export interface ListReply extends RowReply {
  readonly items: readonly Item[];
  /** Whether there are items after the last one, or with `where` items that were not looked at. */
  readonly more: boolean;
  /** With `where` and `more`: the last item that was looked at. The next page goes on after it. */
  readonly lookedTo?: { readonly position: string; readonly item: string };
}

/** The most items that one GET names. */
export const GET_ITEMS_MAX = 200;

/** Some items of a row by their names: one read of the row, however many they are. */
export interface GetRequest extends RowRequest {
  /** 1 to GET_ITEMS_MAX, each once. */
  readonly items: readonly string[];
}

export interface GetReply extends RowReply {
  /** In the order asked, null where an item is not in the row; all of one state of the row. */
  readonly items: readonly (Item | null)[];
}

/**
 * WATCH: what a listener is to be told of a row, from one replica, for as long as it listens. Where what it has seen cannot be
 * brought up to date change by change, the whole row comes; and at least every WATCH_BEAT_MS something, with no changes where
 * there are none, so that silence means that the replica is gone.
 */
export interface WatchRequest extends RowKey {
  /** `seen` of the last event, from whichever replica. Absent: the listener knows nothing, and is told the row first. */
  readonly seen?: Uint8Array;
}

export const WATCH_BEAT_MS = 500;

export type WatchEvent =
  /** The row as it is, in parts of one state; the parts come one after the other, and count with the last. */
  | { readonly kind: 'full'; readonly items: readonly Item[]; readonly more: boolean; readonly seen: Uint8Array }
  /** A step from what was seen to what is: each item at most once. */
  | { readonly kind: 'changes'; readonly changes: readonly ItemChange[]; readonly seen: Uint8Array };

/**
 * What became of one item. `added`: it is in the row, so; a listener that has it replaces it. `moved`: the same as before in
 * another place. `removed`: it is not in the row.
 */
export type ItemChange =
  | { readonly kind: 'added' | 'moved'; readonly item: string; readonly now: Item }
  | { readonly kind: 'removed'; readonly item: string };

/** In how many rows of a table an item is, as far as one node knows. */
export interface CountRequest {
  readonly table: string;
  readonly item: string;
}

export interface CountReply {
  /** How the ring was cut into sets: only sets of the same cut may be added up. Empty while the node has counted nothing yet. */
  readonly ring: string;
  /** Those sets of replicas that this node is in and is sure of. */
  readonly sets: readonly SetCount[];
}

/** A count over the slots of the ring that the same replicas hold. */
export interface SetCount {
  /** In the order of their names; no two sets of a cut have the same. */
  readonly nodes: readonly NodeId[];
  /** How many of the ring's 4,096 slots these are. */
  readonly slots: number;
  readonly count: number;
}

/** The ring, as any node tells it to whoever asks: enough to place every row and to reach every node. */
export interface RingReply {
  readonly clusterId: string;
  /** Grows with every change; the higher epoch is the truth. */
  readonly epoch: number;
  readonly replicationFactor: number;
  readonly members: readonly RingMember[];
}

export interface RingMember {
  readonly node: NodeId;
  readonly zone: ZoneId;
  readonly region: string;
  readonly host: string;
  readonly port: number;
  /** Share of the data relative to other members; 0 for a member that holds no rows. */
  readonly weight: number;
  /** The node whose place on the ring this one took over: it holds exactly the rows which that one held. Absent: its own. */
  readonly place?: NodeId;
}

/** Names of the messages on the wire: Nest message patterns. */
export const PATTERNS = {
  prepare: 'store.prepare',
  commit: 'store.commit',
  list: 'store.list',
  get: 'store.get',
  ring: 'store.ring',
  count: 'store.count',
  watch: 'store.watch',
  /** Between replicas: one pattern, the kind is in the message. */
  peer: 'store.peer',
} as const;
