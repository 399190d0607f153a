/**
 * All that can go wrong in a simulation. Kinds and ranges follow what broke other stores (docs/SIMULATION.md names where each
 * comes from); each fault is picked as often as the others of its group, and the groups as often as their weights say.
 */
import { GOOD_LINK } from '@app/store/testing';
import type { SeededRandom } from '@app/time';
import { DISK_FAULTS } from './disk-faults.js';
import { restartIfFailed, type Fault, type FaultScene } from './fault.js';
import { MACHINE_FAULTS } from './machine-faults.js';
import { MEMBERSHIP_FAULTS } from './membership-faults.js';
import { NETWORK_FAULTS } from './network-faults.js';
import { TRAPS } from './traps.js';

const GROUPS: readonly { readonly weight: number; readonly faults: readonly Fault[] }[] = [
  { weight: 3, faults: NETWORK_FAULTS },
  { weight: 3, faults: MACHINE_FAULTS },
  { weight: 2, faults: TRAPS },
  { weight: 2, faults: DISK_FAULTS },
  { weight: 1, faults: MEMBERSHIP_FAULTS },
];

export const FAULTS: readonly Fault[] = GROUPS.flatMap(({ faults }) => faults);

export function pickFault(random: SeededRandom): Fault {
  return random.pick(random.pick(GROUPS.flatMap(({ weight, faults }) => Array.from({ length: weight }, () => faults))));
}

/** Mends everything that can be mended: what is lost stays lost. */
export function healAll({ cluster }: Pick<FaultScene, 'cluster'>): void {
  cluster.heal();
  cluster.network.quality = GOOD_LINK;
  for (const name of cluster.nodes) {
    cluster.disk(name).slow(1);
    cluster.disk(name).resume();
    cluster.freeDisk(name);
    cluster.mendSyncs(name);
    cluster.goOn(name);
    restartIfFailed(cluster, name);
  }
}
