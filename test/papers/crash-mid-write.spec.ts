/**
 * "Atomicity: important! Isolation: not at all. Durability: important!" (the usual reading of Dynamo, SOSP 2007, 2.1, in lecture
 * slides), and Netflix's "commit log disks, no more than 10 seconds later" (Adrian Cockcroft, High Anxiety Availability, 2012):
 * what is left of a write when the power goes in the middle of it, and of acknowledged ones when it goes everywhere at once.
 */
import { describe, expect, it } from 'vitest';
import { TABLES } from '@app/store';
import { addOf, codeOf, testCluster, type TestCluster } from '@app/store/testing';
import { areEqual, ended, preparedAdd, print } from './schedule.js';

const LARGE = 60_000;
const OLD = 'o'.repeat(LARGE);
const NEW = 'n'.repeat(LARGE);

/** What a node holds of the film by itself. */
function valueAt(cluster: TestCluster, via: string): 'old' | 'new' | 'none' | 'a mix' {
  const { items: [item] } = ended(cluster, cluster.begin(cluster.node(via).get({ table: 'favorites', row: 'ann', items: ['x'], level: 'ONE' }, cluster.context())));
  if (!item) return 'none';
  const value = Buffer.from(item.value).toString();
  return value === OLD ? 'old' : value === NEW ? 'new' : 'a mix';
}

describe('atomicity and durability (Dynamo, 2.1)', () => {
  it('"atomicity: important": the power goes at any moment of an overwrite of 60 kB: the value is the old one or the new one, never a mix', () => {
    const seen = new Set<string>();
    for (let step = 0; step < 10; step++) {
      const cluster = testCluster({ seed: step + 1, zones: ['a'], replicationFactor: 1 });
      const old = preparedAdd(cluster, 'ann', 'x', { value: OLD });
      ended(cluster, cluster.commit('ann', old.delta));
      const overwrite = ended(cluster, cluster.prepare('ann', 'x', addOf({ value: NEW }), { pending: old.delta }));
      const write = cluster.commit('ann', overwrite.delta!);
      cluster.advance(step * 0.14);
      const isAcknowledged = write.state === 'done';
      cluster.powerLoss('a1');
      cluster.start('a1');
      const left = valueAt(cluster, 'a1');
      seen.add(`${left}, ${isAcknowledged ? 'acknowledged' : 'not'}`);
      expect(['old', 'new']).toContain(left);
    }
    expect([...seen]).toEqual(expect.arrayContaining(['old, not', 'new, acknowledged']));
    expect([...seen]).not.toContain('old, acknowledged');
  });

  it('"durability: important", by default with no window: all nodes lose their power at the moment of any acknowledgement, and all that was acknowledged is there', () => {
    let acknowledged = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const cluster = testCluster({ seed });
      const writes = Array.from({ length: 20 }, (_, i) => {
        const via = cluster.nodes[i % 3]!;
        const { delta } = preparedAdd(cluster, 'ann', `film-${i}`, { via });
        return { film: `film-${i}`, commit: cluster.commit('ann', delta, { via }) };
      });
      cluster.clock.runUntil(() => writes.filter(({ commit }) => commit.state === 'done').length >= seed * 3, 1_000);
      const kept = writes.filter(({ commit }) => commit.state === 'done').map(({ film }) => film);
      acknowledged += kept.length;
      for (const name of cluster.nodes) cluster.powerLoss(name);
      for (const name of cluster.nodes) cluster.start(name);
      for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual(expect.arrayContaining(kept));
    }
    expect(acknowledged).toBeGreaterThan(60);
  });

  it('"commit log disks, no more than 10 seconds later": a table may be had so; a power cut of all its nodes at once then loses acknowledged writes, of the last ten seconds and no older ones', () => {
    const tables = TABLES.map((table) => ({ ...table, durability: 'periodic' as const }));
    let lost = 0;
    for (let seed = 1; seed <= 3; seed++) {
      const cluster = testCluster({ seed, settings: { tables }, engine: { cutsTail: true } });
      const acknowledgedAtMs = new Map<string, number>();
      for (let i = 0; i < 20; i++) {
        cluster.add('ann', `film-${i}`, { via: cluster.nodes[i % 3]! });
        acknowledgedAtMs.set(`film-${i}`, cluster.clock.monotonicMs());
        if (i < 8) cluster.advance(1_500);
      }
      const cutAtMs = cluster.clock.monotonicMs();
      for (const name of cluster.nodes) cluster.powerLoss(name);
      for (const name of cluster.nodes) cluster.start(name);
      cluster.advance(15_000);
      const left = new Set(cluster.list('ann'));
      for (const [film, atMs] of acknowledgedAtMs) {
        if (left.has(film)) continue;
        lost++;
        expect(cutAtMs - atMs).toBeLessThanOrEqual(10_000);
      }
      expect(areEqual(cluster, ['ann'])).toBe(true);
    }
    expect(lost).toBeGreaterThan(0);
    print('acknowledged writes lost of 60 by three power cuts of all nodes, periodic', lost);
  });

  it('"a client waits for one, a quorum, or all": at ONE, too, the one has it on disk', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const cluster = testCluster({ seed });
      cluster.add('ann', 'x', { via: 'a1', level: 'ONE' });
      for (const name of cluster.nodes) cluster.powerLoss(name);
      for (const name of cluster.nodes) cluster.start(name);
      expect(cluster.locally('a1', 'ann')).toEqual(['x']);
    }
  });

  it('"no isolation": a reader meets a half finished write of several items, since each item is a write by itself', () => {
    const cluster = testCluster();
    const writes = ['x', 'y'].map((film) => preparedAdd(cluster, 'ann', film, { via: 'a1' }));
    ended(cluster, cluster.commit('ann', writes[0]!.delta, { via: 'a1' }));
    expect(cluster.list('ann', { via: 'b1' })).toEqual(['x']);
    ended(cluster, cluster.commit('ann', writes[1]!.delta, { via: 'a1' }));
    expect(cluster.list('ann', { via: 'b1' })).toEqual(['x', 'y']);
  });

  it('"values below 1 MB": 64 KiB here; and a write is of one item of one row, nothing spans two', () => {
    const cluster = testCluster();
    expect(codeOf(() => cluster.add('ann', 'x', { value: 'v'.repeat(64 * 1024) }))).toBe('none');
    expect(codeOf(() => cluster.add('ann', 'y', { value: 'v'.repeat(64 * 1024 + 1) }))).toBe('STORE_VALUE_TOO_LARGE');
    const { delta } = preparedAdd(cluster, 'ann', 'z');
    const elsewhere = cluster.prepare('ann', 'other', addOf(), { pending: delta });
    expect(codeOf(() => ended(cluster, elsewhere))).toBe('REQUEST_INVALID');
  });
});
