/**
 * Partitioning and placement (Dynamo, SOSP 2007, 4.2, 4.3 and 6.2; Olety, DynamoDB: An Inside Look Into NoSQL, part 4): consistent hashing,
 * virtual nodes by capacity, N distinct nodes, a preference list over zones, one hop.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nodeId, zoneId, type RingMember } from '@app/contracts';
import { tokenOf, TokenRing } from '@app/store';
import { testCluster } from '@app/store/testing';
import { Gateway } from './gateway.js';
import { users } from './schedule.js';

const member = (node: string, weight = 1): RingMember => ({ node: nodeId(node), zone: zoneId(`zone-${node[0]}`), region: 'local', host: node, port: 1, weight });
const KEYS = users(3_000);
const tokens = KEYS.map((user) => tokenOf('favorites', user));

/** Keys by node: each key once for each replica. */
function copiesByNode(ring: TokenRing): Map<string, number> {
  const copies = new Map<string, number>();
  for (const token of tokens) for (const { node } of ring.replicas(token)) copies.set(node, (copies.get(node) ?? 0) + 1);
  return copies;
}

/** The part of all copies that are on a node in `after` and were not there in `before`. */
function moved(before: TokenRing, after: TokenRing): number {
  let count = 0;
  for (const token of tokens) {
    const old = new Set(before.replicas(token).map(({ node }) => node));
    count += after.replicas(token).filter(({ node }) => !old.has(node)).length;
  }
  return count / (3 * tokens.length);
}

const SIX = ['a1', 'a2', 'b1', 'b2', 'c1', 'c2'].map((node) => member(node));

describe('partitioning (Dynamo, 4.2)', () => {
  it('"applies a hash on the key to generate an identifier": placement is pinned by golden vectors, and every node and client computes the same', () => {
    const golden = JSON.parse(readFileSync(new URL('../golden/ring/placements.json', import.meta.url), 'utf8')) as {
      members: { node: string; zone: string; weight: number }[];
      replicationFactor: number;
      table: string;
      preferenceLists: Record<string, string[]>;
    }[];
    for (const { members, replicationFactor, table, preferenceLists } of golden) {
      const named = members.map(({ node, zone, weight }) => ({ ...member(node, weight), zone: zoneId(zone) }));
      for (const order of [named, named.toReversed()]) {
        const ring = new TokenRing(order, replicationFactor);
        for (const [row, nodes] of Object.entries(preferenceLists)) expect(ring.preferenceList(tokenOf(table, row)).map(({ node }) => node)).toEqual(nodes);
      }
    }
    const cluster = testCluster({ nodesPerZone: 2 });
    for (const name of cluster.nodes) {
      const { members, replicationFactor } = cluster.node(name).ring();
      const seen = new TokenRing(members, replicationFactor);
      for (const user of users(50)) expect(seen.replicas(tokenOf('favorites', user)).map(({ node }) => node)).toEqual(cluster.replicasOf(user));
    }
  });

  it('"only K/n keys need to be remapped on average", where a node joins or leaves one of n: K/n + 5% at most', () => {
    const ring = new TokenRing(SIX, 3);
    const seven = new TokenRing([...SIX, member('b3')], 3);
    expect(moved(ring, seven)).toBeLessThan(1 / 7 + 0.05);
    expect(moved(seven, ring)).toBeLessThan(1 / 7 + 0.05);
    expect(moved(ring, new TokenRing(SIX.slice(1), 3))).toBeLessThan(1 / 6 + 0.05);
  });

  it('"the departure or arrival of a node only affects its immediate neighbors": where zones hold one copy each, no copy moves outside its zone', () => {
    const [before, after] = [new TokenRing(SIX, 3), new TokenRing([...SIX, member('b3')], 3)];
    for (const token of tokens) {
      for (const zone of ['zone-a', 'zone-c']) {
        const inZone = (ring: TokenRing): string[] => ring.replicas(token).filter((each) => each.zone === zone).map(({ node }) => node);
        expect(inZone(after)).toEqual(inZone(before));
      }
    }
  });

  it('"the number of virtual nodes that a node is responsible for can be decided based on its capacity": weights 1, 2 and 4 hold 1, 2 and 4 parts of seven, within 10%', () => {
    const ring = new TokenRing(['a', 'b', 'c'].flatMap((zone) => [member(`${zone}1`, 1), member(`${zone}2`, 2), member(`${zone}3`, 4)]), 3);
    const copies = copiesByNode(ring);
    for (const { node, weight } of ring.members) expect(Math.abs(copies.get(node)! / ((KEYS.length * weight) / 7) - 1)).toBeLessThan(0.1);
  });

  it('"if a node becomes unavailable the load handled by this node is evenly dispersed across the remaining available nodes": those of its zone, which keeps its copy', () => {
    const all = ['a', 'b', 'c'].flatMap((zone) => [1, 2, 3, 4].map((number) => member(`${zone}${number}`)));
    const [before, after] = [copiesByNode(new TokenRing(all, 3)), copiesByNode(new TokenRing(all.slice(1), 3))];
    const lost = before.get('a1')!;
    for (const node of ['a2', 'a3', 'a4']) {
      const gained = (after.get(node)! - before.get(node)!) / lost;
      expect(gained).toBeGreaterThan(0.2);
      expect(gained).toBeLessThan(0.5);
    }
    for (const node of ['b1', 'c4']) expect(after.get(node)).toBe(before.get(node));
  });
});

describe('replication (Dynamo, 4.3)', () => {
  it('"every data item is replicated at N nodes (and not virtual nodes)"; "the default replication factor is 3"; "the preference list contains more than N nodes"', () => {
    const ring = new TokenRing(SIX, 3);
    for (const token of tokens) {
      expect(new Set(ring.replicas(token).map(({ node }) => node)).size).toBe(3);
      const list = ring.preferenceList(token).map(({ node }) => node);
      expect(list.toSorted()).toEqual(SIX.map(({ node }) => node));
    }
    expect(testCluster().page('ann').achieved.replicationFactor).toBe(3);
  });

  it('"the preference list of a key is constructed such that the storage nodes are spread across multiple data centers": N zones for every key, and any zone lost leaves two of three copies', () => {
    const ring = new TokenRing([...SIX, member('c3', 4)], 3);
    for (const token of tokens) {
      const zones = ring.replicas(token).map(({ zone }) => zone);
      expect(new Set(zones).size).toBe(3);
      for (const gone of ['zone-a', 'zone-b', 'zone-c']) expect(zones.filter((zone) => zone !== gone)).toHaveLength(2);
    }
  });

  it('"each node [can] forward a key’s read/write operations to the right set of nodes directly", a zero-hop DHT: a gateway calls a replica, which calls the other replicas, and nobody else is involved', () => {
    const cluster = testCluster({ nodesPerZone: 4 });
    const gateway = new Gateway(cluster, 'a');
    cluster.advance(500);
    for (const user of users(12)) {
      const replicas = cluster.replicasOf(user);
      const hops: [from: string, to: string][] = [];
      cluster.network.onDelivery = ({ from, to, isReply, kind }) => void (isReply || kind === 'store.ring' || kind === 'tree' || hops.push([from, to]));
      gateway.add(user, 'x');
      gateway.list(user);
      cluster.network.onDelivery = null;
      expect(hops.length).toBeGreaterThanOrEqual(5);
      for (const [from, to] of hops) {
        expect(replicas).toContain(to);
        if (from !== 'gateway-a') expect(replicas).toContain(from);
      }
      // PREPARE and COMMIT and the read, each one hop; behind it the replicas.
      expect(hops.filter(([from]) => from === 'gateway-a')).toHaveLength(3);
    }
    gateway.stop();
  });
});
