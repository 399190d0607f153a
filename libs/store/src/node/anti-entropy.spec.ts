/**
 * Clusters in which nobody reads: what replicas missed reaches them all the same. Hints are given no room, so that
 * what is seen here is anti-entropy's doing.
 */
import { describe, expect, it } from 'vitest';
import { HINT_SETTINGS } from './hinted-handoff.js';
import { testCluster, type TestCluster, type TestClusterOptions } from '../testing/test-cluster.js';

const withoutHints = (options: TestClusterOptions = {}): TestCluster =>
  testCluster({ ...options, settings: { ...options.settings, hints: { ...HINT_SETTINGS, maxBytes: 0, maxBytesPerTarget: 0 } } });

const digestsOf = (cluster: TestCluster, user: string): Set<string> => new Set(cluster.replicasOf(user).map((name) => cluster.digestAt(name, user)));

/** Lets time pass until all replicas of all these users are the same. */
function converges(cluster: TestCluster, users: readonly string[], withinMs: number): boolean {
  const isEqual = (): boolean => users.every((user) => digestsOf(cluster, user).size === 1);
  for (let passedMs = 0; passedMs < withinMs; passedMs += 500) {
    if (isEqual()) return true;
    cluster.advance(500);
  }
  return isEqual();
}

const repaired = (cluster: TestCluster): number => cluster.nodes.reduce((sum, name) => sum + cluster.node(name).stats().antiEntropy.rowsRepaired, 0);

describe('[A1] replicas become equal without any read', () => {
  it('after a node was away: adds and removals', () => {
    const cluster = withoutHints();
    for (const film of ['x', 'y', 'z']) cluster.add('ann', film, { via: 'a1' });
    cluster.advance(50);
    cluster.crash('c1');
    cluster.remove('ann', 'x', { via: 'a1' });
    cluster.add('ann', 'w', { via: 'b1' });
    cluster.add('bob', 'v', { via: 'b1' });
    cluster.start('c1');
    expect(cluster.locally('c1', 'ann')).toEqual(['x', 'y', 'z']);
    expect(converges(cluster, ['ann', 'bob'], 30_000)).toBe(true);
    expect(cluster.locally('c1', 'ann')).toEqual(['y', 'z', 'w']);
    expect(cluster.locally('c1', 'bob')).toEqual(['v']);
    expect(repaired(cluster)).toBeGreaterThan(0);
  });
});
