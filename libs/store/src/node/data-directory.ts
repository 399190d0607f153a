/**
 * The file that says whose directory this is, in which format, and how the last run left it. JSON, for an operator to read.
 *
 * The clean-stop marker is a field of it, not a file of its own: entering takes it away and leaving puts it back, each in
 * one durable step, so a crash at any moment leaves a directory that says "unclean". The fingerprint tells a copy from the
 * directory it was copied from: a copy of a cleanly stopped directory is an old disk with a clean marker.
 */
import { TriptychError } from '@app/contracts';
import type { Disk } from '../ports/disk.js';

export const DIRECTORY_FORMAT = 1;
export const IDENTITY_FILE = 'identity.json';

export interface DirectoryOwner {
  readonly clusterId: string;
  readonly nodeId: string;
}

interface Identity extends DirectoryOwner {
  readonly format: number;
  readonly fingerprint: string;
  /** LSN of the last batch at a clean stop; null while a run is on, and after one that did not end. */
  readonly cleanStopLsn: number | null;
}

export interface Entry {
  readonly isNew: boolean;
  readonly sameDirectory: boolean;
  /** The marker that was there and is now consumed; null where none was, or it is a copy's. */
  readonly cleanStopLsn: number | null;
}

/**
 * Checks that the directory is this node's, and durably takes the clean-stop marker away.
 * @throws TriptychError STORE_FAILED, with a `reason`, when it is another node's, another cluster's, of a newer format, or not a data directory
 */
export function enterDirectory(disk: Disk, owner: DirectoryOwner): Entry {
  const fingerprint = disk.fingerprint();
  const found = readIdentity(disk);
  if (found !== null) checkOwner(found, owner);
  writeIdentity(disk, { format: DIRECTORY_FORMAT, ...owner, fingerprint, cleanStopLsn: null });
  if (found === null) return { isNew: true, sameDirectory: true, cleanStopLsn: null };
  const sameDirectory = found.fingerprint === fingerprint;
  return { isNew: false, sameDirectory, cleanStopLsn: sameDirectory ? found.cleanStopLsn : null };
}

/** Durably marks a clean stop: all up to `lsn` is in the log and in the live table. */
export function leaveDirectory(disk: Disk, owner: DirectoryOwner, lsn: number): void {
  writeIdentity(disk, { format: DIRECTORY_FORMAT, ...owner, fingerprint: disk.fingerprint(), cleanStopLsn: lsn });
}

function readIdentity(disk: Disk): Identity | null {
  const names = disk.list();
  if (!names.includes(IDENTITY_FILE)) {
    if (names.some((name) => name.startsWith('log-') || name.startsWith('checkpoint-'))) {
      throw refused('not-a-data-directory', `it holds a log but no ${IDENTITY_FILE}`);
    }
    return null;
  }
  try {
    return JSON.parse(Buffer.from(disk.read(IDENTITY_FILE)).toString()) as Identity;
  } catch (error) {
    throw refused('not-a-data-directory', `${IDENTITY_FILE} cannot be read: ${(error as Error).message}`);
  }
}

function checkOwner(found: Identity, owner: DirectoryOwner): void {
  if (found.format !== DIRECTORY_FORMAT) {
    throw refused('other-format', `it is of format ${found.format}, this program reads ${DIRECTORY_FORMAT}`);
  }
  if (found.clusterId !== owner.clusterId) {
    throw refused('other-cluster', `it belongs to cluster ${found.clusterId}, not ${owner.clusterId}`);
  }
  if (found.nodeId !== owner.nodeId) throw refused('other-node', `it belongs to node ${found.nodeId}, not ${owner.nodeId}`);
}

function writeIdentity(disk: Disk, identity: Identity): void {
  const { format, clusterId, nodeId, fingerprint, cleanStopLsn } = identity;
  disk.replace(IDENTITY_FILE, Buffer.from(`${JSON.stringify({ format, clusterId, nodeId, fingerprint, cleanStopLsn })}\n`));
}

function refused(reason: string, what: string): TriptychError {
  return new TriptychError('STORE_FAILED', `data directory refused: ${what}`, { reason });
}
