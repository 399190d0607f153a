/** What a node needs to know of a table. All nodes of a cluster must agree; the handshake between them compares a hash. */
import type { SiblingRule } from './causal-map.js';

export interface TableSchema {
  /** 1 to 32 characters of a-z and -. */
  readonly name: string;
  /**
   * Which of several concurrent values of one item is shown. A favorite keeps the date and place of its first add, so
   * that adding what is already there changes nothing even when two zones do it at once; elsewhere the latest write counts.
   */
  readonly siblings: SiblingRule;
  /** Items in a row, checked where a write is prepared; replication never refuses a delta for it. */
  readonly maxItemsPerRow: number;
}

export const VALUE_MAX_BYTES = 64 * 1024;

export const TABLES: readonly TableSchema[] = [
  { name: 'favorites', siblings: 'earliest', maxItemsPerRow: 10_000 },
  { name: 'catalog', siblings: 'latest', maxItemsPerRow: 10_000 },
];
