/**
 * The four outcomes of a partition that Adrian Cockcroft asks every store about (NoSQL Netflix Use Case Comparison, 2010,
 * question 2), and what Jonathan Ellis answers for Cassandra: outcome by level. The answer leaves out what decides it:
 * how the copies of a row lie on the two sides. So each outcome is shown by layout, for cuts both ways and one way only.
 */
import { describe, expect, it } from 'vitest';
import { nodeId, zoneId, type ConsistencyLevel, type RingMember } from '@app/contracts';
import { checkLayout } from '@app/store';
import { testCluster, type TestCluster, type TestClusterOptions } from '@app/store/testing';
import { areEqual, cut, nodesIn, outcomeOf, users } from './schedule.js';

type Sides = readonly (readonly string[])[];

interface Layout {
  readonly name: string;
  readonly options: TestClusterOptions;
  /** Nodes on each side of the cut. */
  readonly sidesOf: (cluster: TestCluster) => Sides;
  /** Copies of the row on each side. */
  readonly copies: readonly number[];
}

const TWO_ZONES = { zones: ['a', 'b'], nodesPerZone: 2 };
const byZone = (cluster: TestCluster): Sides => ['a', 'b', 'c'].map((zone) => nodesIn(cluster, zone)).filter((side) => side.length > 0);

const LAYOUTS: readonly Layout[] = [
  { name: '2+1, one of three zones cut off', options: {}, sidesOf: () => [['a1', 'b1'], ['c1']], copies: [2, 1] },
  { name: '2+1, two zones', options: { ...TWO_ZONES, replicationFactor: 3 }, sidesOf: byZone, copies: [2, 1] },
  { name: '1+1+1, all three zones apart', options: {}, sidesOf: byZone, copies: [1, 1, 1] },
  { name: '2+2, two zones', options: { ...TWO_ZONES, replicationFactor: 4 }, sidesOf: byZone, copies: [2, 2] },
  { name: '1+1, two zones', options: { zones: ['a', 'b'], replicationFactor: 2 }, sidesOf: byZone, copies: [1, 1] },
];

type Cut = (cluster: TestCluster, one: readonly string[], other: readonly string[]) => void;
const CUTS: Readonly<Record<string, Cut>> = {
  'both ways': (cluster, one, other) => (cut(cluster, one, other), cut(cluster, other, one)),
  'one way': cut,
  'the other way': (cluster, one, other) => cut(cluster, other, one),
};

interface Seen {
  readonly how: string;
  /** By side. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
}

/** Cuts a cluster in its sides, in each way; reads and writes on each side; heals, and looks at what has become of it. */
function partitioned(layout: Layout, read: ConsistencyLevel, write: ConsistencyLevel): Seen[] {
  const cluster = testCluster(layout.options);
  const sides = layout.sidesOf(cluster);
  const copiesOn = (user: string): number[] => sides.map((side) => cluster.replicasOf(user).filter((name) => side.includes(name)).length);
  const user = users(100).find((name) => copiesOn(name).join() === layout.copies.join())!;
  const coordinators = sides.map((side) => cluster.replicasOf(user).find((name) => side.includes(name))!);
  cluster.add(user, 'before', { level: 'ALL' });

  return Object.entries(CUTS).map(([how, apart]) => {
    for (const [i, one] of sides.entries()) for (const other of sides.slice(i + 1)) apart(cluster, one, other);
    const filmOf = (via: string): string => `${how} ${via}`.replaceAll(' ', '-');
    const reads = coordinators.map((via) => outcomeOf(() => expect(cluster.list(user, { via, level: read, timeoutMs: 200 })).toContain('before')));
    const writes = coordinators.map((via) => outcomeOf(() => cluster.add(user, filmOf(via), { via, level: write, timeoutMs: 200 })));

    cluster.heal();
    cluster.advance(12_000);
    expect(areEqual(cluster, [user])).toBe(true);
    const acknowledged = coordinators.filter((_, i) => writes[i] === 'works').map(filmOf);
    for (const name of cluster.replicasOf(user)) expect(cluster.locally(name, user)).toEqual(expect.arrayContaining(['before', ...acknowledged]));
    return { how, reads, writes };
  });
}

/** The same on each side for every way of cutting. */
const always = (reads: readonly string[], writes: readonly string[]): Seen[] => Object.keys(CUTS).map((how) => ({ how, reads, writes }));

const majority = ({ copies }: Layout): string[] => {
  const all = copies.reduce((sum, each) => sum + each, 0);
  return copies.map((each) => (2 * each > all ? 'works' : 'refused'));
};

describe('partitioned behaviour (five NoSQL questions, question 2)', () => {
  for (const layout of LAYOUTS) {
    const [everywhere, nowhere] = [layout.copies.map(() => 'works'), layout.copies.map(() => 'refused')];

    it(`R=QUORUM, W=QUORUM: "one zone decides that it is still working for reads and writes, and the other zone decides it is offline"; ${layout.name}`, () => {
      const outcome = majority(layout);
      // Never two sides. And not even one where the copies are split evenly or in three, which the answer does not say.
      expect(outcome.filter((each) => each === 'works')).toHaveLength(layout.name.startsWith('2+1') ? 1 : 0);
      expect(partitioned(layout, 'QUORUM', 'QUORUM')).toEqual(always(outcome, outcome));
    });

    it(`R=ONE, W=ALL: "both zones continue to satisfy reads, but refuse writes"; ${layout.name}`, () => {
      expect(partitioned(layout, 'ONE', 'ALL')).toEqual(always(everywhere, nowhere));
    });

    it(`R=ONE, W=ONE: "both zones continue to accept writes, and reconcile any inconsistencies when the partition heals"; ${layout.name}`, () => {
      expect(partitioned(layout, 'ONE', 'ONE')).toEqual(always(everywhere, everywhere));
    });
  }

  it('a write that is refused for want of replicas is not taken back: it goes forward when the partition heals', () => {
    const cluster = testCluster();
    cluster.isolate('c1');
    expect(outcomeOf(() => cluster.add('ann', 'x', { via: 'a1', level: 'ALL', timeoutMs: 200 }))).toBe('refused');
    expect(cluster.list('ann', { via: 'b1' })).toEqual(['x']);
    cluster.heal();
    cluster.advance(30_000);
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
  });

  it('"Cassandra has no master copy for any piece of data; all copies are equal": any two of three serve, whichever is gone, through either', () => {
    for (const gone of ['a1', 'b1', 'c1']) {
      const cluster = testCluster();
      cluster.add('ann', 'before', { via: gone });
      cluster.advance(50);
      cluster.crash(gone);
      const left = cluster.nodes.filter((name) => name !== gone);
      for (const via of left) cluster.add('ann', `by-${via}`, { via });
      for (const via of left) expect(cluster.list('ann', { via })).toEqual(['before', ...left.map((name) => `by-${name}`)]);
    }
  });

  it('two zones cannot keep a quorum through the loss of either, whatever the number of copies: such a layout is refused, with the reason', () => {
    const members = ['a1', 'a2', 'b1', 'b2'].map((name): RingMember => ({ node: nodeId(name), zone: zoneId(`zone-${name[0]}`), region: 'local', host: name, port: 1, weight: 1 }));
    for (const copies of [2, 3, 4]) {
      expect(checkLayout(members, copies, 'zone')).toEqual({ ok: false, reason: expect.stringMatching(/losing one zone can leave \d of \d copies, and a quorum is \d/) });
    }
    const third = { ...members[0]!, node: nodeId('c1'), zone: zoneId('zone-c') };
    expect(checkLayout([...members, third], 3, 'zone')).toEqual({ ok: true });
  });
});
