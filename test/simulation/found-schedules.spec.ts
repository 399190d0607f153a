/** Schedules that the simulator has found, once by chance and from here on always. Replicas a1, b1, c1; W = R = 2. */
import { describe, expect, it } from 'vitest';
import { addOf, testCluster, type Pending, type TestCluster } from '@app/store/testing';

const ended = (cluster: TestCluster, operation: Pending<unknown>): void => {
  expect(cluster.clock.runUntil(() => operation.state !== 'waiting', 60_000)).toBe(true);
};

describe('a remove', () => {
  it('[F4] [F12] does not rest on another one that is on its way to disk at its coordinator alone (seed 258)', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    // The first remove is prepared, and committed at a1: its disk is slow, and nothing reaches the others.
    const first = cluster.prepare('ann', 'x', { kind: 'remove' }, { via: 'a1' });
    ended(cluster, first);
    cluster.disk('a1').stall();
    cluster.network.hold = ({ from, kind }) => from === 'a1' && kind === 'apply';
    cluster.commit('ann', first.result.delta!, { via: 'a1' });
    cluster.advance(5);
    // The second one finds nothing left at a1. A quorum still shows the film.
    const second = cluster.prepare('ann', 'x', { kind: 'remove' }, { via: 'a1' });
    ended(cluster, second);
    expect(second.result.delta).not.toBeNull();
    cluster.network.hold = null;
    cluster.powerLoss('a1');
    ended(cluster, cluster.commit('ann', second.result.delta!, { via: 'b1' }));
    expect(cluster.list('ann', { via: 'c1' })).toEqual([]);
    cluster.start('a1');
    cluster.advance(30_000);
    for (const node of cluster.nodes) expect(cluster.locally(node, 'ann')).toEqual([]);
  });

  it('and an add after all of it stays', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    const [one, other] = [cluster.prepare('ann', 'x', { kind: 'remove' }, { via: 'a1' }), cluster.prepare('ann', 'x', { kind: 'remove' }, { via: 'b1' })];
    ended(cluster, one);
    ended(cluster, other);
    ended(cluster, cluster.commit('ann', one.result.delta!, { via: 'a1' }));
    const again = cluster.prepare('ann', 'x', addOf(), { via: 'c1' });
    ended(cluster, again);
    ended(cluster, cluster.commit('ann', again.result.delta!, { via: 'c1' }));
    ended(cluster, cluster.commit('ann', other.result.delta!, { via: 'b1' }));
    expect(cluster.list('ann', { via: 'a1' })).toEqual(['x']);
  });
});
