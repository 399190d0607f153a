/**
 * What the supervisor and the console in a browser say to each other. Types alone, so that the page carries none of the
 * libraries' code. The stream sends the whole state once and then the parts that changed, each as a whole: a browser that
 * fell behind is sent the state again instead of a backlog.
 */

/** `GET /console/events?user=ann`, server-sent events: `state` with a ConsoleState, then `changed` with some parts of one. */
export interface ConsoleState {
  readonly cluster: ConsoleCluster;
  /** Gateways, store nodes, round robin, as the supervisor has them. */
  readonly processes: readonly ConsoleProcess[];
  readonly zones: readonly ConsoleZone[];
  readonly nodes: readonly ConsoleNode[];
  /** Those of gateways that have answered, by gateway and dependency. */
  readonly circuits: readonly ConsoleCircuit[];
  /** The list that this browser watches; null where it watches none. */
  readonly list: ConsoleList | null;
  /** What happened, oldest first, 100 at most. */
  readonly events: readonly ConsoleEvent[];
}

export interface ConsoleCluster {
  readonly clusterId: string;
  readonly replicationFactor: number;
  /** Null until some store node has answered. */
  readonly epoch: number | null;
  readonly phase: 'unknown' | 'stable' | 'joint';
  /** Whether a zone may be harmed from here. */
  readonly faults: boolean;
}

export interface ConsoleProcess {
  readonly name: string;
  readonly role: 'gateway' | 'store' | 'round-robin';
  readonly zone: string | null;
  readonly state: 'waiting' | 'starting' | 'running' | 'paused' | 'stopping' | 'exited';
}

export interface ConsoleZone {
  readonly zone: string;
  /** Of its gateway, over the time since the gathering before; null where it did not answer both times. */
  readonly sample: ZoneSample | null;
  /** What this console has done to it and not undone. */
  readonly harm: 'slow' | 'cut' | null;
}

export interface ZoneSample {
  /** When it was taken, ms since 1970. */
  readonly atMs: number;
  readonly requestsPerSecond: number;
  /** Answers of status 5xx and requests that their device gave up. */
  readonly errorsPerSecond: number;
  /** Of the requests answered; null where there were none. ms, within a tenth. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly inFlight: number;
}

export interface ConsoleNode {
  readonly node: string;
  readonly zone: string;
  /** Its part of all copies, 0 to 1; null for one that is no member. */
  readonly share: number | null;
  /** What it says of itself; null while it does not answer. */
  readonly told: NodeTold | null;
}

export interface NodeTold {
  readonly storage: string;
  /** Peers that it holds to be down. */
  readonly down: readonly string[];
  /** Writes kept here for others, waiting. */
  readonly hintsWaiting: number;
  readonly hintsReplayed: number;
  /** Rows that a comparison of trees made equal, since its start. */
  readonly rowsRepaired: number;
  readonly damagedRows: number;
  /** Slots without a vote until they are synced. */
  readonly slotsUnsynced: number;
  /** The peer whose tree was found equal to its own longest ago; ms, or null where it never was since the start. Null without peers. */
  readonly leastAgreed: { readonly peer: string; readonly agoMs: number | null } | null;
}

export interface ConsoleCircuit {
  readonly gateway: string;
  /** The dependency and its instance: `store-read/a1`. */
  readonly circuit: string;
  readonly state: 'closed' | 'open' | 'half-open';
}

/** One list as each of its replicas holds it, on its disk. */
export interface ConsoleList {
  readonly user: string;
  readonly replicas: readonly ReplicaRow[];
}

export interface ReplicaRow {
  readonly node: string;
  readonly zone: string;
  /** Null where it did not answer. */
  readonly row: HeldRow | null;
}

/** What `GET /admin/rows/{table}/{row}` of a store node answers. */
export interface HeldRow {
  /** Equal on two replicas exactly when they hold the same row; 32 hex digits. */
  readonly digest: string;
  /** Whether this replica's answer counts in a read. */
  readonly vote: boolean;
  readonly damaged: boolean;
  readonly itemCount: number;
  /** Operations applied: for each actor its intervals of counters, both ends included. */
  readonly context: readonly ContextInterval[];
  /** Operations superseded before they came. */
  readonly void: readonly ContextInterval[];
  /** In the list's order, 200 at most. */
  readonly items: readonly HeldItem[];
}

export interface ContextInterval {
  readonly actor: string;
  readonly from: number;
  readonly to: number;
}

export interface HeldItem {
  readonly item: string;
  readonly position: string;
  readonly versions: readonly HeldVersion[];
}

export interface HeldVersion {
  readonly facet: 'cell' | 'place';
  /** The operation's name: actor:counter. */
  readonly dot: string;
  /** When, by the hybrid logical clock of who minted it, ms since 1970. */
  readonly atMs: number;
  readonly superseded: readonly string[];
  /** Of a cell, as text; null for a place. */
  readonly value: string | null;
}

export interface ConsoleEvent {
  /** Grows by one with each. */
  readonly id: number;
  /** ms since 1970. */
  readonly atMs: number;
  readonly kind: 'process' | 'action' | 'circuit' | 'repair' | 'ring' | 'write';
  readonly zone: string | null;
  readonly text: string;
}

/** `POST /console/zones/{zone}/{action}`. `heal` undoes the others: starts, resumes, lifts. */
export type ZoneAction = 'kill' | 'pause' | 'slow' | 'cut' | 'heal';

/** The answer to an action. */
export interface ActionAnswer {
  readonly done: boolean;
  readonly text: string;
}

/** The answer to `PUT` or `DELETE /console/zones/{zone}/users/{user}/favorites/{film}`: what the zone's gateway said. */
export interface WriteAnswer {
  /** Status of HTTP; null where the gateway gave no answer. */
  readonly status: number | null;
  readonly tookMs: number;
  /** What the answer rests on, in short: `quorum, 2/3 replicas in zone-a, zone-b`. */
  readonly achieved: string | null;
  /** Of a refusal. */
  readonly problem: string | null;
}
