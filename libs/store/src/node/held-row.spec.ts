import { describe, expect, it } from 'vitest';
import { testCluster } from '../testing/test-cluster.js';

const ANN = { table: 'favorites', row: 'ann' };

describe('a row as one replica holds it', () => {
  it('shows each item in order with the dots of its versions, and what the row knows of operations', () => {
    const cluster = testCluster({ seed: 5, nodesPerZone: 2 });
    for (const film of ['heat', 'alien', 'ran']) cluster.add('ann', film);
    cluster.remove('ann', 'alien');
    cluster.clock.advance(1_000);
    const [one, ...others] = cluster.nodes.map((name) => cluster.node(name).heldRow(ANN)).filter(({ itemCount }) => itemCount > 0);
    expect(others).toEqual([one, one]);
    expect(one!).toMatchObject({ vote: true, damaged: false, itemCount: 2, void: [], digest: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(one!.items.map(({ item }) => item)).toEqual(['heat', 'ran']);
    // Three adds and a removal: four operations, the removed film's among them.
    expect(one!.context.reduce((sum, { from, to }) => sum + to - from + 1, 0)).toBe(4);
    for (const { versions } of one!.items) {
      expect(versions).toEqual([{ facet: 'cell', dot: expect.stringMatching(/^[0-9a-f]{16}:\d+$/), atMs: expect.any(Number), superseded: [], value: expect.any(String) }]);
    }
  });

  it('shows what a replica lacks that was cut off, and is empty at a node that holds no copy', () => {
    const cluster = testCluster({ seed: 6, nodesPerZone: 2 });
    cluster.add('ann', 'heat');
    cluster.clock.advance(1_000);
    const replicas = cluster.nodes.filter((name) => cluster.node(name).heldRow(ANN).itemCount > 0);
    expect(replicas).toHaveLength(3);
    const [away, present] = replicas as [string, string];
    cluster.crash(away);
    cluster.add('ann', 'ran', { via: present });
    cluster.start(away);
    const [behind, ahead] = [cluster.node(away).heldRow(ANN), cluster.node(present).heldRow(ANN)];
    expect(behind.items.map(({ item }) => item)).toEqual(['heat']);
    expect(ahead.items.map(({ item }) => item)).toEqual(['heat', 'ran']);
    expect(behind.digest).not.toBe(ahead.digest);
    const without = cluster.nodes.filter((name) => !replicas.includes(name)).map((name) => cluster.node(name).heldRow(ANN));
    for (const row of without) expect(row).toMatchObject({ itemCount: 0, items: [], context: [], void: [] });
  });
});
