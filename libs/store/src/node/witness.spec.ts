/** Lost, old and honest disks told apart, in whole clusters in virtual time. */
import { describe, expect, it } from 'vitest';
import { codeOf } from '../testing/code-of.js';
import { favorites } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';
import { LONGEST_WRITE_MS } from './quorum-write.js';

/** Until peers have been told. */
const TOLD_MS = 2_500;
const standing = (cluster: TestCluster, name: string): string => cluster.node(name).standing;
const waiting = (cluster: TestCluster, name: string): number => cluster.node(name).stats().slotSync.waitingSlots;

function restart(cluster: TestCluster, name: string, withinMs = 1_000): string {
  cluster.start(name);
  cluster.clock.runUntil(() => standing(cluster, name) !== 'unknown', withinMs);
  return standing(cluster, name);
}

describe('[W1] an honest disk keeps its vote', () => {
  it('new nodes of a new cluster serve at once', () => {
    const cluster = testCluster();
    expect(cluster.nodes.map((name) => standing(cluster, name))).toEqual(['new', 'new', 'new']);
    expect(cluster.clock.monotonicMs()).toBeLessThan(50);
    cluster.add('ann', 'x', { via: 'a1' });
    expect(cluster.list('ann', { via: 'b1' })).toEqual(['x']);
  });

  it.each(['crash', 'power loss', 'stop in order'])('after a %s', (kind) => {
    const cluster = testCluster({ seed: 3 });
    for (let i = 0; i < 20; i++) cluster.add('ann', `film-${i}`, { via: 'a1' });
    cluster.advance(TOLD_MS);
    cluster.add('ann', 'last', { via: 'a1' });
    if (kind === 'crash') cluster.crash('a1');
    else if (kind === 'power loss') cluster.powerLoss('a1');
    else cluster.shutDown('a1');
    cluster.advance(1_000);
    expect(restart(cluster, 'a1')).toBe('healthy');
    expect(waiting(cluster, 'a1')).toBe(0);
    expect(cluster.list('ann', { via: 'a1' })).toHaveLength(21);
  });

  it('with one of its two peers away, and with none away', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.crash('c1');
    cluster.crash('a1');
    expect(restart(cluster, 'a1')).toBe('healthy');
    expect(cluster.list('ann', { via: 'a1' })).toEqual(['x']);
  });

  it('after a power loss of all and a common restart', () => {
    for (const seed of [1, 2]) {
      const cluster = testCluster({ seed, nodesPerZone: 2 });
      for (let i = 0; i < 10; i++) cluster.add(`user-${i}`, 'x');
      cluster.advance(500);
      for (let i = 0; i < 10; i++) cluster.add(`user-${i}`, 'y');
      for (const name of cluster.nodes) cluster.powerLoss(name);
      for (const name of cluster.nodes) cluster.start(name);
      for (let i = 0; i < 10; i++) expect(cluster.list(`user-${i}`)).toEqual(['x', 'y']);
      expect(cluster.nodes.map((name) => standing(cluster, name))).toEqual(new Array(6).fill('healthy'));
    }
  });

  it('a single node has nobody to ask', () => {
    const cluster = testCluster({ zones: ['a'], replicationFactor: 1 });
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.restart('a1');
    expect(cluster.list('ann', { via: 'a1' })).toEqual(['x']);
  });

  it('nodes that have nothing to say soon tell each other nothing', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(20_000);
    const asked = (): number => cluster.nodes.reduce((sum, name) => sum + cluster.node(name).stats().asked.witness, 0);
    const before = asked();
    cluster.advance(60_000);
    expect(asked() - before).toBeLessThan(20); // of the scrubber's own records, a few
  });
});

describe('[W2] a lost disk is known', () => {
  it('even when it is lost at once, or the node had written nothing', () => {
    const cluster = testCluster();
    cluster.loseDisk('a1');
    expect(restart(cluster, 'a1')).toBe('lost-disk');
    expect(waiting(cluster, 'a1')).toBe(4096);
  });

  it('by one peer while the other is away', () => {
    const cluster = testCluster();
    cluster.crash('b1');
    cluster.loseDisk('a1');
    expect(restart(cluster, 'a1')).toBe('lost-disk');
  });

  it('a new directory acknowledges nothing, and has no vote, until its peers have witnessed it', () => {
    const cluster = testCluster();
    const delta = cluster.prepare('ann', 'x', { kind: 'add', value: Buffer.from('') }, { via: 'b1' });
    cluster.advance(100);
    cluster.loseDisk('a1');
    cluster.isolate('a1');
    cluster.start('a1');
    cluster.advance(4_000);
    expect(standing(cluster, 'a1')).toBe('unknown');
    expect(codeOf(() => cluster.list('ann', { via: 'a1', level: 'ONE' }))).toBe('STORE_NOT_SYNCED');
    const commit = cluster.commit('ann', delta.result.delta!, { via: 'a1', level: 'ONE' });
    cluster.advance(100);
    expect(commit.error?.code).toBe('STORE_NOT_SYNCED');
  });

  it('again after its next crash: what was witnessed of the disk before is not held against the new one', () => {
    const cluster = testCluster();
    for (let i = 0; i < 30; i++) cluster.add('ann', `film-${i}`, { via: 'a1' });
    cluster.advance(TOLD_MS);
    cluster.loseDisk('a1');
    expect(restart(cluster, 'a1')).toBe('lost-disk');
    cluster.advance(LONGEST_WRITE_MS + 5_000);
    expect(waiting(cluster, 'a1')).toBe(0);
    cluster.crash('a1');
    expect(restart(cluster, 'a1')).toBe('healthy');
    expect(waiting(cluster, 'a1')).toBe(0);
  });
});

describe('[W3] an old disk is known', () => {
  it.each(['rollback', 'copy'] as const)('swapped in after a crash, as a %s of the running directory', (as) => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(TOLD_MS);
    const old = cluster.snapshotDisk('a1');
    cluster.add('ann', 'y', { via: 'a1' });
    cluster.advance(TOLD_MS);
    cluster.restoreDisk('a1', old, as);
    expect(restart(cluster, 'a1')).toBe('old-disk');
    expect(waiting(cluster, 'a1')).toBe(4096);
  });

  it('with a clean-stop marker', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.shutDown('a1');
    cluster.advance(100);
    const old = cluster.snapshotDisk('a1');
    expect(restart(cluster, 'a1')).toBe('healthy');
    cluster.advance(TOLD_MS);
    cluster.shutDown('a1');
    cluster.advance(100);
    cluster.restoreDisk('a1', old);
    expect(restart(cluster, 'a1')).toBe('old-disk'); // though not one row was written in between
  });

  it('a copy, though nothing was written since it was made', () => {
    const cluster = testCluster();
    cluster.advance(TOLD_MS);
    cluster.shutDown('a1');
    cluster.advance(100);
    cluster.restoreDisk('a1', cluster.snapshotDisk('a1'), 'copy');
    expect(restart(cluster, 'a1')).toBe('old-disk');
  });

  it('of the disk before a lost one', () => {
    const cluster = testCluster();
    cluster.advance(TOLD_MS);
    const old = cluster.snapshotDisk('a1');
    cluster.loseDisk('a1');
    expect(restart(cluster, 'a1')).toBe('lost-disk');
    cluster.advance(LONGEST_WRITE_MS + 5_000);
    cluster.restoreDisk('a1', old);
    expect(restart(cluster, 'a1')).toBe('old-disk');
  });

  it('when the only peer that saw its last hours comes back later', () => {
    const cluster = testCluster();
    cluster.advance(TOLD_MS);
    const old = cluster.snapshotDisk('a1');
    cluster.crash('c1');
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(TOLD_MS);
    cluster.crash('b1');
    cluster.restoreDisk('a1', old);
    cluster.start('c1');
    cluster.start('a1');
    cluster.advance(2_000);
    cluster.start('b1');
    cluster.advance(3_000);
    expect(standing(cluster, 'a1')).toBe('old-disk');
    expect(waiting(cluster, 'a1')).toBe(4096);
  });

  it('also after a start that no peer confirmed, and writes taken in it', () => {
    const cluster = testCluster();
    cluster.advance(TOLD_MS);
    const old = cluster.snapshotDisk('a1');
    cluster.add('ann', 'x', { via: 'b1' });
    cluster.advance(TOLD_MS);
    const deltas = Array.from({ length: 30 }, (_, i) => cluster.prepare('bob', `film-${i}`, { kind: 'add', value: Buffer.from('') }, { via: 'b1' }));
    cluster.advance(100);
    cluster.restoreDisk('a1', old);
    cluster.isolate('a1');
    cluster.start('a1');
    cluster.advance(4_000);
    for (const { result } of deltas) cluster.commit('bob', result.delta!, { via: 'a1', level: 'ONE' });
    cluster.advance(1_000);
    expect(cluster.node('a1').rows.header(favorites('bob')).itemCount).toBe(30); // far beyond what was witnessed
    cluster.crash('a1');
    cluster.heal();
    expect(restart(cluster, 'a1')).toBe('old-disk');
  });

  it('by peers that have started again since they witnessed it', () => {
    const cluster = testCluster();
    cluster.advance(TOLD_MS);
    const old = cluster.snapshotDisk('a1');
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(TOLD_MS);
    for (const name of cluster.nodes) cluster.powerLoss(name);
    cluster.restoreDisk('a1', old);
    for (const name of cluster.nodes) cluster.start(name);
    cluster.advance(1_000);
    expect(cluster.nodes.map((name) => standing(cluster, name))).toEqual(['old-disk', 'healthy', 'healthy']);
  });

  it('a disk that lied about its syncs', () => {
    const seeds = [1, 2, 3, 4, 5, 6].filter((seed) => {
      const cluster = testCluster({ seed });
      cluster.advance(TOLD_MS);
      cluster.disk('a1').lieAboutSyncs();
      for (let i = 0; i < 10; i++) cluster.add('ann', `film-${i}`, { via: 'a1' });
      cluster.advance(TOLD_MS);
      cluster.powerLoss('a1');
      let kept = true;
      try {
        kept = restart(cluster, 'a1') === 'healthy';
      } catch (error) {
        expect((error as { code: string }).code).toBe('STORE_RECORD_CORRUPT'); // the directory is refused, and set aside
        return true;
      }
      if (kept) expect(cluster.node('a1').rows.header(favorites('ann')).itemCount).toBe(10);
      return !kept;
    });
    expect(seeds.length).toBeGreaterThan(0);
  });
});

it('stop() leaves no timer and no message under way', () => {
  const cluster = testCluster();
  cluster.isolate('a1');
  cluster.restart('a1');
  cluster.advance(300);
  for (const name of cluster.nodes) cluster.node(name).stop();
  cluster.advance(30_000);
  expect(cluster.clock.pending).toBe(0);
});
