/** A gateway of a simulated cluster: the production store client of one zone, its calls over the simulated network. */
import { NEVER } from 'rxjs';
import { zoneId } from '@app/contracts';
import { CircuitRegistry, ownCircuit, storeRead, storeWrite } from '@app/circuit';
import { defaultListStorePolicy, ReplicatedListStore } from '@app/favorites-client';
import type { TestCluster } from '@app/store/testing';
import type { SeededRandom } from '@app/time';

export interface Gateway {
  readonly name: string;
  readonly zone: string;
  readonly store: ReplicatedListStore;
}

/** It follows the ring until its store is stopped. */
export function gatewayIn(zone: string, { clock, network, nodes }: TestCluster, random: SeededRandom): Gateway {
  const name = `gateway-${zone}`;
  network.up(name, () => NEVER);
  const store = new ReplicatedListStore({
    seeds: nodes.map((host) => ({ host, port: 1 })),
    nodeName: name,
    zone: zoneId(`zone-${zone}`),
    transport: {
      call: (to, pattern, payload, context) => network.call(name, to.host, pattern, payload, context),
      isDown: (to) => !network.isUp(to.host),
    },
    circuits: new CircuitRegistry({ 'store-read': storeRead, 'store-write': storeWrite }, (circuit, policy) => ownCircuit(circuit, policy, clock)),
    clock,
    random,
    policy: defaultListStorePolicy,
  });
  store.start();
  return { name, zone, store };
}
