/**
 * The use case and question 1 of Adrian Cockcroft's five NoSQL questions (2010), with Jonathan Ellis' answers for Cassandra: a
 * TV adds a movie, and reads the whole list back through another API server in another zone. Played from the gateways'
 * client of the store down to the simulated disks.
 */
import { describe, expect, it } from 'vitest';
import type { ConsistencyLevel } from '@app/contracts';
import { testCluster, type TestCluster } from '@app/store/testing';
import { Gateway } from './gateway.js';
import { nodesIn, preparedAdd } from './schedule.js';

const ZONES = ['a', 'b', 'c'];
const HOUR_MS = 3_600_000;

interface Weather {
  readonly name: string;
  /** Harms the cluster before it is used. */
  readonly begin: (cluster: TestCluster) => void;
  /** Goes on with it before each pair. */
  readonly before?: (cluster: TestCluster, pair: number) => void;
  readonly zones?: readonly string[];
}

const WEATHER: readonly Weather[] = [
  { name: 'in fair weather', begin: () => {} },
  { name: 'with zone c dead', begin: (cluster) => nodesIn(cluster, 'c').forEach((name) => cluster.crash(name)), zones: ['a', 'b'] },
  { name: 'with zone a cut off, gateway and all', begin: (cluster) => nodesIn(cluster, 'a').forEach((name) => cluster.isolate(name)), zones: ['b', 'c'] },
  { name: 'with 100 ms between any two nodes', begin: ({ network }) => void (network.quality = { latencyMs: [90, 110], loss: 0, duplication: 0 }) },
  { name: 'with clocks an hour apart', begin: (cluster) => (cluster.skew('a1', HOUR_MS), cluster.skew('b2', -HOUR_MS)) },
  { name: 'while every node is restarted in turn', begin: () => {}, before: (cluster, pair) => pair % 2 === 0 && cluster.restart(cluster.nodes[(pair / 2) % 6]!) },
];

describe('the use case (five NoSQL questions)', () => {
  for (const { name, begin, before, zones = ZONES } of WEATHER) {
    it(`"a TV adds a movie to its favorites list, then reads back the entire list"; the second request goes to a different API server in a different zone "and needs to respond with the modified list": ${name}`, () => {
      const cluster = testCluster({ nodesPerZone: 2, seed: 3 });
      const gateways = zones.map((zone) => new Gateway(cluster, zone));
      cluster.advance(500);
      begin(cluster);
      const films: string[] = [];
      for (let pair = 0; pair < 14; pair++) {
        before?.(cluster, pair);
        // No cookie: nothing goes from one request to the other. Round robin: never the same gateway twice in a row.
        const film = `film-${String(pair).padStart(2, '0')}`;
        gateways[pair % gateways.length]!.add('tv', film);
        films.push(film);
        expect(gateways[(pair + 1) % gateways.length]!.list('tv').films.toSorted()).toEqual(films);
      }
    });
  }
});

describe('availability zones (five NoSQL questions, question 1)', () => {
  it('"is the traffic routing Availability Zone aware?": a gateway has its requests coordinated in its own zone, by a replica of the row, and no other zone sees the list', () => {
    const cluster = testCluster({ nodesPerZone: 2 });
    for (const zone of ZONES) {
      const gateway = new Gateway(cluster, zone);
      cluster.advance(500);
      for (const user of ['ann', 'bob', 'eve']) {
        const own = cluster.replicasOf(user).find((name) => name.startsWith(zone))!;
        expect(gateway.add(user, `by-${zone}`).achieved.node).toBe(own);
        cluster.advance(20);
        const carried: string[] = [];
        cluster.network.onDelivery = ({ from, to, kind, isReply }) => void (isReply || carried.push(`${from} ${to} ${kind}`));
        expect(gateway.list(user).servedBy).toBe(own);
        expect(carried.filter((message) => message.includes('store.list'))).toEqual([`gateway-${zone} ${own} store.list`]);
        expect(carried.filter((message) => message.startsWith(own)).map((message) => message.split(' ')[2])).toEqual(['digest']);
        cluster.network.onDelivery = null;
      }
    }
  });

  it('"is the write replication zone aware so data is replicated to more than one zone?": to one replica in each', () => {
    const cluster = testCluster({ nodesPerZone: 2 });
    for (let i = 0; i < 10; i++) {
      cluster.add(`user-${i}`, 'x', { level: 'ALL' });
      const holders = cluster.nodes.filter((name) => cluster.locally(name, `user-${i}`).length > 0);
      expect(holders.map((name) => name.slice(0, 1)).sort()).toEqual(ZONES);
    }
  });

  for (const [level, replicas] of [['ONE', 1], ['QUORUM', 2], ['ALL', 3]] as const satisfies readonly [ConsistencyLevel, number][]) {
    it(`"a ConsistencyLevel parameter controlling how many replicas across how many zones must reply": ${replicas} at ${level}, and the answer names them`, () => {
      const cluster = testCluster();
      const read = cluster.page('ann', { via: 'a1', level });
      expect(read.achieved.replicas).toHaveLength(replicas);
      expect(read.achieved.zones).toHaveLength(replicas);
      const { delta } = preparedAdd(cluster, 'ann', 'x', { via: 'a1' });
      const replied: string[] = [];
      cluster.network.onDelivery = ({ kind }) => void (kind === 'applied' && replied.push(kind));
      const commit = cluster.commit('ann', delta, { via: 'a1', level });
      cluster.clock.runUntil(() => commit.state !== 'waiting', 1_000);
      expect(replied.length).toBeGreaterThanOrEqual(replicas - 1);
      expect(replied.length).toBeLessThanOrEqual(Math.max(replicas - 1, 1));
    });

    it(`"the coordinator node will send the write to all replicas", at ${level} too; "as soon as enough success messages come back the coordinator will report success"`, () => {
      const cluster = testCluster();
      const { delta } = preparedAdd(cluster, 'ann', 'x', { via: 'a1' });
      const late = ['b1', 'c1'].slice(replicas - 1);
      cluster.network.hold = ({ from, isReply }) => isReply && late.includes(from);
      const commit = cluster.commit('ann', delta, { via: 'a1', level });
      cluster.clock.runUntil(() => commit.state !== 'waiting', 100);
      expect(commit.state).toBe('done');
      cluster.advance(20);
      for (const name of cluster.nodes) expect(cluster.locally(name, 'ann')).toEqual(['x']);
    });
  }
});
