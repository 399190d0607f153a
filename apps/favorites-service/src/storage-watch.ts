/**
 * What a process does when its storage fails: it stays, takes no writes any more, and goes on answering what durable state can
 * answer, so that a failing disk costs a replica and not its reads. Nothing that was written after the failure is believed.
 *
 * It comes back by a restart and in no other way: what a failed write or sync has left on the disk is only known once recovery has
 * read it (fsyncgate). Where the disk was full that can be decided here: once there is room again the process ends, and its
 * supervisor starts it anew. Any other failure waits for somebody who has looked at the disk.
 */
import { statfsSync } from 'node:fs';
import type { StorageEngine } from '@app/store';
import type { Logger } from 'pino';

export interface StorageWatchPorts {
  readonly engine: StorageEngine;
  readonly directory: string;
  readonly log: Logger;
  readonly die: (why: string) => void;
  /** Free bytes where the directory is. */
  readonly freeBytes?: () => number;
  /** Whether the disk only pretends to be full, for a drill. */
  readonly isFull?: () => boolean;
}

/** How soon a failure is noticed, ms. Writes fail from the first moment. */
const CHECK_MS = 100;
const LOOK_FOR_ROOM_MS = 1_000;
/** Free bytes with which a restart is worth while: recovery writes a segment anew, and then the log grows. */
export const ROOM_BYTES = 64 * 1024 * 1024;
const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

/** Ends with the function that is answered. */
export function watchStorage({ engine, directory, log, die, freeBytes = () => freeIn(directory), isFull = () => false }: StorageWatchPorts): () => void {
  const watch = setInterval(() => {
    if (engine.state !== 'failed') return;
    clearInterval(watch);
    const cause = (engine.failure as { cause?: { code?: unknown } } | null)?.cause;
    log.fatal({ err: engine.failure }, 'storage has failed: this node takes no writes, and reads only what it has');
    if (FULL.has(cause?.code)) room = setInterval(() => lookForRoom(), LOOK_FOR_ROOM_MS);
  }, CHECK_MS);
  let room: NodeJS.Timeout | undefined;
  const lookForRoom = (): void => {
    if (isFull() || freeBytes() < ROOM_BYTES) return;
    clearInterval(room);
    die('there is room on the disk again: a restart recovers the storage');
  };
  return () => {
    clearInterval(watch);
    clearInterval(room);
  };
}

function freeIn(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
