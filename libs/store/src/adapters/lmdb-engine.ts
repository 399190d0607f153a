/** The storage engine of a node in production: commit log and LMDB in one directory. */
import type { Clock } from '@app/time';
import type { DirectoryOwner } from '../node/data-directory.js';
import { openLogEngine, type EngineSettings, type OpenedEngine } from '../node/log-engine.js';
import type { Disk } from '../ports/disk.js';
import { LmdbTables } from './lmdb-table.js';
import { NodeDisk } from './node-disk.js';
import { zstdCompressor } from './zstd-compressor.js';

export interface LmdbEngineOptions extends DirectoryOwner {
  /** Made where it is not there. */
  readonly directory: string;
  readonly clock: Clock;
  readonly settings?: Partial<EngineSettings>;
  /** Puts something between the engine and its disk: tests make it fail. */
  readonly wrapDisk?: (disk: Disk) => Disk;
}

/**
 * Opens a data directory, recovering what an unclean stop has left; synchronous.
 * @throws TriptychError STORE_FAILED with `reason` in-use, other-cluster, other-node, other-format or not-a-data-directory;
 * STORE_RECORD_CORRUPT when acknowledged writes may be missing; the system's error when the directory cannot be used
 */
export function openLmdbEngine({ directory, wrapDisk = (disk) => disk, ...options }: LmdbEngineOptions): OpenedEngine {
  const disk = new NodeDisk(directory);
  try {
    const tables = new LmdbTables(directory);
    return openLogEngine({ ...options, disk: wrapDisk(disk), tables, compressor: zstdCompressor, atTurnEnd: (task) => void setImmediate(task) });
  } catch (error) {
    disk.close();
    throw error;
  }
}
