/**
 * One supervisor for a data directory. The lock must be let go by the system itself when its holder is killed with
 * SIGKILL, and taking it must be atomic.
 *
 * A pid file fails the first, and a socket in the directory fails the second (two starters may both find it dead, and the
 * later one removes the earlier one's). Node has no flock. SQLite, which is part of Node, locks a file with the system's own
 * record locks, and an exclusive transaction that writes nothing is exactly such a lock: the file stays empty.
 */
import type { DatabaseSync } from 'node:sqlite';

const SQLITE_BUSY = 5;

/** Releasing twice does nothing. Null when another process, or another holder in this one, has it. */
export function tryLock(file: string): { release(): void } | null {
  // Not imported: on a Node too old to have it, the import would fail with a stack before anyone could say so.
  const sqlite = process.getBuiltinModule('node:sqlite') as { DatabaseSync: typeof DatabaseSync };
  const database = new sqlite.DatabaseSync(file);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return null;
    throw error;
  }
  return {
    release: () => {
      if (database.isOpen) database.close();
    },
  };
}
