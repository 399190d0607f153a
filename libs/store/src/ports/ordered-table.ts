/**
 * The ordered table behind the commit log: what `get` and `scan` read. It is told of a group of batches only when the log
 * holds it durably, so all it shows is durable, and it need not sync anything itself: after an unclean stop it is made
 * anew from a checkpoint and the log. Hence `apply` is synchronous, atomic and cheap, and what is asked of a table is little.
 *
 * Values are opaque here: they carry the record's checksum, which the engine checks.
 */
import type { Settled } from './disk.js';
import type { KeyRange, Mutation } from './storage-engine.js';

export interface OrderedTable {
  /** A view, valid until the next call to this table. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** As StorageEngine.scan: views that are valid within `visit` alone. */
  scan(range: KeyRange, visit: (key: Uint8Array, value: Uint8Array) => boolean | void): void;
  /** Applies all, in order and at once, or throws and applies none. Keeps none of the bytes given. */
  apply(mutations: readonly Mutation[]): void;
  /**
   * Lets go. With an `lsn`, records it and makes the content durable first, for `openLive`.
   * @param lsn the last batch applied, or null to keep nothing
   */
  close(lsn: number | null, settled: Settled): void;
}

/** Where the one live table of a directory is kept. */
export interface TableFiles {
  /** An empty live table, in place of any that is there. */
  create(): OrderedTable;
  /** The live table as `close(lsn)` left it. @throws when it is not there or records another LSN */
  openLive(lsn: number): OrderedTable;
}
