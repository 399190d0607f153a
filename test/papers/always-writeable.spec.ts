/**
 * "Always writeable": "an 'add to cart' operation is never forgotten or rejected" (Dynamo, SOSP 2007, 2.3 and 4.4); "AWS zone
 * failure: continue to run on 2 out of 3 zones" (Adrian Cockcroft, High Anxiety Availability, 2012); symmetry, "no master/slave
 * nodes", and decentralisation: while any one zone is lost, in any way, every add that a device makes is acknowledged, and is there.
 */
import { describe, expect, it } from 'vitest';
import { codeOf, testCluster, type TestCluster } from '@app/store/testing';
import { Gateway } from './gateway.js';
import { areEqual, cut, nodesIn, users } from './schedule.js';

const ZONES = ['a', 'b', 'c'];
const ADDS = 40;

/** Ways to lose a zone. Its gateway goes with it, so devices come through the other two. */
const LOSSES: Readonly<Record<string, (cluster: TestCluster, zone: string) => void>> = {
  'all its processes are killed': (cluster, zone) => nodesIn(cluster, zone).forEach((name) => cluster.crash(name)),
  'its power fails': (cluster, zone) => nodesIn(cluster, zone).forEach((name) => cluster.powerLoss(name)),
  'it is cut off from the others': (cluster, zone) => {
    const others = [...cluster.nodes.filter((name) => !name.startsWith(zone)), ...ZONES.filter((other) => other !== zone).map((other) => `gateway-${other}`)];
    cut(cluster, nodesIn(cluster, zone), others);
    cut(cluster, others, nodesIn(cluster, zone));
  },
  'it hears, and cannot make itself heard': (cluster, zone) => {
    const others = [...cluster.nodes.filter((name) => !name.startsWith(zone)), ...ZONES.filter((other) => other !== zone).map((other) => `gateway-${other}`)];
    cut(cluster, nodesIn(cluster, zone), others);
  },
};

describe('always writeable (Dynamo, 2.3)', () => {
  for (const [how, lose] of Object.entries(LOSSES)) {
    it(`"'add to cart' is never forgotten or rejected" while any one zone is lost: ${how}; and after it is back each add is on every replica`, () => {
      const cluster = testCluster({ nodesPerZone: 2, seed: 11 });
      const gateways = new Map(ZONES.map((zone) => [zone, new Gateway(cluster, zone)]));
      cluster.advance(500);
      const films = new Map<string, string[]>(users(4).map((user) => [user, []]));
      for (const zone of ZONES) {
        const [first, second] = ZONES.filter((other) => other !== zone).map((other) => gateways.get(other)!) as [Gateway, Gateway];
        lose(cluster, zone);
        for (let i = 0; i < ADDS; i++) {
          const [user, film] = [`user-${i % 4}`, `without-${zone}-${i}`];
          // The first of them meet a zone whose loss nobody has noticed. Every one is taken: 100% where 99.99% is the claim.
          (i % 2 === 0 ? first : second).add(user, film);
          films.get(user)!.push(film);
        }
        cluster.heal();
        for (const name of cluster.nodes) if (!cluster.isUp(name)) cluster.start(name);
        cluster.advance(12_000);
        expect(areEqual(cluster, users(4))).toBe(true);
        for (const [user, added] of films) for (const name of cluster.replicasOf(user)) expect(cluster.locally(name, user).toSorted()).toEqual(added.toSorted());
      }
      for (const gateway of gateways.values()) gateway.stop();
    });
  }

  it('"symmetry: every node has the same set of responsibilities as its peers": any one node can go, and no row is without a coordinator', () => {
    const cluster = testCluster({ nodesPerZone: 2 });
    for (const gone of cluster.nodes) {
      cluster.crash(gone);
      for (const user of users(6)) {
        for (const via of cluster.replicasOf(user).filter((name) => name !== gone)) {
          expect(codeOf(() => cluster.add(user, `${gone}-${via}`, { via }))).toBe('none');
          expect(cluster.list(user, { via })).toContain(`${gone}-${via}`);
        }
      }
      cluster.start(gone);
      cluster.advance(2_000); // until its peers have confirmed that its disk is the one they know
    }
  });

  it('"if the latest version is unavailable, apply the put to an earlier version, merge later": an add at a replica that has missed everything so far loses neither side', () => {
    const cluster = testCluster();
    for (const film of ['x', 'y']) cluster.add('ann', film, { via: 'a1' });
    cluster.advance(50);
    cluster.isolate('c1');
    cluster.add('ann', 'newer', { via: 'a1' });
    cluster.remove('ann', 'x', { via: 'b1' });
    for (const name of ['a1', 'b1']) cluster.crash(name);
    cluster.add('ann', 'to-the-earlier', { via: 'c1', level: 'ONE' });
    expect(cluster.locally('c1', 'ann')).toEqual(['x', 'y', 'to-the-earlier']);
    cluster.heal();
    for (const name of ['a1', 'b1']) cluster.start(name);
    cluster.advance(30_000);
    for (const name of cluster.nodes) expect(cluster.locally(name, 'ann').toSorted()).toEqual(['newer', 'to-the-earlier', 'y']);
  });

  it('not quite always: a node that has just started, and reaches none of its peers, refuses what needs its word, at ONE too, since it cannot tell whether its disk is an old one; one peer is enough', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(2_000);
    for (const name of cluster.nodes) cluster.crash(name);
    cluster.start('c1');
    expect(codeOf(() => cluster.add('ann', 'y', { via: 'c1', level: 'ONE', timeoutMs: 5_000 }))).toBe('STORE_NOT_SYNCED');
    cluster.start('b1');
    cluster.advance(1_000);
    expect(codeOf(() => cluster.add('ann', 'y', { via: 'c1', level: 'QUORUM' }))).toBe('none');
    expect(cluster.list('ann', { via: 'c1' })).toEqual(['x', 'y']);
  });
});
