/** "How many lists hold this film", over the production nodes, in virtual time. */
import { describe, expect, it } from 'vitest';
import { CircuitRegistry, ownCircuit, storeRead, storeWrite } from '@app/circuit';
import { zoneId, type TriptychError } from '@app/contracts';
import { TestCluster } from '@app/store/testing';
import { SeededRandom } from '@app/time';
import type { ItemCount } from './count-gather.js';
import { defaultListStorePolicy, ReplicatedListStore } from './replicated-list-store.js';
import { ClusterTransport } from './testing/cluster-transport.js';

class Counting {
  readonly cluster = new TestCluster({ seed: 3, nodesPerZone: 2 });
  readonly transport = new ClusterTransport(this.cluster);
  readonly store: ReplicatedListStore;

  constructor() {
    const { clock } = this.cluster;
    const circuits = new CircuitRegistry({ 'store-read': storeRead, 'store-write': storeWrite }, (name, policy) => ownCircuit(name, policy, clock));
    const seeds = this.cluster.ring.members;
    this.store = new ReplicatedListStore({ seeds, nodeName: 'gateway', zone: zoneId('zone-a'), transport: this.transport, circuits, clock, random: new SeededRandom(3), policy: defaultListStorePolicy });
    this.store.start();
    this.cluster.advance(1_000);
    this.store.stop();
    for (let user = 0; user < 60; user++) {
      const via = this.cluster.replicasOf(`user-${user}`)[user % 3]!;
      this.cluster.add(`user-${user}`, 'x', { via });
      if (user % 3 === 0) this.cluster.add(`user-${user}`, 'y', { via });
      if (user % 6 === 0) this.cluster.remove(`user-${user}`, 'y', { via });
    }
    this.cluster.advance(500);
  }

  count(item: string, timeoutMs = 2_000): ItemCount {
    return this.cluster.run(this.store.count({ table: 'favorites', item }, this.cluster.context(timeoutMs)));
  }

  asked(): string[] {
    return this.transport.log.filter((line) => line.endsWith('store.count')).map((line) => line.split(' ')[0]!);
  }
}

describe('[N2] the count of an item', () => {
  it('is the number of rows that hold it, once the replicas are equal; one node of each range is asked', () => {
    const counting = new Counting();
    expect(counting.count('x')).toEqual({ count: 60, coverage: 1, missing: [] });
    expect(counting.asked().sort()).toEqual(['a1', 'a2']);
    expect(counting.count('y').count).toBe(10);
    expect(counting.count('never').count).toBe(0);
  });

  it('is complete with a zone dead, its own or another, and with a node that hangs', () => {
    for (const zone of ['a', 'b']) {
      const counting = new Counting();
      for (const node of [`${zone}1`, `${zone}2`]) counting.transport.crash(node);
      expect(counting.count('x')).toEqual({ count: 60, coverage: 1, missing: [] });
    }
    const hanging = new Counting();
    hanging.transport.stop('a2');
    const before = hanging.cluster.clock.monotonicMs();
    expect(hanging.count('x')).toEqual({ count: 60, coverage: 1, missing: [] });
    expect(hanging.cluster.clock.monotonicMs() - before).toBeLessThan(200);
    expect(hanging.asked().length).toBeLessThan(6);
  });

  it('names what nobody answered for, and leaves it out', () => {
    const counting = new Counting();
    for (const node of ['a1', 'b1', 'c1']) counting.transport.crash(node);
    const found = counting.count('x', 1_000);
    expect(found.missing.map(({ nodes }) => nodes.join())).toEqual(['a1,b1,c1']);
    expect(found.coverage).toBeCloseTo(1 - found.missing[0]!.slots / 4096);
    const lost = Array.from({ length: 60 }, (_, user) => counting.cluster.replicasOf(`user-${user}`)).filter((nodes) => [...nodes].sort().join() === 'a1,b1,c1');
    expect(lost.length).toBeGreaterThan(0);
    expect(found.count).toBe(60 - lost.length);
  });

  it('fails where nobody answers, within its deadline', () => {
    const counting = new Counting();
    for (const node of counting.cluster.nodes) counting.transport.stop(node);
    const before = counting.cluster.clock.monotonicMs();
    const asked = counting.cluster.begin(counting.store.count({ table: 'favorites', item: 'x' }, counting.cluster.context(800)));
    counting.cluster.clock.runUntil(() => asked.state !== 'waiting', 5_000);
    expect((asked.error as TriptychError).code).toBe('STORE_QUORUM_UNAVAILABLE');
    expect(counting.cluster.clock.monotonicMs() - before).toBeLessThanOrEqual(800);
  });

  it('is right after restarts, and after a node has been away', () => {
    const counting = new Counting();
    counting.cluster.crash('a1');
    const user = Array.from({ length: 200 }, (_, number) => `late-${number}`).find((name) => counting.cluster.replicasOf(name).includes('a1'))!;
    counting.cluster.add(user, 'x', { via: counting.cluster.replicasOf(user).find((node) => node !== 'a1')! });
    counting.cluster.start('a1');
    counting.cluster.restart('a2');
    counting.cluster.advance(20_000);
    expect(counting.count('x')).toEqual({ count: 61, coverage: 1, missing: [] });
  });
});
