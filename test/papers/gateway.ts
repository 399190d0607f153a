/** A gateway in a zone of a simulated cluster: the production client of the store, as devices use it through HTTP. */
import { NEVER } from 'rxjs';
import { CircuitRegistry, ownCircuit, storeRead, storeWrite } from '@app/circuit';
import { zoneId, type CallContext, type ConsistencyLevel, type Operation } from '@app/contracts';
import { defaultListStorePolicy, ReplicatedListStore, type WriteReply } from '@app/favorites-client';
import { addOf, favorites, type Pending, type TestCluster } from '@app/store/testing';

const REQUEST_TIMEOUT_MS = 2_000;

export class Gateway {
  readonly store: ReplicatedListStore;

  /** @param zone its letter */
  constructor(
    readonly cluster: TestCluster,
    readonly zone: string,
  ) {
    const { clock, network, random } = cluster;
    const nodeName = `gateway-${zone}`;
    network.up(nodeName, () => NEVER);
    this.store = new ReplicatedListStore({
      seeds: cluster.nodes.map((host) => ({ host, port: 1 })),
      nodeName,
      zone: zoneId(`zone-${zone}`),
      transport: {
        call: (to, pattern, payload, context) => network.call(nodeName, to.host, pattern, payload, context),
        isDown: (to) => !network.isUp(to.host),
      },
      circuits: new CircuitRegistry({ 'store-read': storeRead, 'store-write': storeWrite }, (circuit, policy) => ownCircuit(circuit, policy, clock)),
      clock,
      random,
      policy: defaultListStorePolicy,
    });
    this.store.start();
  }

  add(user: string, film: string, level: ConsistencyLevel = 'QUORUM'): WriteReply {
    return this.#run(this.begin(user, film, addOf(), level));
  }

  remove(user: string, film: string, level: ConsistencyLevel = 'QUORUM'): WriteReply {
    return this.#run(this.begin(user, film, { kind: 'remove' }, level));
  }

  list(user: string, level: ConsistencyLevel = 'QUORUM'): { films: string[]; servedBy: string; versions: number } {
    const { items, achieved } = this.#run(this.cluster.begin(this.store.list({ ...favorites(user), limit: 500, level }, this.#context())));
    return { films: items.map(({ item }) => item), servedBy: achieved.node, versions: achieved.versions };
  }

  begin(user: string, film: string, operation: Operation, level: ConsistencyLevel): Pending<WriteReply> {
    return this.cluster.begin(this.store.write({ ...favorites(user), item: film, operation, level }, this.#context()));
  }

  stop(): void {
    this.store.stop();
  }

  #run<T>(pending: Pending<T>): T {
    this.cluster.clock.runUntil(() => pending.state !== 'waiting', 2 * REQUEST_TIMEOUT_MS);
    return pending.result;
  }

  #context(): CallContext {
    return { deadlineMs: this.cluster.clock.monotonicMs() + REQUEST_TIMEOUT_MS, traceId: 'papers', priority: 'read', principal: { kind: 'device', name: 'tv' } };
  }
}
