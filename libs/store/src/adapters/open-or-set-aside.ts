/**
 * Opens a node's data directory, or, where that cannot be done any more, sets it aside and begins with an empty one: to the
 * cluster a lost disk, which is rebuilt from the other replicas (slot-sync.ts), where a node that refuses to start would stay
 * away until somebody comes. The old directory is renamed, never removed: `data` becomes `data.set-aside-1`.
 *
 * Set aside is a directory whose content is damaged beyond what recovery mends, one that the system cannot read, and one
 * that has ended three processes in a row while they were opening it. For the last the attempts are counted in a file beside it,
 * written before and removed after. Not set aside is what only looks like this: another node's or cluster's directory, a newer
 * format, one that is in use, no permission, no room. There an empty start would hide a mistake that somebody can put right.
 */
import fs from 'node:fs';
import path from 'node:path';
import { TriptychError } from '@app/contracts';
import type { OpenedEngine } from '../node/log-engine.js';
import { DirectoryLock } from './directory-lock.js';
import { openLmdbEngine, type LmdbEngineOptions } from './lmdb-engine.js';

export interface SetAside {
  /** Where it is now. */
  readonly directory: string;
  readonly reason: string;
}

/** Processes that may end while opening a directory, before it is held to be the cause. */
const ATTEMPTS_MAX = 3;
/** The medium or the file system cannot read it. */
const UNREADABLE: ReadonlySet<unknown> = new Set(['EIO', 'EUCLEAN', 'EBADMSG']);

/** @throws what openLmdbEngine throws, where setting aside is no answer to it */
export function openOrSetAside(options: LmdbEngineOptions): OpenedEngine & { readonly setAside: SetAside | null } {
  const { directory } = options;
  const attemptsFile = `${directory}.opening`;
  const attempts = countIn(attemptsFile);
  let setAside: SetAside | null = null;
  if (attempts >= ATTEMPTS_MAX && fs.existsSync(directory)) {
    new DirectoryLock(directory).release(); // throws where a process has it open: then that one is well
    setAside = { directory: moveAside(directory), reason: `${attempts} processes in a row ended while they were opening it` };
    fs.rmSync(attemptsFile, { force: true });
  }
  fs.mkdirSync(path.dirname(directory), { recursive: true, mode: 0o700 });
  fs.writeFileSync(attemptsFile, String(setAside === null ? attempts + 1 : 1), { mode: 0o600 });
  try {
    return { ...openLmdbEngine(options), setAside };
  } catch (error) {
    if (!isBeyondRepair(error) || setAside !== null) throw error;
    setAside = { directory: moveAside(directory), reason: (error as Error).message };
    return { ...openLmdbEngine(options), setAside };
  } finally {
    // Whatever was thrown, this process is still there to say so: it was not ended by the directory.
    fs.rmSync(attemptsFile, { force: true });
  }
}

function isBeyondRepair(error: unknown): boolean {
  if (error instanceof TriptychError) return error.code === 'STORE_RECORD_CORRUPT' || error.details['reason'] === 'not-a-data-directory';
  return UNREADABLE.has((error as NodeJS.ErrnoException).code);
}

/** Renames it to a name that is free, durably. */
function moveAside(directory: string): string {
  let number = 1;
  while (fs.existsSync(`${directory}.set-aside-${number}`)) number++;
  const aside = `${directory}.set-aside-${number}`;
  fs.renameSync(directory, aside);
  const descriptor = fs.openSync(path.dirname(directory), 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
  return aside;
}

function countIn(file: string): number {
  try {
    return Number.parseInt(fs.readFileSync(file, 'utf8'), 10) || 0;
  } catch {
    return 0;
  }
}
