/** A disk that fails or is full, in whole clusters in virtual time: the node leaves the write path and fails no read. */
import { describe, expect, it } from 'vitest';
import { codeOf } from '../testing/code-of.js';
import { addOf } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';

/** x is everywhere; then the disk of a1 fails under a write that b1 coordinates. */
function failed(how: 'failing sync' | 'full disk'): TestCluster {
  const cluster = testCluster({ seed: 4 });
  cluster.add('ann', 'x', { via: 'a1' });
  cluster.add('bob', 'x', { via: 'a1' });
  cluster.advance(3_000);
  if (how === 'failing sync') cluster.failSyncs('a1');
  else cluster.fillDisk('a1');
  cluster.add('ann', 'y', { via: 'b1' });
  cluster.advance(100);
  expect(cluster.engine('a1').state).toBe('failed');
  return cluster;
}

describe.each(['failing sync', 'full disk'] as const)('[W9] a %s', (how) => {
  it('ends writing at that node, which says so before anything is sent', () => {
    const cluster = failed(how);
    expect(codeOf(() => cluster.add('ann', 'z', { via: 'a1' }))).toBe('STORE_READ_ONLY');
    const prepared = cluster.prepare('ann', 'z', { kind: 'add', value: Buffer.from('') }, { via: 'b1' });
    cluster.advance(50);
    const commit = cluster.commit('ann', prepared.result.delta!, { via: 'a1' });
    cluster.advance(50);
    expect([commit.error?.code, commit.error?.applied]).toEqual(['STORE_READ_ONLY', 'no']);
    expect(cluster.locally('b1', 'ann')).toEqual(['x', 'y']);
  });

  it('fails no write and no read that the others can serve', () => {
    const cluster = failed(how);
    cluster.add('ann', 'z', { via: 'b1' });
    cluster.remove('ann', 'x', { via: 'c1' });
    for (const via of ['b1', 'c1']) {
      expect(cluster.list('ann', { via })).toEqual(['y', 'z']);
      expect(cluster.list('bob', { via })).toEqual(['x']);
    }
  });

  it('leaves the node its vote for what it has: with another node away, reads go on', () => {
    const cluster = failed(how);
    cluster.crash('c1');
    expect(cluster.list('bob', { via: 'b1' })).toEqual(['x']);
    expect(cluster.list('bob', { via: 'a1' })).toEqual(['x']);
    expect(cluster.locally('a1', 'ann')).toEqual(['x']); // nothing after the failure is believed
  });

  it('is over with a restart: nothing acknowledged is missing, and the vote is kept', () => {
    const cluster = failed(how);
    cluster.mendSyncs('a1');
    cluster.freeDisk('a1');
    cluster.powerLoss('a1');
    cluster.start('a1');
    cluster.advance(20_000);
    expect(cluster.node('a1').standing).toBe('healthy');
    expect(cluster.engine('a1').state).toBe('open');
    expect(cluster.locally('a1', 'ann')).toEqual(['x', 'y']); // by hint
    cluster.add('ann', 'z', { via: 'a1' });
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual(['x', 'y', 'z']);
  });
});

describe('[W9] while a disk has failed', () => {
  it('its node still answers others that start again', () => {
    const cluster = failed('full disk');
    cluster.crash('c1');
    cluster.restart('b1');
    cluster.advance(500);
    expect(cluster.node('b1').standing).toBe('healthy');
    expect(cluster.list('bob', { via: 'b1' })).toEqual(['x']);
  });

  it.each(['failing sync', 'full disk'] as const)('[F10] %s: a write that was being prepared at its node takes no dot of one that was on its way to that disk', (how) => {
    const cluster = testCluster({ seed: 4 });
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(3_000);
    const adding = cluster.prepare('ann', 'y', addOf(), { via: 'a1' });
    cluster.advance(50);
    const add = adding.result.delta!;
    const removing = cluster.prepare('ann', 'x', { kind: 'remove' }, { via: 'a1' }); // asks a quorum, and so takes a moment
    if (how === 'failing sync') cluster.failSyncs('a1');
    else cluster.fillDisk('a1');
    const added = cluster.commit('ann', add, { via: 'a1' });
    cluster.advance(50);
    expect([cluster.engine('a1').state, added.state, removing.state]).toEqual(['failed', 'done', 'done']);
    const removed = cluster.commit('ann', removing.result.delta!, { via: 'b1' });
    cluster.advance(50);
    expect(removed.state).toBe('done');
    for (const via of ['b1', 'c1']) expect(cluster.list('ann', { via })).toEqual(['y']);
  });

  it('a node that lost its disk is rebuilt from it too', () => {
    const cluster = failed('failing sync');
    cluster.loseDisk('b1');
    cluster.start('b1');
    cluster.advance(25_000);
    expect(cluster.node('b1').stats().slotSync).toMatchObject({ waitingSlots: 0 });
    expect(cluster.list('ann', { via: 'b1' })).toEqual(['x', 'y']);
  });
});
