import { CircuitRegistry, ownCircuit, storeRead, storeWrite } from '@app/circuit';
import { type CallContext, zoneId } from '@app/contracts';
import { TestCluster } from '@app/store/testing';
import { SeededRandom } from '@app/time';
import { defaultListStorePolicy, ReplicatedListStore } from '../replicated-list-store.js';
import { ClusterTransport } from './cluster-transport.js';

/** The client as the gateway of zone a has it, over three production nodes in virtual time, and what can be done to its zone. */
export class ZoneA {
  readonly cluster = new TestCluster({ seed: 11 });
  readonly transport = new ClusterTransport(this.cluster);
  readonly store: ReplicatedListStore;

  constructor() {
    const { transport, cluster } = this;
    const { clock } = cluster;
    const circuits = new CircuitRegistry({ 'store-read': storeRead, 'store-write': storeWrite }, (name, policy) => ownCircuit(name, policy, clock));
    const options = { nodeName: 'gateway', zone: zoneId('zone-a'), transport, circuits, clock, random: new SeededRandom(3), policy: defaultListStorePolicy };
    this.store = new ReplicatedListStore({ seeds: cluster.ring.members, ...options });
    this.store.start();
    cluster.advance(10);
    this.store.stop();
  }

  /** Its node and its gateway reach nobody, and hear nothing of that. */
  cutOff(): void {
    this.cluster.isolate('a1');
    for (const node of ['b1', 'c1']) this.transport.stop(node);
  }

  heal(): void {
    this.cluster.heal();
    for (const node of ['b1', 'c1']) this.transport.goOn(node);
  }

  contextOf(timeoutMs = 2_000): CallContext {
    return { deadlineMs: this.cluster.clock.monotonicMs() + timeoutMs, traceId: 't', priority: 'write', principal: { kind: 'device', name: 'ann' } };
  }
}
