/** What a node without its rows does, and how it gets them back: whole clusters in virtual time, schedules by hand. */
import { describe, expect, it } from 'vitest';
import { slotOf } from '../core/ring/token-allocator.js';
import { tokenOf } from '../core/ring/token.js';
import { decodeDelta } from '../core/row/delta.js';
import { codeOf } from '../testing/code-of.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';
import { LONGEST_WRITE_MS } from './quorum-write.js';
import { allSlots } from './slot-sync.js';

/** Enough for a small sync once it may begin. */
const SYNC_MS = 8_000;
const waiting = (cluster: TestCluster, name: string): number => cluster.node(name).stats().slotSync.waitingSlots;
const cutBoth = (cluster: TestCluster, a: string, b: string): void => {
  cluster.network.cut(a, b);
  cluster.network.cut(b, a);
};

/** x is acknowledged on a1 and b1, and c1 has not heard of it; nobody tells it before the test allows it. */
function addedAtTwo(seed = 1): TestCluster {
  const cluster = testCluster({ seed });
  cluster.add('ann', 'old', { via: 'c1' });
  cluster.advance(2_000);
  cutBoth(cluster, 'c1', 'a1');
  cutBoth(cluster, 'c1', 'b1');
  cluster.add('ann', 'x', { via: 'a1' });
  cluster.advance(200);
  return cluster;
}

/** What was cut is whole again, but for the link between b1 and c1: what c1 learns, it learns from a1. */
function healAllButBC(cluster: TestCluster): void {
  cluster.heal();
  cutBoth(cluster, 'b1', 'c1');
}

describe('[W4] a replica that may lack what it acknowledged', () => {
  it('has no vote: nobody takes its empty rows for removals, and what needs its own state goes to another replica', () => {
    const cluster = addedAtTwo();
    cluster.loseDisk('a1');
    cluster.heal();
    cluster.isolate('b1');
    cluster.start('a1');
    cluster.advance(2_000);
    expect(codeOf(() => cluster.list('ann', { via: 'a1' }))).toBe('STORE_NOT_SYNCED');
    expect(codeOf(() => cluster.list('ann', { via: 'a1', level: 'ONE' }))).toBe('STORE_NOT_SYNCED');
    expect(codeOf(() => cluster.get('ann', 'x', { via: 'a1' }))).toBe('STORE_NOT_SYNCED');
    expect(codeOf(() => cluster.add('ann', 'y', { via: 'a1' }))).toBe('STORE_NOT_SYNCED');
    expect(codeOf(() => cluster.remove('ann', 'x', { via: 'a1' }))).toBe('STORE_NOT_SYNCED');
    expect(codeOf(() => cluster.list('ann', { via: 'c1', timeoutMs: 500 }))).toMatch(/STORE_QUORUM_UNAVAILABLE|STORE_READ_TIMEOUT/);
  });

  it('does not agree with another that has not heard of the add either', () => {
    const cluster = testCluster();
    cluster.advance(2_000);
    cutBoth(cluster, 'c1', 'a1');
    cutBoth(cluster, 'c1', 'b1');
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(200);
    cluster.loseDisk('a1');
    cluster.heal();
    cluster.isolate('b1');
    cluster.start('a1');
    cluster.advance(2_000);
    expect(cluster.digestAt('a1', 'ann')).toBe(cluster.digestAt('c1', 'ann')); // both empty
    expect(codeOf(() => cluster.list('ann', { via: 'c1', timeoutMs: 500 }))).toMatch(/STORE_QUORUM_UNAVAILABLE|STORE_READ_TIMEOUT/);
  });

  it('acknowledges writes all the while, and keeps them', () => {
    const cluster = addedAtTwo();
    cluster.loseDisk('a1');
    cluster.heal();
    cluster.isolate('b1');
    cluster.start('a1');
    cluster.advance(1_500);
    const { delta } = cluster.run(cluster.node('c1').prepare({ table: 'favorites', row: 'ann', item: 'y', operation: { kind: 'add', value: Buffer.from('') }, level: 'ONE' }, cluster.context()));
    cluster.run(cluster.node('c1').commit({ table: 'favorites', row: 'ann', delta: delta!, level: 'QUORUM' }, cluster.context()));
    cluster.heal();
    cluster.advance(LONGEST_WRITE_MS + SYNC_MS);
    expect(waiting(cluster, 'a1')).toBe(0);
    cluster.isolate('c1');
    expect(cluster.list('ann', { via: 'a1' }).sort()).toEqual(['old', 'x', 'y']);
  });

  it('is no source: what it lacks spreads to nobody by anti-entropy, repair or another sync', () => {
    const cluster = testCluster({ settings: { antiEntropy: { roundEveryMs: 500, lookEveryMs: 100, bytesPerSecond: 1_000_000 } } });
    for (let i = 0; i < 20; i++) cluster.add('ann', `film-${i}`, { via: 'a1' });
    cluster.advance(2_000);
    cluster.loseDisk('a1');
    cluster.start('a1');
    cluster.advance(LONGEST_WRITE_MS - 1_000);
    expect(waiting(cluster, 'a1')).toBe(4096);
    for (const name of ['b1', 'c1']) {
      expect(cluster.locally(name, 'ann')).toHaveLength(20);
      expect(cluster.list('ann', { via: name })).toHaveLength(20);
    }
    expect(cluster.node('b1').stats().asked.pull).toBe(0); // nor is it compared with
  });
});

describe('[W5] a lost disk is rebuilt from the others', () => {
  it('an add acknowledged on two, one of which loses its disk, is in every later quorum', () => {
    for (const seed of [1, 2, 3]) {
      const cluster = addedAtTwo(seed);
      cluster.loseDisk('a1');
      healAllButBC(cluster);
      cluster.start('a1');
      cluster.advance(LONGEST_WRITE_MS + SYNC_MS);
      expect(waiting(cluster, 'a1')).toBe(0);
      cluster.isolate('b1');
      expect(cluster.list('ann', { via: 'a1' })).toEqual(['old', 'x']);
      expect(cluster.list('ann', { via: 'c1' })).toEqual(['old', 'x']);
    }
  });

  it('a removal acknowledged on two sticks too: nothing comes back from the one that had not heard of it', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(2_000);
    cutBoth(cluster, 'c1', 'a1');
    cutBoth(cluster, 'c1', 'b1');
    cluster.remove('ann', 'x', { via: 'a1' });
    cluster.advance(200);
    cluster.loseDisk('a1');
    healAllButBC(cluster);
    cluster.start('a1');
    cluster.advance(LONGEST_WRITE_MS + SYNC_MS);
    cluster.isolate('b1');
    expect(cluster.list('ann', { via: 'c1' })).toEqual([]);
    expect(cluster.list('ann', { via: 'a1' })).toEqual([]);
  });

  it('[F9b] never from one source alone', () => {
    const cluster = addedAtTwo();
    cluster.loseDisk('a1');
    cluster.heal();
    cluster.isolate('b1');
    cluster.start('a1');
    cluster.advance(LONGEST_WRITE_MS + SYNC_MS); // c1 alone could be asked, and has not heard of x
    expect(waiting(cluster, 'a1')).toBe(4096);
    expect(codeOf(() => cluster.list('ann', { via: 'a1' }))).toBe('STORE_NOT_SYNCED');
    healAllButBC(cluster);
    cluster.advance(SYNC_MS);
    expect(waiting(cluster, 'a1')).toBe(0);
    cluster.isolate('b1');
    expect(cluster.list('ann', { via: 'a1' })).toEqual(['old', 'x']);
  });

  it('[F9c] not before every write that may have counted the lost copy is over', () => {
    const cluster = testCluster();
    cluster.advance(2_000);
    cutBoth(cluster, 'b1', 'c1');
    const { delta } = cluster.run(cluster.node('b1').prepare({ table: 'favorites', row: 'ann', item: 'x', operation: { kind: 'add', value: Buffer.from('') }, level: 'QUORUM' }, cluster.context()));
    cluster.disk('b1').stall();
    const write = cluster.commit('ann', delta!, { via: 'b1', timeoutMs: 8_000 });
    cluster.advance(100); // a1 has acknowledged; b1 has not yet stored what it sent
    cluster.loseDisk('a1');
    cluster.start('a1');
    cluster.advance(6_000);
    cluster.disk('b1').resume();
    cluster.advance(1_000);
    expect(write.state).toBe('done'); // by the copy that a1 has lost, and its own
    cluster.advance(LONGEST_WRITE_MS + SYNC_MS);
    expect(waiting(cluster, 'a1')).toBe(0);
    cluster.isolate('b1');
    expect(cluster.list('ann', { via: 'a1' })).toEqual(['x']);
  });

  it('[F10] and mints no dot twice', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(2_000);
    cluster.loseDisk('a1');
    cluster.start('a1');
    cluster.advance(LONGEST_WRITE_MS + SYNC_MS);
    cluster.add('ann', 'y', { via: 'a1' });
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual(['x', 'y']);
  });

  it('[F11] as is an old disk: what it has missed comes, what it has stays', () => {
    for (const as of ['rollback', 'copy'] as const) {
      const cluster = testCluster();
      cluster.add('ann', 'old', { via: 'a1' });
      cluster.add('ann', 'gone', { via: 'a1' });
      cluster.advance(3_000);
      const old = cluster.snapshotDisk('a1');
      cutBoth(cluster, 'c1', 'a1');
      cutBoth(cluster, 'c1', 'b1');
      cluster.add('ann', 'x', { via: 'a1' });
      cluster.remove('ann', 'gone', { via: 'b1' });
      cluster.advance(3_000);
      cluster.restoreDisk('a1', old, as);
      healAllButBC(cluster);
      cluster.start('a1');
      cluster.advance(2_000);
      expect(codeOf(() => cluster.list('ann', { via: 'a1' }))).toBe('STORE_NOT_SYNCED');
      cluster.advance(LONGEST_WRITE_MS + SYNC_MS);
      cluster.isolate('b1');
      expect(cluster.list('ann', { via: 'c1' })).toEqual(['old', 'x']);
      expect(cluster.node('a1').stats().slotSync.rowsPulled).toBe(1); // not the whole disk
    }
  });

  it('row by row and page by page, however many there are in a slot', () => {
    const cluster = testCluster();
    const users = Array.from({ length: 8_000 }, (_, i) => `user-${i}`).filter((user) => slotOf(tokenOf('favorites', user)) < 200);
    expect(users.length).toBeGreaterThan(300);
    for (const user of users) cluster.add(user, 'x', { via: 'b1' });
    cluster.advance(3_000);
    cluster.loseDisk('a1');
    cluster.start('a1');
    cluster.advance(LONGEST_WRITE_MS + SYNC_MS);
    expect(cluster.node('a1').stats().slotSync).toMatchObject({ waitingSlots: 0, rowsPulled: users.length });
    for (const user of users) expect(cluster.locally('a1', user)).toEqual(['x']);
  });

  it('with two nodes in each zone: each slot from its own replicas', () => {
    const cluster = testCluster({ nodesPerZone: 2, seed: 5 });
    for (let i = 0; i < 60; i++) cluster.add(`user-${i}`, 'x');
    cluster.advance(3_000);
    cluster.loseDisk('a1');
    cluster.start('a1');
    cluster.advance(500);
    const ours = waiting(cluster, 'a1');
    expect(ours).toBeGreaterThan(1_500);
    expect(ours).toBeLessThan(2_600);
    cluster.advance(LONGEST_WRITE_MS + SYNC_MS);
    expect(cluster.node('a1').stats().slotSync).toMatchObject({ waitingSlots: 0, syncedSlots: ours, reason: null });
    for (let i = 0; i < 60; i++) if (cluster.replicasOf(`user-${i}`).includes('a1')) expect(cluster.locally('a1', `user-${i}`)).toEqual(['x']);
  });

  it('two lost disks of three: what is left is all there is, and the cluster goes on with it', () => {
    const cluster = testCluster();
    for (let i = 0; i < 10; i++) cluster.add('ann', `film-${i}`, { via: 'a1' });
    cluster.advance(2_000);
    cluster.loseDisk('a1');
    cluster.loseDisk('b1');
    cluster.start('a1');
    cluster.start('b1');
    cluster.advance(LONGEST_WRITE_MS + SYNC_MS);
    expect([waiting(cluster, 'a1'), waiting(cluster, 'b1')]).toEqual([0, 0]);
    cluster.isolate('c1');
    expect(cluster.list('ann', { via: 'a1' })).toHaveLength(10);
  });
});

describe('[W6] a sync that is interrupted', () => {
  it('goes on after a crash, and after a power loss, wherever it was', () => {
    for (const seed of [1, 2]) {
      const cluster = testCluster({ seed, settings: { slotSync: { bytesPerSecond: 2_000 } } });
      for (let i = 0; i < 60; i++) cluster.add(`user-${i}`, 'x', { via: 'b1' });
      cluster.advance(3_000);
      cluster.loseDisk('a1');
      cluster.start('a1');
      cluster.advance(LONGEST_WRITE_MS + 500 + 500 * seed);
      const left = waiting(cluster, 'a1');
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThan(4096);
      if (seed % 2 === 0) cluster.crash('a1');
      else cluster.powerLoss('a1');
      cluster.start('a1');
      cluster.advance(2_000);
      expect(cluster.node('a1').standing).toBe('healthy'); // the disk is; its rows are not
      expect(waiting(cluster, 'a1')).toBeGreaterThanOrEqual(left);
      const votes = Array.from({ length: 60 }, (_, i) => codeOf(() => cluster.list(`user-${i}`, { via: 'a1' })));
      expect(votes).toContain('STORE_NOT_SYNCED');
      cluster.advance(LONGEST_WRITE_MS + 60_000);
      expect(waiting(cluster, 'a1')).toBe(0);
      cluster.isolate('b1');
      for (let i = 0; i < 60; i++) expect(cluster.list(`user-${i}`, { via: 'a1' })).toEqual(['x']);
    }
  });

  it('loses its vote before anything is answered, and on disk', () => {
    const cluster = addedAtTwo();
    cluster.loseDisk('a1');
    healAllButBC(cluster);
    cluster.start('a1');
    cluster.clock.runUntil(() => cluster.node('a1').standing !== 'unknown', 2_000);
    cluster.powerLoss('a1'); // in the very moment in which it knows
    cluster.start('a1');
    cluster.advance(2_000);
    expect(waiting(cluster, 'a1')).toBe(4096);
  });

  it('waits for a row that is damaged at its source, and holds nothing else up', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(3_000);
    cluster.loseDisk('a1');
    cluster.rot('b1', 'ann', 'x');
    cluster.touch('b1', 'ann');
    cluster.start('a1');
    cluster.advance(LONGEST_WRITE_MS + SYNC_MS);
    const left = waiting(cluster, 'a1');
    expect(left).toBeGreaterThan(0); // b1 waits for a1, and a1 for b1: two copies of three are gone, so nobody guesses
    expect(left).toBeLessThanOrEqual(256);
    expect(codeOf(() => cluster.list('ann', { via: 'a1' }))).toBe('STORE_NOT_SYNCED');
  });

  it('keeps to its pace', () => {
    const cluster = testCluster({ settings: { slotSync: { bytesPerSecond: 5_000 } } });
    for (let i = 0; i < 20; i++) cluster.add(`user-${i}`, 'x', { via: 'b1', value: 'v'.repeat(1_000) });
    cluster.advance(3_000);
    cluster.loseDisk('a1');
    cluster.start('a1');
    cluster.advance(LONGEST_WRITE_MS + 2_000);
    expect(cluster.node('a1').stats().slotSync.bytes).toBeLessThan(2 * 5_000 + 8 * 1_200);
  });

  it('stop() leaves no timer and no message under way, in the middle of anything', () => {
    for (const afterMs of [5, 1_000, LONGEST_WRITE_MS + 100, LONGEST_WRITE_MS + 900]) {
      const cluster = testCluster({ settings: { slotSync: { bytesPerSecond: 2_000 } } });
      for (let i = 0; i < 20; i++) cluster.add(`user-${i}`, 'x', { via: 'b1' });
      cluster.loseDisk('a1');
      cluster.start('a1');
      cluster.advance(afterMs);
      for (const name of cluster.nodes) cluster.node(name).stop();
      cluster.advance(30_000);
      expect(cluster.clock.pending).toBe(0);
    }
  });
});

describe('[W7] slots that are given to a node, or given back', () => {
  it('have no vote until they are synced, at once; old rows of them are merged, and their dots never minted again', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(2_000);
    const actorOf = (): string => decodeDelta(cluster.run(cluster.node('a1').prepare({ table: 'favorites', row: 'bob', item: 'y', operation: { kind: 'add', value: Buffer.from('') }, level: 'QUORUM' }, cluster.context())).delta!).dot.actor;
    const before = actorOf();
    let synced = 0;
    cluster.node('a1').onSynced(() => synced++);
    cluster.node('a1').syncSlots(allSlots(), 'regained');
    expect(codeOf(() => cluster.list('ann', { via: 'a1' }))).toBe('STORE_NOT_SYNCED');
    expect(cluster.list('ann', { via: 'b1' })).toEqual(['x']);
    cluster.advance(SYNC_MS);
    expect([waiting(cluster, 'a1'), synced]).toEqual([0, 1]);
    expect(cluster.list('ann', { via: 'a1' })).toEqual(['x']);
    expect(actorOf()).not.toBe(before);
  });

  it('survive a restart as what they are', () => {
    const cluster = testCluster();
    cluster.isolate('a1');
    cluster.node('a1').syncSlots([7, 8, 9], 'joining');
    cluster.advance(5);
    cluster.restart('a1');
    expect(waiting(cluster, 'a1')).toBe(3);
  });
});
