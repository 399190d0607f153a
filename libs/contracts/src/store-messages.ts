/**
 * What a client of the store and a coordinator say to each other. Rows are generic, `table / row / item`; a favorites
 * list is the row of a user in the table `favorites`, and an item of it is a film. Field values cross the wire as
 * msgpack; `delta` and `value` are opaque bytes to everyone between the two ends.
 */
import type { NodeId, ZoneId } from './ids.js';

export type ConsistencyLevel = 'ONE' | 'QUORUM' | 'ALL';
export const CONSISTENCY_LEVELS: readonly ConsistencyLevel[] = ['ONE', 'QUORUM', 'ALL'];

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

/** What an answer rests on: stated with every reply, and true of it. */
export interface Achieved {
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
}

export type Operation =
  | {
      readonly kind: 'add';
      readonly value: Uint8Array;
      /** Absent: an item already in the list stays as it is, a new one goes last. Present: an item already there is moved. */
      readonly placement?: Placement;
    }
  | { readonly kind: 'remove' }
  | { readonly kind: 'move'; readonly placement: Placement };

/** PREPARE: has no effect and may be sent to any replica, any number of times, until one COMMIT was sent. */
export interface PrepareRequest extends RowKey {
  readonly item: string;
  readonly operation: Operation;
  readonly level: ConsistencyLevel;
  /** A delta of the same session for the same item whose outcome is unknown: the new one supersedes it. */
  readonly pending?: Uint8Array;
}

export interface PrepareReply {
  /** The complete operation, to be given to COMMIT as it is. Null: there is nothing to do and the answer is final. */
  readonly delta: Uint8Array | null;
  /** The item as it will be (add, move) or as it already is (add of what is there); null for a remove. */
  readonly item: Item | null;
  readonly achieved: Achieved;
}

/** COMMIT: applies exactly these bytes; any replica, any number of times, however late. */
export interface CommitRequest extends RowKey {
  readonly delta: Uint8Array;
  readonly level: ConsistencyLevel;
}

export interface CommitReply {
  readonly achieved: Achieved;
}

export interface ListRequest extends RowKey {
  /** 1 to 500 items. */
  readonly limit: number;
  /** Exclusive: the last item of the page before. */
  readonly after?: { readonly position: string; readonly item: string };
  readonly level: ConsistencyLevel;
}

export interface ListReply {
  readonly items: readonly Item[];
  /** Whether there are items after the last one. */
  readonly more: boolean;
  readonly achieved: Achieved;
}

export interface GetRequest extends RowKey {
  readonly item: string;
  readonly level: ConsistencyLevel;
}

export interface GetReply {
  readonly item: Item | null;
  readonly achieved: Achieved;
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
  /** Share of the data relative to other members, > 0. */
  readonly weight: number;
}

/** Names of the messages on the wire: Nest message patterns. */
export const PATTERNS = {
  prepare: 'store.prepare',
  commit: 'store.commit',
  list: 'store.list',
  get: 'store.get',
  ring: 'store.ring',
  /** Between replicas: one pattern, the kind is in the message. */
  peer: 'store.peer',
} as const;
