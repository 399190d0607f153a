/**
 * One process for one directory. The lock is the kernel's, on an empty SQLite database: the only file lock that Node itself
 * can take, without a race and gone with the process that held it, however that ended. Refused: a file with a process id in
 * it, which must guess whether the number still means what it meant.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TriptychError } from '@app/contracts';

export const LOCK_FILE = 'LOCK';

export class DirectoryLock {
  readonly #database: DatabaseSync;

  /** @throws TriptychError STORE_FAILED, reason in-use, when a process (this one too) holds the directory */
  constructor(directory: string) {
    this.#database = new DatabaseSync(join(directory, LOCK_FILE), { timeout: 0 });
    try {
      this.#database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    } catch (error) {
      this.#database.close();
      if (!/locked/.test((error as Error).message)) throw error;
      throw new TriptychError('STORE_FAILED', `data directory refused: another process has ${directory} open`, { reason: 'in-use' });
    }
  }

  release(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}
