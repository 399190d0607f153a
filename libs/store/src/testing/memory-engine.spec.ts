import { SeededRandom, SimClock } from '@app/time';
import { expect } from 'vitest';
import { describeStorageEngine } from './engine-contract.js';
import type { EngineBench } from './engine-use.js';
import { openMemoryEngine, type OpenedMemoryEngine } from './memory-engine.js';
import { SimDisk } from './sim-disk.js';

describeStorageEngine('memory table on a simulated disk', (): EngineBench => {
  const clock = new SimClock();
  const disk = new SimDisk(clock, new SeededRandom(7));
  let opened: OpenedMemoryEngine;
  return {
    open(settings, owner) {
      return (opened = openMemoryEngine({ disk, clusterId: 'cluster', nodeId: 'node', ...owner, settings }));
    },
    until(condition) {
      expect(clock.runUntil(condition, 60_000)).toBe(true);
      return Promise.resolve();
    },
    kill: () => {
      disk.crash();
      disk.failSyncs(null);
    },
    copy: () => disk.restore(disk.snapshot(), 'copy'),
    hold: () => disk.stall(),
    release: () => disk.resume(),
    failSyncs: () => disk.failSyncs(new Error('EIO: i/o error')),
    rot: (key) => opened.tables.live!.rot(key),
    list: () => disk.names(),
    read: (name) => disk.file(name).bytes.slice(0, disk.file(name).length),
    overwrite: (name, bytes) => (bytes === null ? disk.erase(name) : disk.replace(name, bytes)),
    dispose: () => Promise.resolve(),
  };
});
