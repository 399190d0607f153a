import type { RowKey } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { favorites } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';
import type { TestClusterOptions } from '../testing/test-machines.js';
import { ANTI_ENTROPY_SETTINGS } from './anti-entropy.js';
import { HINT_SETTINGS } from './hinted-handoff.js';

const USERS = 24;
const users = Array.from({ length: USERS }, (_, i) => `user-${i}`);

/** Rows of which a node has records. */
function rowsAt(cluster: TestCluster, name: string): string[] {
  const rows: string[] = [];
  cluster.node(name).rows.rowsByToken(0n, 1n << 64n, ({ row }: RowKey) => rows.push(row) > 0);
  return rows.sort();
}
const heldBy = (cluster: TestCluster, name: string): string[] => users.filter((user) => cluster.replicasOf(user).includes(name)).sort();

function withLists(seed: number, settings: TestClusterOptions['settings'] = {}): TestCluster {
  const cluster = testCluster({ seed, nodesPerZone: 2, settings });
  for (const user of users) for (const film of ['heat', 'ran']) cluster.add(user, film);
  for (const user of users.slice(0, 6)) cluster.remove(user, 'ran');
  cluster.advance(2_000);
  return cluster;
}

describe('[M23] rows of slots that are another node’s now', () => {
  it('are dropped when a quorum of their owners has them, records, index and tree; what stays is what is held', () => {
    const cluster = withLists(1);
    const before = rowsAt(cluster, 'b1');
    expect(before).toEqual(heldBy(cluster, 'b1'));
    cluster.addNode('b');
    cluster.advance(30_000);
    for (const name of cluster.nodes) expect([name, rowsAt(cluster, name)]).toEqual([name, heldBy(cluster, name)]);
    const gone = before.filter((user) => !heldBy(cluster, 'b1').includes(user));
    expect(gone.length).toBeGreaterThan(0);
    expect(cluster.node('b1').stats().release).toEqual({ releasedRows: gone.length, handedOverRows: 0 });
    for (const user of gone) expect(cluster.node('b1').rows.header(favorites(user)).context.isEmpty).toBe(true);
    for (const user of users) expect(cluster.list(user)).toEqual(users.indexOf(user) < 6 ? ['heat'] : ['heat', 'ran']);
    // Trees that were kept up are equal where rows are: no exchange finds anything to repair.
    const repaired = cluster.node('b1').stats().antiEntropy.rowsRepaired;
    cluster.advance(120_000);
    expect(cluster.node('b1').stats().antiEntropy.rowsRepaired).toBe(repaired);
  });

  it('come back with their slots, synced, under another actor', () => {
    const cluster = withLists(2);
    const b3 = cluster.addNode('b');
    cluster.advance(30_000);
    for (const user of users) cluster.add(user, 'ikiru');
    cluster.removeNode(b3);
    cluster.advance(30_000);
    for (const name of cluster.nodes) expect([name, rowsAt(cluster, name)]).toEqual([name, heldBy(cluster, name)]);
    for (const user of users) for (const via of cluster.replicasOf(user)) expect(cluster.list(user, { via })).toEqual(users.indexOf(user) < 6 ? ['heat', 'ikiru'] : ['heat', 'ran', 'ikiru']);
  });

  it('hand over first what their owners lack: a write that this node alone has', () => {
    // Neither hints nor anti-entropy bring it: nobody else does.
    const cluster = withLists(3, { hints: { ...HINT_SETTINGS, maxBytes: 0 }, antiEntropy: { ...ANTI_ENTROPY_SETTINGS, lookEveryMs: 1e9 } });
    const user = heldBy(cluster, 'b1')[0]!;
    cluster.isolate('b1');
    // Acknowledged at ONE: no promise, but as long as its one copy lives nothing is lost either.
    const { delta } = cluster.run(cluster.node('b1').prepare({ ...favorites(user), item: 'ikiru', operation: { kind: 'add', value: new Uint8Array(0) }, level: 'ONE' }, cluster.context()));
    cluster.run(cluster.node('b1').commit({ ...favorites(user), delta: delta!, level: 'ONE' }, cluster.context()));
    cluster.heal();
    cluster.setWeight('b1', 0);
    cluster.advance(30_000);
    expect(rowsAt(cluster, 'b1')).toEqual([]);
    expect(cluster.node('b1').stats().release.handedOverRows).toBe(1);
    expect(cluster.list(user)).toContain('ikiru');
  });

  it('that are found damaged are dropped too, and nobody waits for them to be rebuilt', () => {
    const cluster = withLists(5);
    const user = heldBy(cluster, 'b1')[0]!;
    cluster.setWeight('b1', 0);
    cluster.isolate('b1');
    expect(cluster.rot('b1', user, 'heat')).toBe(true);
    expect(() => cluster.node('b1').rows.item(favorites(user), 'heat')).toThrow('damaged');
    cluster.heal();
    cluster.advance(30_000);
    expect(rowsAt(cluster, 'b1')).toEqual([]);
    expect(cluster.node('b1').stats().damagedRows).toBe(0);
    expect(cluster.list(user)).toContain('heat');
  });

  it('stay while their owners cannot be reached', () => {
    const cluster = withLists(4);
    const user = heldBy(cluster, 'b1')[0]!;
    const before = rowsAt(cluster, 'b1');
    cluster.setWeight('b1', 0);
    cluster.isolate('b1');
    cluster.advance(60_000);
    expect(rowsAt(cluster, 'b1')).toEqual(before);
    cluster.heal();
    cluster.advance(700_000);
    expect(rowsAt(cluster, 'b1')).toEqual([]);
    expect(cluster.list(user)).toContain('heat');
  });
});
