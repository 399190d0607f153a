/**
 * What goes wrong in a simulation, each with how it is undone. Kinds and ranges follow what broke other stores: crashes with
 * and without loss of what was not synced, partitions of several shapes and in one direction, loss, repetition, slow
 * links and disks, clocks that jump by an hour or a month, and records that rot.
 */
import { GOOD_LINK, type TestCluster } from '@app/store/testing';
import type { SeededRandom } from '@app/time';

export const FAULTS = [
  'crash',
  'power-loss',
  'power-loss-of-all',
  'node-isolated',
  'zone-cut',
  'one-way-cut',
  'loss',
  'repetition',
  'slow-links',
  'clock-jump',
  'slow-disk',
  'stalled-disk',
  'rot',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultScene {
  readonly cluster: TestCluster;
  readonly random: SeededRandom;
  /** Names of all clients, with the zone letter of each. */
  readonly clients: readonly { readonly name: string; readonly zone: string }[];
  readonly users: readonly string[];
  readonly films: readonly string[];
  /** Disk faults that lose what was acknowledged: the promises are made for one replica of a row at a time. */
  rotted: boolean;
}

/** How long a fault lasts, ms. */
const DURATIONS_MS: Readonly<Record<Fault, readonly [number, number]>> = {
  crash: [200, 8_000],
  'power-loss': [200, 8_000],
  'power-loss-of-all': [100, 1_500],
  'node-isolated': [500, 10_000],
  'zone-cut': [500, 10_000],
  'one-way-cut': [500, 10_000],
  loss: [500, 8_000],
  repetition: [500, 10_000],
  'slow-links': [500, 8_000],
  'clock-jump': [0, 0],
  'slow-disk': [500, 8_000],
  'stalled-disk': [200, 3_000],
  rot: [0, 0],
};

/** Does the harm, sets its end, and says whether it really happened. */
export function inflict(fault: Fault, scene: FaultScene): boolean {
  const { cluster, random } = scene;
  const [least, most] = DURATIONS_MS[fault];
  const lastsMs = least + (most - least) * random.fraction();
  const later = (undo: () => void): void => void cluster.clock.after(lastsMs, undo);
  const up = cluster.nodes.filter((name) => cluster.isUp(name));
  if (up.length === 0) return false;
  const victim = random.pick(up);
  switch (fault) {
    case 'crash':
    case 'power-loss':
      cluster[fault === 'crash' ? 'crash' : 'powerLoss'](victim);
      later(() => startAgain(cluster, victim));
      return true;
    case 'power-loss-of-all':
      for (const name of up) cluster.powerLoss(name);
      later(() => up.forEach((name) => startAgain(cluster, name)));
      return true;
    case 'node-isolated':
      cluster.isolate(victim);
      later(() => cluster.heal());
      return true;
    case 'zone-cut': {
      const zone = random.pick(['a', 'b', 'c']);
      const inside = everyone(scene).filter(({ zone: of }) => of === zone);
      for (const { name } of inside) for (const other of everyone(scene)) if (other.zone !== zone) cutBoth(cluster, name, other.name);
      later(() => cluster.heal());
      return true;
    }
    case 'one-way-cut': {
      const [from, to] = [random.pick(everyone(scene)).name, random.pick(cluster.nodes)];
      if (from === to) return false;
      cluster.network.cut(from, to);
      later(() => cluster.heal());
      return true;
    }
    case 'loss':
      cluster.network.quality = { ...cluster.network.quality, loss: 0.02 + 0.28 * random.fraction() };
      later(() => (cluster.network.quality = { ...cluster.network.quality, loss: 0 }));
      return true;
    case 'repetition':
      cluster.network.quality = { ...cluster.network.quality, duplication: 0.5 * random.fraction() };
      later(() => (cluster.network.quality = { ...cluster.network.quality, duplication: 0 }));
      return true;
    case 'slow-links':
      cluster.network.quality = { ...cluster.network.quality, latencyMs: [1, 10 + 90 * random.fraction()] };
      later(() => (cluster.network.quality = { ...cluster.network.quality, latencyMs: GOOD_LINK.latencyMs }));
      return true;
    case 'clock-jump':
      cluster.skew(victim, (random.fraction() - 0.5) * 2 * random.pick([1_000, 3_600_000, 30 * 24 * 3_600_000]));
      return true;
    case 'slow-disk':
      cluster.disk(victim).slow(2 + 98 * random.fraction());
      later(() => cluster.disk(victim).slow(1));
      return true;
    case 'stalled-disk':
      cluster.disk(victim).stall();
      later(() => cluster.disk(victim).resume());
      return true;
    case 'rot': {
      if (scene.rotted) return false;
      scene.rotted = cluster.rot(victim, random.pick(scene.users), random.pick(scene.films));
      return scene.rotted;
    }
  }
}

/** Mends everything that can be mended: what is lost stays lost. */
export function healAll({ cluster }: FaultScene): void {
  cluster.heal();
  cluster.network.quality = GOOD_LINK;
  for (const name of cluster.nodes) {
    cluster.disk(name).slow(1);
    cluster.disk(name).resume();
    startAgain(cluster, name);
  }
}

const everyone = ({ cluster, clients }: FaultScene): { name: string; zone: string }[] => [
  ...cluster.nodes.map((name) => ({ name, zone: name[0]! })),
  ...clients,
];

function startAgain(cluster: TestCluster, name: string): void {
  if (!cluster.isUp(name)) cluster.start(name);
}

function cutBoth(cluster: TestCluster, one: string, other: string): void {
  cluster.network.cut(one, other);
  cluster.network.cut(other, one);
}
