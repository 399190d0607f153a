/**
 * What a local cluster consists of: a pure function from a layout to processes, names and ports, so that every question
 * about it can be answered by a table, before anything is started.
 *
 * Ports are one block from a base upwards: round robin, gateways, store nodes, admin ports of store nodes, admin ports
 * of gateways, the console. With port 0 the block is a free one (free-ports.ts) and the plan is the same function of its first port.
 * Ports that the children choose for themselves were refused: every store node has to know the others' before it starts.
 */
import path from 'node:path';
import { assert, nodeId, zoneId, type RingMember, type ZoneId } from '@app/contracts';
import type { Survival } from '@app/store';

export type ProcessRole = 'gateway' | 'store' | 'round-robin';
/** In this order processes are started; they are stopped in the opposite one. */
export const START_ORDER: readonly ProcessRole[] = ['store', 'gateway', 'round-robin'];

export const REGION = 'local';
/** Everything listens here and nowhere else: a local cluster is nobody else's business. */
export const HOST = '127.0.0.1';
const COPIES_WANTED = 3;

export interface ClusterLayout {
  /** 1 to 26: a zone is named by a letter. */
  readonly zones: number;
  /** Store nodes in each zone, 1 to 99. */
  readonly nodesPerZone: number;
}

/** What became of the layout since: store nodes that joined later, in the order in which they came, and the names of those that left. */
export interface LayoutChanges {
  readonly added: readonly { readonly name: string; readonly zone: ZoneId }[];
  readonly removed: readonly string[];
}

export const NO_CHANGES: LayoutChanges = { added: [], removed: [] };

export interface PlannedProcess {
  readonly name: string;
  readonly role: ProcessRole;
  /** Null for the round robin, which stands for a load balancer in front of the zones. */
  readonly zone: ZoneId | null;
  readonly region: string;
  readonly host: string;
  /** What it serves: HTTP, or the wire for a store node. */
  readonly port: number;
  /** Admin calls, on loopback; null where there are none. */
  readonly adminPort: number | null;
  /** What it keeps on disk, an absolute path; null for a process that keeps nothing. */
  readonly dataDirectory: string | null;
}

export interface ClusterPlan {
  readonly layout: ClusterLayout;
  readonly replicationFactor: number;
  /** What its members are to survive, from the founding on. */
  readonly survive: Survival;
  readonly processes: readonly PlannedProcess[];
  /** Where the supervisor serves the console, where it does. */
  readonly consolePort: number;
}

/** Copies of each row: three, or one on each node where there are fewer nodes. */
export function replicationFactorOf({ zones, nodesPerZone }: ClusterLayout): number {
  return Math.min(COPIES_WANTED, zones * nodesPerZone);
}

/**
 * Why the cluster stops serving at QUORUM when one whole zone is lost, or null when it goes on. Copies go to as many
 * zones as there are, so the worst zone holds ceil(copies / zones); the others have to be a quorum without it.
 */
export function weaknessOf(layout: ClusterLayout): string | null {
  const copies = replicationFactorOf(layout);
  const quorum = Math.floor(copies / 2) + 1;
  const left = copies - Math.ceil(copies / layout.zones);
  if (left >= quorum) return null;
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;
  return (
    `${count(layout.zones, 'zone')} of ${count(layout.nodesPerZone, 'store node')} cannot lose a zone: ` +
    `${left} of ${count(copies, 'copy').replace('copys', 'copies')} would be left and a quorum is ${quorum}; three zones can`
  );
}

/** The most that a layout can lose and still serve. */
export function strongestAim(layout: ClusterLayout): Survival {
  if (weaknessOf(layout) === null) return 'zone';
  const copies = replicationFactorOf(layout);
  return copies - 1 > copies / 2 ? 'node' : 'nothing';
}

/** How many ports, from the base upwards, a layout takes. A node that left keeps its place in the block. */
export function portCountOf({ zones, nodesPerZone }: ClusterLayout, { added }: LayoutChanges = NO_CHANGES): number {
  return 2 + 2 * zones + 2 * zones * nodesPerZone + 2 * added.length;
}

/**
 * @param dataDirectory absolute path of the cluster's directory
 * @param basePort first port of the block, > 0
 */
export function planCluster(
  layout: ClusterLayout,
  basePort: number,
  dataDirectory: string,
  { changes = NO_CHANGES, survive = 'nothing' }: { changes?: LayoutChanges; survive?: Survival } = {},
): ClusterPlan {
  const { zones, nodesPerZone } = layout;
  assert(zones >= 1 && zones <= 26 && nodesPerZone >= 1 && nodesPerZone <= 99, 'a layout is within its limits');
  assert(basePort > 0 && basePort + portCountOf(layout, changes) <= 65_536, 'the block of ports exists');
  const stores = zones * nodesPerZone;
  const gatewayPort = basePort + 1;
  const wirePort = gatewayPort + zones;
  const storeAdminPort = wirePort + stores;
  const gatewayAdminPort = storeAdminPort + stores;
  const common = { region: REGION, host: HOST };

  const processes: PlannedProcess[] = [
    { name: 'round-robin', role: 'round-robin', zone: null, ...common, port: basePort, adminPort: null, dataDirectory: null },
  ];
  for (let zone = 0; zone < zones; zone++) {
    processes.push({
      name: `gateway-${letter(zone)}`,
      role: 'gateway',
      zone: zoneNamed(zone),
      ...common,
      port: gatewayPort + zone,
      adminPort: gatewayAdminPort + zone,
      dataDirectory: null,
    });
  }
  for (let store = 0; store < stores; store++) {
    const zone = Math.floor(store / nodesPerZone);
    const name = `${letter(zone)}${(store % nodesPerZone) + 1}`;
    processes.push({
      name,
      role: 'store',
      zone: zoneNamed(zone),
      ...common,
      port: wirePort + store,
      adminPort: storeAdminPort + store,
      dataDirectory: path.join(dataDirectory, name, 'data'),
    });
  }
  const firstAdded = basePort + portCountOf(layout);
  changes.added.forEach(({ name, zone }, i) => {
    const port = firstAdded + 2 * i;
    processes.push({ name, role: 'store', zone, ...common, port, adminPort: port + 1, dataDirectory: path.join(dataDirectory, name, 'data') });
  });
  const left = processes.filter(({ name }) => !changes.removed.includes(name));
  return { layout, replicationFactor: replicationFactorOf(layout), survive, processes: left, consolePort: gatewayAdminPort + zones };
}

/** The name of a new store node in a zone: one that none had before. */
export function nextNameIn(zone: ZoneId, { zones, nodesPerZone }: ClusterLayout, { added }: LayoutChanges): string {
  const index = Array.from({ length: zones }, (_, i) => zoneNamed(i)).indexOf(zone);
  assert(index >= 0, 'the zone is one of the layout');
  return `${letter(index)}${nodesPerZone + added.filter((one) => one.zone === zone).length + 1}`;
}

/** The ring as the store nodes and gateways are told it at their start. */
export function ringMembersOf({ processes }: ClusterPlan): RingMember[] {
  return processes.flatMap(({ name, role, zone, region, host, port }) =>
    role === 'store' && zone !== null ? [{ node: nodeId(name), zone, region, host, port, weight: 1 }] : [],
  );
}

const letter = (index: number) => String.fromCharCode('a'.charCodeAt(0) + index);
const zoneNamed = (index: number) => zoneId(`zone-${letter(index)}`);
