/**
 * Read repair (Jonathan Ellis for Cassandra, five NoSQL questions, 2010, question 4; Dynamo, SOSP 2007, 5) and what reads
 * meet: "99.94% of requests saw exactly one version" (Dynamo, 6.3).
 */
import { describe, expect, it } from 'vitest';
import { testCluster, type TestCluster } from '@app/store/testing';
import { SeededRandom } from '@app/time';
import { Gateway } from './gateway.js';
import { areEqual, convergenceMs, NO_HINTS, print } from './schedule.js';

/** A list of 20 films of which c1 has missed a part, with nothing but reads to mend it. */
function oneBehind(): TestCluster {
  const cluster = testCluster({ settings: { hints: NO_HINTS } });
  for (let i = 0; i < 10; i++) cluster.add('ann', `film-${i}`, { via: 'a1' });
  cluster.advance(50);
  cluster.network.hold = ({ to, kind }) => to === 'c1' && kind === 'apply';
  for (let i = 10; i < 20; i++) cluster.add('ann', `film-${i}`, { via: 'a1' });
  cluster.remove('ann', 'film-0', { via: 'b1' });
  return cluster;
}

describe('read repair (five NoSQL questions, question 4; Dynamo, 5)', () => {
  it('a read at R=2 that meets a stale replica makes it equal before it answers, removals too, in a few messages', () => {
    const cluster = oneBehind();
    expect(cluster.locally('c1', 'ann')).toHaveLength(10);
    const messages: string[] = [];
    cluster.network.onDelivery = ({ kind, isReply }) => void (isReply || messages.push(kind));
    const { items, achieved } = cluster.page('ann', { via: 'c1' });
    cluster.network.onDelivery = null;
    expect(items.map(({ item }) => item)).toEqual(Array.from({ length: 19 }, (_, i) => `film-${i + 1}`));
    expect(achieved.repaired).toBe(true);
    expect(cluster.locally('c1', 'ann')).toHaveLength(19);
    expect(cluster.digestAt('c1', 'ann')).toBe(cluster.digestAt('a1', 'ann'));
    expect(messages).toEqual(['digest', 'pull']);
    print('messages of a read that repairs its own replica', messages);
  });

  it('"the coordinator then updates those nodes with the latest version": the voters are repaired, and a third replica that the read did not ask is left to anti-entropy', () => {
    const cluster = oneBehind();
    // c1 is neither asked nor missed: a and b agree.
    expect(cluster.page('ann', { via: 'a1' }).achieved).toMatchObject({ replicas: ['a1', 'b1'], repaired: false });
    expect(areEqual(cluster, ['ann'])).toBe(false);
    cluster.network.hold = null;
    expect(convergenceMs(cluster, ['ann'])).toBeLessThan(30_000);
  });

  it('a read at ALL repairs every replica that is behind, and the next read finds one version', () => {
    const cluster = oneBehind();
    expect(cluster.page('ann', { via: 'b1', level: 'ALL' }).achieved.repaired).toBe(true);
    expect(areEqual(cluster, ['ann'])).toBe(true);
    expect(cluster.page('ann', { via: 'a1', level: 'ALL' }).achieved.repaired).toBe(false);
  });

  it('a damaged replica has no vote: the read at R=2 rests on the two others, and the third is rebuilt from them', () => {
    const cluster = testCluster();
    for (let i = 0; i < 5; i++) cluster.add('ann', `film-${i}`, { via: 'a1' });
    cluster.advance(50);
    cluster.rot('b1', 'ann', 'film-3');
    cluster.touch('b1', 'ann');
    expect(cluster.page('ann', { via: 'a1' }).achieved.replicas).toEqual(['a1', 'c1']);
    cluster.advance(30_000);
    expect(cluster.node('b1').stats()).toMatchObject({ damagedRows: 0, rebuiltRows: 1 });
    expect(cluster.locally('b1', 'ann')).toHaveLength(5);
  });

  it('"99.94% of requests saw exactly one version": how many of our reads met replicas that agreed, under devices that write and read in three zones', () => {
    const cluster = testCluster({ seed: 31, nodesPerZone: 2 });
    const random = new SeededRandom(31);
    const gateways = ['a', 'b', 'c'].map((zone) => new Gateway(cluster, zone));
    cluster.advance(500);
    let [reads, agreed] = [0, 0];
    cluster.network.quality = { latencyMs: [0.5, 15], loss: 0.005, duplication: 0 };
    for (let i = 0; i < 400; i++) {
      const [user, gateway] = [`user-${random.below(50)}`, random.pick(gateways)];
      if (random.fraction() < 0.25) gateway.add(user, `film-${random.below(50)}`);
      else {
        reads++;
        if (gateway.list(user).versions === 1) agreed++;
      }
      cluster.advance(10 * random.fraction());
    }
    print('reads that met one version', `${agreed} of ${reads}`);
    expect(agreed / reads).toBeGreaterThan(0.95);
    for (const gateway of gateways) gateway.stop();
  });
});
