/**
 * What processes say of themselves (`GET /admin/state`), as far as the console shows it, and how it is read into parts of
 * the console's state. Pure functions: a gathering is a value, and what happened lies between two of them.
 */
import type { ConsoleCircuit, ConsoleNode, NodeTold, RingMember, ZoneSample } from '@app/contracts';
import { differenceOf, type LatencyCounts, percentile } from './latency-percentile.js';

/** Of a gateway. */
export interface GatewayState {
  readonly requests: { readonly inFlight: number; readonly answered: Readonly<Record<string, number>>; readonly abandoned: number };
  readonly latencies: Readonly<Record<string, LatencyCounts>>;
  readonly store: { readonly circuits: readonly { readonly circuit: string; readonly state: ConsoleCircuit['state'] }[] };
}

/** Of a store node. */
export interface StoreState {
  readonly faults: 'on' | 'off';
  readonly replicationFactor: number;
  readonly storage: { readonly state: string };
  readonly store: {
    readonly damagedRows: number;
    readonly hints: { readonly waitingCount: number; readonly replayed: number };
    readonly antiEntropy: { readonly rowsRepaired: number; readonly agreedAgoMs: Readonly<Record<string, number | null>> };
    readonly slotSync: { readonly waitingSlots: number };
    readonly membership: { readonly epoch: number; readonly phase: 'unknown' | 'stable' | 'joint'; readonly members: readonly RingMember[] };
  };
  readonly peers: Readonly<Record<string, { readonly state: 'up' | 'suspect' | 'down' }>>;
}

/** All that answered at one time; a process that did not is not in it. */
export interface Gathering {
  /** Wall time, for people; and the time by which durations are told. */
  readonly atMs: number;
  readonly monotonicMs: number;
  readonly gateways: Readonly<Record<string, GatewayState>>;
  readonly stores: Readonly<Record<string, StoreState>>;
}

/** What a gateway served in the `elapsedMs` between two looks at it. Null where it began anew between them, as after a kill. */
export function sampleBetween(before: GatewayState, after: GatewayState, elapsedMs: number, atMs: number): ZoneSample | null {
  const seconds = elapsedMs / 1_000;
  const [answered, answeredBefore] = [total(after.requests.answered), total(before.requests.answered)];
  const requests = answered + after.requests.abandoned - answeredBefore - before.requests.abandoned;
  if (seconds <= 0 || requests < 0 || answered < answeredBefore) return null;
  const errors = failed(after) - failed(before);
  const counts = Object.entries(after.latencies).map(([status, latencies]) => differenceOf(before.latencies[status], latencies));
  return {
    atMs,
    requestsPerSecond: requests / seconds,
    errorsPerSecond: errors / seconds,
    p50Ms: percentile(counts, 0.5),
    p99Ms: percentile(counts, 0.99),
    inFlight: after.requests.inFlight,
  };
}

const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((sum, count) => sum + count, 0);
const failed = ({ requests }: GatewayState): number => (requests.answered['5xx'] ?? 0) + requests.abandoned;

export function toldOf({ storage, store, peers }: StoreState): NodeTold {
  const agreed = Object.entries(store.antiEntropy.agreedAgoMs).map(([peer, agoMs]) => ({ peer, agoMs }));
  return {
    storage: storage.state,
    down: Object.entries(peers).flatMap(([node, { state }]) => (state === 'down' ? [node] : [])).sort(),
    hintsWaiting: store.hints.waitingCount,
    hintsReplayed: store.hints.replayed,
    rowsRepaired: store.antiEntropy.rowsRepaired,
    damagedRows: store.damagedRows,
    slotsUnsynced: store.slotSync.waitingSlots,
    leastAgreed: agreed.toSorted((a, b) => (b.agoMs ?? Infinity) - (a.agoMs ?? Infinity) || (a.peer < b.peer ? -1 : 1))[0] ?? null,
  };
}

export function circuitsOf(gateways: Gathering['gateways']): ConsoleCircuit[] {
  return Object.entries(gateways).flatMap(([gateway, { store }]) => store.circuits.map(({ circuit, state }) => ({ gateway, circuit, state })));
}

/** The furthest on of those that answered: who is cut off may not have heard of the last change. */
export function membershipOf(stores: Gathering['stores']): StoreState['store']['membership'] | null {
  const told = Object.values(stores).map(({ store }) => store.membership);
  return told.reduce<(typeof told)[number] | null>((best, one) => (one.epoch > (best?.epoch ?? -1) ? one : best), null);
}

/** What happened, in words. */
export interface Happening {
  readonly kind: 'circuit' | 'repair' | 'ring';
  readonly zone: string | null;
  readonly text: string;
}

export interface Seen {
  readonly epoch: number | null;
  readonly nodes: readonly ConsoleNode[];
  readonly circuits: readonly ConsoleCircuit[];
}

/** Circuits that changed, hints that begin to wait or are all delivered, rows repaired, members changed. */
export function happeningsBetween(before: Seen, after: Seen, zoneOf: (process: string) => string | null): Happening[] {
  const happenings: Happening[] = [];
  for (const gateway of new Set(after.circuits.map((circuit) => circuit.gateway))) {
    for (const state of ['open', 'half-open', 'closed'] as const) {
      const changed = after.circuits.filter((one) => one.gateway === gateway && one.state === state && (stateIn(before, one) ?? 'closed') !== state);
      if (changed.length === 0) continue;
      const names = changed.map(({ circuit }) => circuit).sort().join(', ');
      happenings.push({ kind: 'circuit', zone: zoneOf(gateway), text: `${gateway}: ${state} ${changed.length === 1 ? 'circuit' : 'circuits'} ${names}` });
    }
  }
  for (const { node, zone, told } of after.nodes) {
    const then = before.nodes.find((one) => one.node === node)?.told;
    if (told === null || then === null || then === undefined) continue;
    const say = (text: string): void => void happenings.push({ kind: 'repair', zone, text: `${node} ${text}` });
    if (then.hintsWaiting === 0 && told.hintsWaiting > 0) say('keeps writes for who cannot be reached');
    if (then.hintsWaiting > 0 && told.hintsWaiting === 0) say('has delivered all writes that it kept');
    const repaired = told.rowsRepaired - then.rowsRepaired;
    if (repaired > 0) say(`made ${repaired === 1 ? 'a row' : `${repaired} rows`} equal by comparing trees`);
  }
  if (before.epoch !== null && after.epoch !== null && after.epoch > before.epoch) {
    happenings.push({ kind: 'ring', zone: null, text: `the members changed: epoch ${after.epoch}` });
  }
  return happenings;
}

const stateIn = ({ circuits }: Seen, { gateway, circuit }: ConsoleCircuit): ConsoleCircuit['state'] | undefined =>
  circuits.find((one) => one.gateway === gateway && one.circuit === circuit)?.state;
