/**
 * "Reconciliation is timestamp-based at the column level, meaning that updates to different columns within a row will never
 * conflict, but when writes have been allowed in two partitions to the same column, the highest timestamp will win" (Jonathan
 * Ellis for Cassandra, five NoSQL questions, 2010); "last write wins" as the store's simple policy (Dynamo, 4.4).
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testCluster, MemoryRow, type TestCluster } from '@app/store/testing';
import { actorIdFrom } from '../../libs/store/src/core/causality/dot.js';
import { showItem, type SiblingRule } from '../../libs/store/src/core/row/causal-map.js';
import type { Delta } from '../../libs/store/src/core/row/delta.js';
import { areEqual, ended } from './schedule.js';

/** A write of one column in any table, at one side of a partition. */
function write(cluster: TestCluster, table: string, item: string, value: string, via: string): void {
  const row = { table, row: 'r' };
  const operation = { kind: 'add', value: Buffer.from(value) } as const;
  const { delta } = ended(cluster, cluster.begin(cluster.node(via).prepare({ ...row, item, operation, level: 'ONE' }, cluster.context())));
  ended(cluster, cluster.begin(cluster.node(via).commit({ ...row, delta: delta!, level: 'ONE' }, cluster.context())));
}

function valueAt(cluster: TestCluster, table: string, item: string, via: string): string {
  const { items: [found] } = ended(cluster, cluster.begin(cluster.node(via).get({ table, row: 'r', items: [item], level: 'ONE' }, cluster.context())));
  return Buffer.from(found!.value).toString();
}

describe('reconciliation by column (five NoSQL questions, question 2)', () => {
  it('"updates to different columns within a row will never conflict": after a partition into three, the list is the union', () => {
    const cluster = testCluster();
    for (const name of cluster.nodes) cluster.isolate(name);
    const films = cluster.nodes.flatMap((via) => ['x', 'y', 'z'].map((film) => {
      cluster.add('ann', `${film}-${via}`, { via, level: 'ONE', timeoutMs: 200 });
      return `${film}-${via}`;
    }));
    cluster.heal();
    cluster.advance(30_000);
    expect(areEqual(cluster, ['ann'])).toBe(true);
    for (const via of cluster.nodes) expect(cluster.locally(via, 'ann').sort()).toEqual(films.sort());
  });

  for (const [table, winner] of [['catalog', 'the latest'], ['favorites', 'the earliest']] as const) {
    it(`"writes in two partitions to the same column, the highest timestamp will win": ${winner} in the table ${table}, on every replica`, () => {
      const cluster = testCluster();
      for (const name of cluster.nodes) cluster.isolate(name);
      for (const [i, via] of ['b1', 'c1', 'a1'].entries()) {
        write(cluster, table, 'x', `value ${i}`, via);
        cluster.advance(10);
      }
      cluster.heal();
      cluster.advance(30_000);
      for (const via of cluster.nodes) expect(valueAt(cluster, table, 'x', via)).toBe(table === 'catalog' ? 'value 2' : 'value 0');
    });
  }

  it('the same winner at every replica and for both policies, whatever the order and grouping of merges, and however often each is made', () => {
    const rows = (): MemoryRow[] => [0, 1, 2, 3].map((number) => new MemoryRow(actorIdFrom(new Uint8Array(8).fill(number))));
    const dated = fc.array(fc.record({ at: fc.nat(3), hlc: fc.integer({ min: 1, max: 4 }), kind: fc.constantFrom('add', 'add', 'remove') }), { minLength: 2, maxLength: 8 });
    const merges = fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { maxLength: 12 });
    fc.assert(
      fc.property(dated, merges, fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }), (writes, early, order) => {
        const replicas = rows();
        const merge = (into: number, from: number): void => replicas[into]!.merge(replicas[from]!.snapshotFor(replicas[into]!.knowledge));
        for (const [i, { at, hlc, kind }] of writes.entries()) {
          const supersedes = replicas[at]!.versions('x').map(({ dot }) => dot);
          const version = kind === 'remove' ? null : ({ facet: 'cell', position: 'p', value: Uint8Array.of(i) } as const);
          const delta: Delta = { item: 'x', dot: replicas[at]!.mint(), hlc, supersedes, version };
          replicas[at]!.apply(delta);
          if (early[i] !== undefined) merge(...early[i]);
        }
        const shown = (replica: MemoryRow, rule: SiblingRule): number | null => showItem(replica.versions('x'), rule)?.cell.version.value[0] ?? null;
        // Everything to the first of an order, then back to all, twice.
        for (const from of order) merge(order[0]!, from);
        for (const into of [...order, ...order]) merge(into, order[0]!);
        for (const rule of ['latest', 'earliest'] as const) {
          expect(new Set(replicas.map((replica) => shown(replica, rule))).size).toBe(1);
          // By the dates alone, among the versions that nothing replaced.
          const live = replicas[0]!.versions('x').map(({ hlc }) => hlc);
          const winner = shown(replicas[0]!, rule);
          if (winner !== null) expect(writes[winner]!.hlc).toBe(rule === 'latest' ? Math.max(...live) : Math.min(...live));
        }
        expect(replicas[1]!.context()).toEqual(replicas[0]!.context());
      }),
      { numRuns: 200 },
    );
  });

  it('whether the film is there at all is not decided by a timestamp: an add with the lowest stays, concurrent with a removal with the highest', () => {
    const [one, other] = [1, 2].map((number) => new MemoryRow(actorIdFrom(new Uint8Array(8).fill(number)))) as [MemoryRow, MemoryRow];
    const first = one.add('x');
    other.apply(first);
    other.apply({ item: 'x', dot: other.mint(), hlc: 1_000, supersedes: [first.dot], version: null });
    one.apply({ item: 'x', dot: one.mint(), hlc: 1, supersedes: [first.dot], version: { facet: 'cell', position: 'p', value: Uint8Array.of(7) } });
    one.merge(other.snapshotFor(one.knowledge));
    expect(showItem(one.versions('x'), 'latest')?.cell.hlc).toBe(1);
  });
});
