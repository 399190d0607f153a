/**
 * Faults that lose what was acknowledged: a record rots, a disk is lost, an old one is swapped back in. One replica of a row at
 * a time, as far as the promises go, and the next when that one is whole again.
 */
import { between, isThere, isWitnessed, NOTHING_TO_UNDO, startIfDown, type Fault, type FaultScene } from './fault.js';

const OLD_DISK_AGE_MS: readonly [number, number] = [1_000, 15_000];

export const DISK_FAULTS: readonly Fault[] = [
  {
    name: 'rot',
    lastsMs: [0, 0],
    begin: (scene, victim) => {
      const { cluster, random } = scene;
      const records = cluster.recordsOf(victim, random.pick(scene.users));
      if (records.length === 0 || !scene.mayLoseDataAt(victim)) return null;
      cluster.rotRecord(victim, random.pick(records), random.below(32));
      return NOTHING_TO_UNDO;
    },
  },
  {
    name: 'rot in the log, then a crash',
    lastsMs: [100, 3_000],
    begin: (scene, victim) => {
      const { cluster, random } = scene;
      const disk = cluster.disk(victim);
      const logs = disk.names().filter((name) => name.startsWith('log-') && disk.file(name).length > 0);
      if (logs.length === 0 || !scene.mayLoseDataAt(victim)) return null;
      cluster.crash(victim);
      const log = random.pick(logs);
      disk.flipBit(log, random.below(disk.file(log).length), random.below(8));
      return () => startIfDown(cluster, victim);
    },
  },
  {
    name: 'disk lost',
    lastsMs: [200, 8_000],
    begin: (scene, victim) => {
      if (!scene.mayLoseDataAt(victim)) return null;
      scene.cluster.loseDisk(victim);
      return () => startIfDown(scene.cluster, victim);
    },
  },
  oldDisk('old disk swapped in, a copy', 'copy', () => true),
  // The store tells a disk that was rolled back underneath by what peers have witnessed of it, and states how far: positions are
  // told once a second, and half of the peers are asked. So they have been told, all of them.
  oldDisk('disk rolled back', 'rollback', ({ cluster }, victim) => cluster.isUp(victim) && isWitnessed(cluster, victim)),
];

function oldDisk(name: string, as: 'copy' | 'rollback', isInScope: (scene: FaultScene, victim: string) => boolean): Fault {
  return {
    name,
    lastsMs: [0, 0],
    begin: (scene, victim) => {
      const { cluster, random } = scene;
      const old = cluster.snapshotDisk(victim);
      const awayMs = between(random, [100, 3_000]);
      const giveUpMs = cluster.clock.monotonicMs() + OLD_DISK_AGE_MS[1] + 10_000;
      const swap = (): void => {
        if (cluster.clock.monotonicMs() > giveUpMs || !isThere(cluster, victim)) return;
        if (!isInScope(scene, victim)) return void cluster.clock.after(50, swap);
        if (!scene.mayLoseDataAt(victim)) return;
        cluster.restoreDisk(victim, old, as);
        scene.happened(name);
        cluster.clock.after(awayMs, () => startIfDown(cluster, victim));
      };
      // The harm comes later: what was written in between is what the old disk lacks.
      cluster.clock.after(between(random, OLD_DISK_AGE_MS), swap);
      return null;
    },
  };
}
