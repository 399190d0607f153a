/** What a node needs to know of a table. All nodes of a cluster must agree; the handshake between them compares a hash. */
import type { ConsistencyLevel } from '@app/contracts';
import type { SiblingRule } from './causal-map.js';

export interface TableSchema {
  /** 1 to 32 characters of a-z and -. */
  readonly name: string;
  /**
   * What an add means for an item that is there, and so which of several concurrent values of it is shown. A favorite keeps
   * the value, date and place of its first add (`earliest`): adding what is already there changes nothing even when two zones
   * do it at once. Elsewhere an add sets (`latest`): the item has the value of the last one, and keeps its place. So that the last
   * is last whatever the clocks say, such an add learns the item at its level first and is dated after it (F20).
   */
  readonly siblings: SiblingRule;
  /** Items in a row, checked where a write is prepared; replication never refuses a delta for it. */
  readonly maxItemsPerRow: number;
  /** Whether values are of the form of attributes.ts, so that a row can be listed by them. */
  readonly attributes?: boolean;
  /** Whether nodes count in how many rows each item is: see item-counts.ts. */
  readonly counted?: boolean;
  /**
   * When a write counts as stored: `commit` (where absent) when it is on disk, `periodic` when the system has it, with a sync at most
   * ten seconds later. After an unclean stop a node has no vote in a periodic table until it has synced its rows with the others.
   */
  readonly durability?: 'commit' | 'periodic';
  /** Of requests that name none; QUORUM where absent. */
  readonly level?: Exclude<ConsistencyLevel, 'ANY'>;
  /**
   * Whether nodes that are no replicas of a row may stand in for those that do not answer (Dynamo's sloppy quorum): writes go
   * on with more nodes away, and the promises of their levels are not made. Not at SESSION, ALL and LINEARIZABLE.
   */
  readonly sloppy?: boolean;
}

export const VALUE_MAX_BYTES = 64 * 1024;

export const TABLES: readonly TableSchema[] = [
  { name: 'favorites', siblings: 'earliest', maxItemsPerRow: 10_000, attributes: true, counted: true },
  { name: 'catalog', siblings: 'latest', maxItemsPerRow: 10_000 },
  { name: 'bookmarks', siblings: 'latest', maxItemsPerRow: 10_000 },
  { name: 'ratings', siblings: 'latest', maxItemsPerRow: 10_000 },
];
