/**
 * The directory a cluster lives in: recognised, locked, emptied when asked, and refused when it is not ours to touch.
 *
 *     cluster.json     what runs where, and the mark of a directory of ours
 *     lock             held while a supervisor runs
 *     cluster.secret   signs retry tokens and cursors; the same after a restart, so that those handed out stay good
 *     admin.token      opens the admin ports of gateways and store nodes
 *     admin.sock       the supervisor's own admin socket
 *     <name>/log       what a process prints, appended; set aside as log.1 when it is large at a start
 *     <name>/data      what a store node keeps
 *
 * Emptying removes what is in this list and nothing else: a file that somebody put there stays.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ID_PATTERN } from '@app/contracts';
import { CLUSTER_FILE, readClusterFile, type ClusterRecord } from './cluster-file.js';
import type { ClusterLayout } from './cluster-plan.js';
import { ClusterRefused } from './cluster-refused.js';
import { tryLock } from './directory-lock.js';

const LOCK_FILE = 'lock';
const SECRET_FILE = 'cluster.secret';
const ADMIN_TOKEN_FILE = 'admin.token';
const ADMIN_SOCKET = 'admin.sock';

export interface DataDirectory {
  /** Absolute. */
  readonly path: string;
  readonly clusterId: string;
  readonly secretFile: string;
  readonly adminTokenFile: string;
  readonly adminSocket: string;
  /** What the last supervisor left; null in a new directory. */
  readonly previous: ClusterRecord | null;
  /** Lets another supervisor have it. */
  release(): void;
}

export interface DataDirectoryRequest {
  readonly path: string;
  readonly layout: ClusterLayout;
  /** Remove what an earlier cluster left here. */
  readonly fresh: boolean;
}

export const adminSocketIn = (directory: string) => path.join(path.resolve(directory), ADMIN_SOCKET);

/** @throws ClusterRefused when the directory is in use, another cluster's, newer, not ours or not writable */
export function openDataDirectory(request: DataDirectoryRequest): DataDirectory {
  const directory = path.resolve(request.path);
  const lock = orRefuse(directory, () => {
    makeDirectory(directory);
    // Before a lock file is put into somebody else's directory.
    requireOurs(directory);
    return tryLock(path.join(directory, LOCK_FILE));
  });
  if (lock === null) throw inUse(directory);
  try {
    return orRefuse(directory, () => {
      if (request.fresh) empty(directory);
      const previous = readClusterFile(directory);
      if (previous !== null) requireLayout(directory, previous, request.layout);
      return {
        path: directory,
        clusterId: previous?.clusterId ?? randomUUID(),
        secretFile: secretIn(directory, SECRET_FILE),
        adminTokenFile: secretIn(directory, ADMIN_TOKEN_FILE),
        adminSocket: adminSocketIn(directory),
        previous,
        release: () => lock.release(),
      };
    });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Not mkdir's own `recursive`: where a file system refuses a directory with ENOENT, as /proc does, Node tries for ever. */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  makeDirectory(path.dirname(directory));
  mkdirSync(directory, 0o700);
}

/** Ours: it holds a cluster.json, or nothing but what a start that went no further leaves. */
function requireOurs(directory: string): void {
  if (readClusterFile(directory) !== null) return;
  const leftByUs = [LOCK_FILE, SECRET_FILE, ADMIN_TOKEN_FILE, CLUSTER_FILE];
  const foreign = readdirSync(directory).find((name) => !leftByUs.includes(name.replace(/\.next$/, '')));
  if (foreign === undefined) return;
  throw new ClusterRefused(
    `${directory} is not a cluster's data directory (it holds ${foreign} and no ${CLUSTER_FILE}): give another one with --data`,
  );
}

function requireLayout(directory: string, previous: ClusterRecord, asked: ClusterLayout): void {
  if (previous.zones === asked.zones && previous.nodesPerZone === asked.nodesPerZone) return;
  throw new ClusterRefused(
    `${directory} holds a cluster of --zones ${previous.zones} --nodes-per-zone ${previous.nodesPerZone}, not ${asked.zones} and ${asked.nodesPerZone}: ` +
      'start it as it was made, give another directory with --data, or empty this one with --fresh',
  );
}

function inUse(directory: string): ClusterRefused {
  const pid = readClusterFile(directory)?.supervisor?.pid;
  return new ClusterRefused(
    `${directory} is in use by a running cluster${pid === undefined ? '' : ` (supervisor pid ${pid})`}: stop that one, or give another directory with --data`,
  );
}

/** cluster.json goes last, so that a start that was interrupted here can be made again. */
function empty(directory: string): void {
  const names = readClusterFile(directory)?.processes.map(({ name }) => name) ?? [];
  for (const name of [...names, SECRET_FILE, ADMIN_TOKEN_FILE, ADMIN_SOCKET, CLUSTER_FILE]) {
    if (ID_PATTERN.test(name)) rmSync(path.join(directory, name), { recursive: true, force: true });
  }
}

/** Made once, readable by its owner only, and never seen half written. */
function secretIn(directory: string, name: string): string {
  const file = path.join(directory, name);
  if (existsSync(file)) return file;
  writeFileSync(`${file}.next`, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.next`, file);
  return file;
}

function orRefuse<T>(directory: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof ClusterRefused) throw error;
    throw new ClusterRefused(`${directory} cannot be used as data directory: ${(error as Error).message}`, { cause: error });
  }
}
