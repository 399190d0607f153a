/**
 * What goes wrong with a machine and keeps all that was synced: processes that die, in order or not, or stand still; power
 * that goes, also in the middle of a write; disks that are slow, stalled, full, or fail their syncs; clocks that jump by an
 * hour or a month.
 */
import { NOTHING_TO_UNDO, onceThere, restartIfFailed, startIfDown, type Fault } from './fault.js';

export const MACHINE_FAULTS: readonly Fault[] = [
  {
    name: 'crash',
    lastsMs: [200, 8_000],
    begin: ({ cluster }, victim) => {
      cluster.crash(victim);
      return () => startIfDown(cluster, victim);
    },
  },
  {
    name: 'orderly restart',
    lastsMs: [200, 4_000],
    begin: ({ cluster }, victim) => {
      cluster.shutDown(victim);
      return () => startIfDown(cluster, victim);
    },
  },
  {
    name: 'power loss',
    lastsMs: [200, 8_000],
    begin: (scene, victim) => {
      const { cluster } = scene;
      if (!scene.mayLosePowerAt(victim)) return null;
      cluster.powerLoss(victim);
      return () => startIfDown(cluster, victim);
    },
  },
  {
    name: 'power loss of all',
    lastsMs: [100, 1_500],
    begin: (scene) => {
      const { cluster } = scene;
      const up = cluster.nodes.filter((name) => cluster.isUp(name));
      if (!scene.mayLosePowerAt(...up)) return null;
      for (const name of up) cluster.powerLoss(name);
      return () => up.forEach((name) => startIfDown(cluster, name));
    },
  },
  {
    name: 'process stopped',
    lastsMs: [100, 12_000],
    begin: ({ cluster }, victim) => {
      cluster.stop(victim);
      return onceThere(cluster, victim, () => cluster.goOn(victim));
    },
  },
  {
    name: 'clock jump',
    lastsMs: [0, 0],
    begin: ({ cluster, random }, victim) => {
      cluster.skew(victim, (random.fraction() - 0.5) * 2 * random.pick([1_000, 3_600_000, 30 * 24 * 3_600_000]));
      return NOTHING_TO_UNDO;
    },
  },
  {
    name: 'slow disk',
    lastsMs: [500, 8_000],
    begin: ({ cluster, random }, victim) => {
      cluster.disk(victim).slow(2 + 98 * random.fraction());
      return onceThere(cluster, victim, () => cluster.disk(victim).slow(1));
    },
  },
  {
    name: 'stalled disk',
    lastsMs: [200, 3_000],
    begin: ({ cluster }, victim) => {
      cluster.disk(victim).stall();
      return onceThere(cluster, victim, () => cluster.disk(victim).resume());
    },
  },
  {
    name: 'full disk',
    lastsMs: [500, 6_000],
    begin: ({ cluster }, victim) => {
      cluster.fillDisk(victim);
      return onceThere(cluster, victim, () => {
        cluster.freeDisk(victim);
        restartIfFailed(cluster, victim);
      });
    },
  },
  {
    name: 'failing syncs',
    lastsMs: [500, 4_000],
    begin: (scene, victim) => {
      const { cluster } = scene;
      if (!scene.mayLosePowerAt(victim)) return null; // what could not be synced is lost like what was not
      cluster.failSyncs(victim);
      return onceThere(cluster, victim, () => {
        cluster.mendSyncs(victim);
        restartIfFailed(cluster, victim);
      });
    },
  },
];
