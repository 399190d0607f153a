/**
 * Schedules by hand that no other test has: each breaks the rule that it names when that is left out. Most schedules of
 * docs/row-model.md stand beside the code whose rule they show; docs/SIMULATION.md says where. Replicas a1, b1, c1; W = R = 2.
 */
import { TriptychError } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { addOf, favorites, NOTHING_KNOWN, testCluster, type Pending, type TestCluster } from '@app/store/testing';

const HOUR_MS = 3_600_000;

const ended = (cluster: TestCluster, operation: Pending<unknown>): void => {
  expect(cluster.clock.runUntil(() => operation.state !== 'waiting', 60_000)).toBe(true);
};

/** Adds through one node what another one never hears of. */
function addWithout(cluster: TestCluster, film: string, via: string, deaf: string): void {
  cluster.network.hold = ({ to, kind }) => to === deaf && kind === 'apply';
  cluster.add('ann', film, { via });
  cluster.network.hold = null;
}

describe('clocks', () => {
  it.each([
    ['ahead', HOUR_MS],
    ['behind', -HOUR_MS],
  ])('[F16] decide no removal: the film was added through a node whose clock is an hour %s of the others', (_, skewMs) => {
    const cluster = testCluster();
    cluster.skew('a1', skewMs);
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.remove('ann', 'x', { via: 'b1' });
    cluster.add('ann', 'x', { via: 'b1' });
    cluster.remove('ann', 'x', { via: 'a1' });
    cluster.advance(60);
    for (const node of cluster.nodes) expect(cluster.locally(node, 'ann')).toEqual([]);
  });
});

describe('a damaged row', () => {
  it('[F9] is not rebuilt from one replica alone, which may have missed what the others acknowledged', () => {
    const cluster = testCluster();
    cluster.add('ann', 'y', { via: 'a1' });
    cluster.advance(50);
    addWithout(cluster, 'x', 'a1', 'c1');
    cluster.rot('a1', 'ann', 'x');
    cluster.touch('a1', 'ann');
    cluster.isolate('b1');
    // As long as b1 is away nobody can know of x, and nobody may say that there is none.
    cluster.advance(30_000);
    expect(cluster.node('a1').stats().damagedRows).toBe(1);
    expect(() => cluster.list('ann', { via: 'c1' })).toThrow(TriptychError);
    cluster.heal();
    cluster.advance(60_000);
    expect(cluster.node('a1').stats().damagedRows).toBe(0);
    expect(cluster.list('ann', { via: 'c1' })).toEqual(['y', 'x']);
  });
});

describe('two replicas', () => {
  it.each([
    ['first', 'a1', 'c1'],
    ['second', 'c1', 'a1'],
  ])('show the same of one film added twice at once, the earlier add, whichever came %s', (_, one, other) => {
    const cluster = testCluster();
    cluster.add('ann', 'y', { via: 'b1' });
    cluster.advance(50);
    const earlier = cluster.prepare('ann', 'x', addOf({ placement: 'first', value: 'earlier' }), { via: one });
    ended(cluster, earlier);
    cluster.advance(10);
    const later = cluster.prepare('ann', 'x', addOf({ placement: 'last', value: 'later' }), { via: other });
    ended(cluster, later);
    const commits = [cluster.commit('ann', later.result.delta!, { via: other }), cluster.commit('ann', earlier.result.delta!, { via: one })];
    for (const commit of commits) ended(cluster, commit);
    cluster.advance(50);
    for (const node of cluster.nodes) {
      expect(cluster.locally(node, 'ann')).toEqual(['x', 'y']);
      expect(Buffer.from(cluster.node(node).rows.item(favorites('ann'), 'x')!.value).toString()).toBe('earlier');
    }
  });

  it('[F7] a whole row that comes late does not bring back what was dropped here meanwhile', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.restart('b1'); // it remembers no single operations, so it sends the row
    cluster.advance(1_000);
    const late = cluster.node('b1').rows.difference(favorites('ann'), NOTHING_KNOWN)!;
    expect(late.kind).toBe('snapshot');
    cluster.isolate('b1');
    cluster.remove('ann', 'x', { via: 'a1' });
    let isMerged = false;
    if (late.kind === 'snapshot') cluster.node('a1').rows.merge(favorites('ann'), late.snapshot, () => (isMerged = true));
    cluster.advance(50);
    expect(isMerged).toBe(true);
    expect(cluster.locally('a1', 'ann')).toEqual([]);
  });
});

describe('an acknowledgement', () => {
  it('[F17] is no refusal, nor the hint that is kept after one: an add that one replica alone could store is of unknown outcome', () => {
    const cluster = testCluster();
    const add = cluster.prepare('ann', 'x', addOf(), { via: 'a1' });
    ended(cluster, add);
    cluster.crash('b1');
    cluster.crash('c1');
    const commit = cluster.commit('ann', add.result.delta!, { via: 'a1' });
    ended(cluster, commit);
    expect(commit.error).toMatchObject({ code: 'STORE_WRITE_UNCERTAIN' });
  });
});

describe('a replica that missed a write', () => {
  it('is compared with at once where the hint for it was given up, though it was never seen to be down', () => {
    const antiEntropy = { roundEveryMs: HOUR_MS, lookEveryMs: 500, bytesPerSecond: 1_000_000 };
    const cluster = testCluster({ settings: { antiEntropy, hints: { maxBytes: 0, maxBytesPerTarget: 0, maxInFlight: 1, bytesPerSecond: 1 } } });
    cluster.advance(2_000);
    cluster.network.onDelivery = ({ to, kind, isReply }) => !(to === 'c1' && kind === 'apply' && !isReply);
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.network.onDelivery = null;
    cluster.advance(15_000);
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
  });
});
