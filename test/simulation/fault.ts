/** What every fault is made of. */
import type { TriptychError } from '@app/contracts';
import type { SimMessage, TestCluster } from '@app/store/testing';
import type { SeededRandom } from '@app/time';

export interface FaultScene {
  readonly cluster: TestCluster;
  readonly random: SeededRandom;
  /** Names of the gateways, with the zone letter of each. */
  readonly clients: readonly { readonly name: string; readonly zone: string }[];
  readonly users: readonly string[];
  readonly films: readonly string[];
  /** False once everything is being mended: what was to go wrong later does not. */
  readonly isHarming: boolean;
  /** A fault that could not say so by what it returned has done its harm now. */
  happened(fault: string): void;
  /** Runs something at the first message that fits and arrives within `withinMs`; counted as the fault `name` if it does. */
  trap(name: string, withinMs: number, trap: Trap): void;
  /**
   * The promises are made while fewer than W replicas of a row may have lost what they acknowledged: for three copies one, and
   * of five no more are tried.
   * Says whether this node may be the one now, and from then on it is, until it is whole again.
   */
  mayLoseDataAt(name: string): boolean;
  /** Whether they may lose at one moment what was not synced: that is no loss, but in a table whose writes are acknowledged before. */
  mayLosePowerAt(...names: readonly string[]): boolean;
  /**
   * Whether the members may change now: no other change is under way, no replica is being rebuilt, and all gateways have heard of the
   * last change. One that slept through the replacement of every node that it knew has to be told others by a person.
   */
  mayChangeMembers(): boolean;
}

/** Looks at a message as it arrives; answers null when it does not care, else what becomes of the message. */
export type Trap = (message: SimMessage) => 'delivered' | 'lost' | null;

export interface Fault {
  readonly name: string;
  /** How long it lasts before it is undone, ms; [0, 0] for what happens in a moment. */
  readonly lastsMs: readonly [number, number];
  /** Does the harm to `victim`, a node that is up. Returns what undoes it, or null where nothing was harmed (yet). */
  readonly begin: (scene: FaultScene, victim: string) => (() => void) | null;
}

export const between = (random: SeededRandom, [least, most]: readonly [number, number]): number => least + (most - least) * random.fraction();

export const everyone = ({ cluster, clients }: FaultScene): { name: string; zone: string }[] => [
  ...cluster.nodes.map((name) => ({ name, zone: name[0]! })),
  ...clients,
];

/** False once the machine was switched off for good, after its node had left. */
export const isThere = (cluster: TestCluster, name: string): boolean => cluster.nodes.includes(name);

/** All members have been told how far the log of this node is, and none had heard of more. */
export function isWitnessed(cluster: TestCluster, name: string): boolean {
  const { witness } = cluster.node(name).stats();
  const { members, next } = cluster.membership;
  const names = new Set([...members, ...(next ?? [])].map(({ node }) => node as string));
  names.delete(name);
  return witness.standing !== 'unknown' && witness.toldPeers === names.size;
}

const START_AGAIN_MS = 500;

/** Starts the node unless it is up. One that cannot start, on a disk that fails, is tried again, as its supervisor would. */
export function startIfDown(cluster: TestCluster, name: string): void {
  if (!isThere(cluster, name) || cluster.isUp(name)) return;
  try {
    cluster.start(name);
  } catch (error) {
    // A directory that may lack what was acknowledged is set aside, and the node begins on an empty one.
    if ((error as TriptychError).code === 'STORE_RECORD_CORRUPT') cluster.loseDisk(name);
    else if (!/EIO|ENOSPC/.test((error as Error).message)) throw error;
    cluster.clock.after(START_AGAIN_MS, () => startIfDown(cluster, name));
  }
}

/** A process whose engine has failed serves nothing more; its supervisor starts it again. */
export function restartIfFailed(cluster: TestCluster, name: string): void {
  if (!isThere(cluster, name)) return;
  if (cluster.isUp(name) && cluster.engine(name).state === 'failed') cluster.crash(name);
  startIfDown(cluster, name);
}

/** What undoes a fault of a machine, if that is still there by then. */
export const onceThere =
  (cluster: TestCluster, name: string, undo: () => void): (() => void) =>
  () => {
    if (isThere(cluster, name)) undo();
  };

export const NOTHING_TO_UNDO = (): void => {};
