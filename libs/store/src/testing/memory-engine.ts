/** The storage engine over a memory table and a simulated disk: the production code, in virtual time. */
import { zstdCompressor } from '../adapters/zstd-compressor.js';
import { openLogEngine, type EngineSettings, type OpenedEngine } from '../node/log-engine.js';
import type { DirectoryOwner } from '../node/data-directory.js';
import { MemoryTables } from './memory-table.js';
import type { SimDisk } from './sim-disk.js';

export interface MemoryEngineOptions extends DirectoryOwner {
  readonly disk: SimDisk;
  readonly settings?: Partial<EngineSettings>;
}

export interface OpenedMemoryEngine extends OpenedEngine {
  /** Its table: tests rot records in it. */
  readonly tables: MemoryTables;
}

/** Opens the engine in a new process on the disk's machine. When that one crashes, the engine falls silent. */
export function openMemoryEngine({ disk, clusterId, nodeId, settings }: MemoryEngineOptions): OpenedMemoryEngine {
  const mount = disk.mount();
  const tables = new MemoryTables(mount);
  try {
    const atTurnEnd = (task: () => void) => void disk.clock.after(0, task);
    return { ...openLogEngine({ disk: mount, tables, compressor: zstdCompressor, clock: disk.clock, clusterId, nodeId, atTurnEnd, settings }), tables };
  } catch (error) {
    mount.close();
    throw error;
  }
}
