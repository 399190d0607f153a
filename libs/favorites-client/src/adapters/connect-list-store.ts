/**
 * A ListStore connected to a real cluster: the replicated store's client over the wire, put together for a gateway. All of
 * the system comes in here (clock, chance, sockets), with the real ones as defaults, and nothing is decided here.
 */
import { TriptychError, type NodeId, type ZoneId } from '@app/contracts';
import { type CircuitMaker, CircuitRegistry, type CircuitStatistics, ownCircuit, storeRead, storeWrite } from '@app/circuit';
import { schemaHash } from '@app/store';
import { type Clock, type Random, systemClock, systemRandom } from '@app/time';
import { type CallAccount, type LinkFaults, tcpNetwork, type WireNetwork, type WireState } from '@app/wire';
import type { ListStore } from '../list-store.js';
import { type AttemptStats, defaultListStorePolicy, type ListStorePolicy, ReplicatedListStore } from '../replicated-list-store.js';
import type { NodeAddress } from '../store-transport.js';
import { WireStoreTransport } from './wire-store-transport.js';

export interface ListStoreConnectionOptions {
  /** Nodes that are asked for the ring before it is known; at least one, better one in each zone. */
  readonly seeds: readonly NodeAddress[];
  readonly clusterId: string;
  /** How this process calls itself to the nodes: unique in the cluster, and no node's name. */
  readonly nodeName: string;
  readonly zone: ZoneId;
  readonly policy?: ListStorePolicy;
  /** Chooses the circuits' state machine; our own by default. */
  readonly circuitMaker?: CircuitMaker;
  readonly clock?: Clock;
  readonly random?: Random;
  /** TCP by default. */
  readonly network?: WireNetwork;
  /** On the wire, for drills. */
  readonly faults?: LinkFaults;
}

export interface ListStoreConnection {
  readonly store: ListStore;
  /** The ring is known, and some member of it is not known to be down. */
  ready(): boolean;
  /** Why it is not ready; null when it is. */
  obstacle(): TriptychError | null;
  /** For an administrator. */
  state(): ListStoreState;
  /** Stops following the ring and closes every connection: calls in flight fail. Drain the requests first. */
  close(): void;
}

export interface ListStoreState {
  /** Null until a ring was learnt. */
  readonly epoch: number | null;
  readonly nodes: readonly NodeState[];
  /** Why the last node that was asked for the ring told none; null when it did. */
  readonly ringFailure: string | null;
  readonly attempts: AttemptStats;
  readonly circuits: readonly CircuitStatistics[];
  /** Calls to the nodes, connections that were closed left out. */
  readonly calls: CallAccount;
}

export interface NodeState {
  readonly node: NodeId;
  readonly zone: ZoneId;
  readonly address: string;
  /** 'idle' until it is first needed; 'down' from a failure until it is up again. */
  readonly connection: WireState['kind'];
  /** Overtaken a moment ago: comes after the others. */
  readonly late: boolean;
}

export function connectListStore(options: ListStoreConnectionOptions): ListStoreConnection {
  const { seeds, clusterId, nodeName, zone, policy = defaultListStorePolicy } = options;
  const { clock = systemClock, random = systemRandom, network = tcpNetwork(), faults } = options;
  const make: CircuitMaker = options.circuitMaker ?? ((name, circuitPolicy) => ownCircuit(name, circuitPolicy, clock));
  const circuits = new CircuitRegistry({ 'store-read': storeRead, 'store-write': storeWrite }, make);
  const identity = { clusterId, name: nodeName, role: 'gateway', schemaHash: schemaHash() };
  const transport = new WireStoreTransport({ identity, network, clock, random, ...(faults && { faults }) });
  const store = new ReplicatedListStore({
    seeds,
    clusterId,
    nodeName,
    zone,
    transport,
    circuits,
    clock,
    random,
    policy,
    onRing: ({ reply }) => transport.retain(reply.members),
  });
  store.start();

  const members = () => store.ring.ring?.reply.members ?? [];
  const obstacle = (): TriptychError | null => {
    if (store.ring.ring === null) {
      const details = { needed: 1, alive: 0, ringFailure: store.ring.lastFailure };
      return new TriptychError('STORE_QUORUM_UNAVAILABLE', 'the ring of the store is not known yet', details);
    }
    if (!members().every((member) => transport.isDown(member))) return null;
    return new TriptychError('STORE_QUORUM_UNAVAILABLE', 'no node of the store can be reached', { needed: 1, alive: 0 });
  };
  return {
    store,
    obstacle,
    ready: () => obstacle() === null,
    state: () => ({
      epoch: store.ring.ring?.reply.epoch ?? null,
      nodes: members().map((member) => ({
        node: member.node,
        zone: member.zone,
        address: `${member.host}:${member.port}`,
        connection: transport.stateOf(member),
        late: store.standings.late().includes(member.node),
      })),
      ringFailure: store.ring.lastFailure,
      attempts: store.stats(),
      circuits: circuits.all().map((circuit) => circuit.statistics()),
      calls: transport.account(),
    }),
    close: () => {
      store.stop();
      transport.close();
      circuits.stop();
    },
  };
}
