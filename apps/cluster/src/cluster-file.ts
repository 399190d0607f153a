/**
 * cluster.json: what runs where, for people, for the command line and for tests; and the mark by which a data directory
 * is known as ours. Replaced as a whole with every change, so a reader always sees one moment, and a power loss leaves
 * the old one or the new one.
 *
 * A pid in it is only ever shown. Whoever wants a process to be stopped asks the supervisor, which holds its handle; a pid
 * taken from a file may by now be somebody else's.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LayoutChanges, PlannedProcess } from './cluster-plan.js';
import { ClusterRefused } from './cluster-refused.js';

export const CLUSTER_FORMAT = 1;
export const CLUSTER_FILE = 'cluster.json';

/** `waiting`: its turn to be started has not come. `exited`: it stays so until someone starts it again. */
export type ProcessState = 'waiting' | 'starting' | 'running' | 'paused' | 'stopping' | 'exited';

export interface ProcessRecord extends PlannedProcess {
  /** Null while there is no such process. */
  readonly pid: number | null;
  readonly state: ProcessState;
  /** When it came into this state, ISO 8601. */
  readonly since: string;
  /** How it ended last, one of the two being null; null while it runs and before its first start. */
  readonly exit: { readonly code: number | null; readonly signal: string | null } | null;
}

export interface ClusterRecord {
  readonly format: number;
  readonly clusterId: string;
  readonly zones: number;
  readonly nodesPerZone: number;
  readonly replicationFactor: number;
  /** Absent while the layout is as it was made. */
  readonly changes?: LayoutChanges;
  /** Null after an orderly stop. After a SIGKILL of the supervisor it still names it: only the socket tells. `console`: its URL. */
  readonly supervisor: { readonly pid: number; readonly adminSocket: string; readonly startedAt: string; readonly console?: string } | null;
  readonly processes: readonly ProcessRecord[];
}

/** @throws ClusterRefused when the file is of a newer format or not one of ours */
export function readClusterFile(directory: string): ClusterRecord | null {
  const file = path.join(directory, CLUSTER_FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const record = parse(text);
  if (typeof record?.format !== 'number' || typeof record.clusterId !== 'string' || !Array.isArray(record.processes)) {
    throw new ClusterRefused(`${file} is not a cluster's: remove it by hand, or give another directory with --data`);
  }
  if (record.format > CLUSTER_FORMAT) {
    throw new ClusterRefused(
      `${directory} was made by a newer Triptych (format ${record.format}, this one knows ${CLUSTER_FORMAT}): start it with that one, or give another directory with --data`,
    );
  }
  return record as ClusterRecord;
}

function parse(text: string): Partial<ClusterRecord> | null {
  try {
    return JSON.parse(text) as Partial<ClusterRecord> | null;
  } catch {
    return null;
  }
}

export function writeClusterFile(directory: string, record: ClusterRecord): void {
  const file = path.join(directory, CLUSTER_FILE);
  const first = !existsSync(file);
  writeFileSync(`${file}.next`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.next`, file);
  // Later ones may be lost with the power, and leave the one before; the first marks the directory as ours.
  if (first) syncDirectory(directory);
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
