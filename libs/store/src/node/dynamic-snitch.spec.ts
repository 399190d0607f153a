/**
 * Reading round trouble: coordinators whose replicas get slow, hang and recover, under a steady load in virtual time. The
 * same seed gives the same figures; each test states those it saw.
 */
import { describe, expect, it } from 'vitest';
import { favorites } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';

const USERS = Array.from({ length: 40 }, (_, i) => `user-${i}`);
const HEDGES_PER_READ = 0.05;
const HEDGE_BURST = 20;

/** All links of these nodes, both ways, take so much longer than 0.2 to 1 ms. */
function slowDown(cluster: TestCluster, names: readonly string[], factor: number): void {
  const quality = { latencyMs: [0.2 * factor, factor], loss: 0, duplication: 0 } as const;
  for (const name of names) {
    for (const other of cluster.nodes) {
      cluster.network.degrade(name, other, quality);
      cluster.network.degrade(other, name, quality);
    }
  }
}

interface Seen {
  readonly reads: number;
  readonly failed: number;
  readonly hedged: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Of the digests that a1 asks of b1 or c1, those it asks of b1. */
  readonly shareOfB1: number;
}

/** Reads the lists of all users in turn, one every 5 ms, through such replicas of theirs as `via` names. */
function read(cluster: TestCluster, durationMs: number, via: readonly string[] = ['a1']): Seen {
  const { clock } = cluster;
  const latenciesMs: number[] = [];
  const asked = { b1: 0, c1: 0 };
  let [failed, hedged] = [0, 0];
  cluster.network.onDelivery = ({ from, to, kind, isReply }) => {
    if (from === 'a1' && kind === 'digest' && !isReply && (to === 'b1' || to === 'c1')) asked[to]++;
  };
  const untilMs = clock.monotonicMs() + durationMs;
  for (let i = 0; clock.monotonicMs() < untilMs; i++) {
    const user = USERS[i % USERS.length]!;
    const coordinator = cluster.replicasOf(user).find((name) => via.includes(name))!;
    const beganMs = clock.monotonicMs();
    cluster.node(coordinator).list({ ...favorites(user), limit: 10, level: 'QUORUM' }, cluster.context(1_500)).subscribe({
      next: ({ achieved }) => {
        latenciesMs.push(clock.monotonicMs() - beganMs);
        if (achieved.hedged) hedged++;
      },
      error: () => failed++,
    });
    cluster.advance(5);
  }
  latenciesMs.sort((a, b) => a - b);
  return {
    reads: latenciesMs.length,
    failed,
    hedged,
    p99Ms: latenciesMs[Math.ceil(latenciesMs.length * 0.99) - 1] ?? Infinity,
    maxMs: latenciesMs.at(-1) ?? Infinity,
    shareOfB1: asked.b1 / (asked.b1 + asked.c1),
  };
}

/** A cluster whose nodes have learned how fast the others are. */
function loaded({ nodesPerZone = 1, via = ['a1'] }: { nodesPerZone?: number; via?: readonly string[] } = {}): TestCluster {
  const cluster = testCluster({ seed: 11, nodesPerZone });
  for (const user of USERS) cluster.add(user, 'x', { via: cluster.replicasOf(user).find((name) => via.includes(name))! });
  read(cluster, 3_000, via);
  return cluster;
}

describe('[D2] a replica that is ten times slower', () => {
  it('loses its share of the reads within a second, and has it back two seconds after it has recovered', () => {
    const cluster = loaded();
    const healthy = read(cluster, 2_000);
    expect(healthy.shareOfB1).toBeCloseTo(0.5, 1);
    slowDown(cluster, ['b1'], 10);
    const first = read(cluster, 1_000);
    expect(first.shareOfB1).toBeLessThan(0.1); // 0.04
    expect(first.p99Ms).toBeLessThan(10); // 6.6, healthy 1.9
    const later = read(cluster, 5_000);
    expect(later.shareOfB1).toBeLessThan(0.02); // two questions a second, beside the reads
    expect(later.p99Ms).toBeLessThan(1.2 * healthy.p99Ms);
    expect(later.hedged).toBe(0);
    cluster.heal();
    read(cluster, 2_000);
    expect(read(cluster, 1_000).shareOfB1).toBeCloseTo(0.5, 1);
  });

  it('costs readers nothing once it is known, be it a whole zone', () => {
    const via = ['a1', 'a2', 'c1', 'c2'];
    const cluster = loaded({ nodesPerZone: 2, via });
    const healthy = read(cluster, 10_000, via);
    slowDown(cluster, ['b1', 'b2'], 10);
    const first = read(cluster, 1_000, via);
    const slow = read(cluster, 10_000, via);
    expect([healthy.failed, first.failed, slow.failed]).toEqual([0, 0, 0]);
    expect(first.p99Ms).toBeLessThan(10); // 6.6
    expect(slow.p99Ms).toBeLessThan(1.2 * healthy.p99Ms); // 1.88 both
  });
});

describe('[D3] a replica that hangs', () => {
  it('slows nobody: passed over at once, asked first again when it goes on, with few hedges all the while', () => {
    const cluster = loaded();
    const healthy = read(cluster, 2_000);
    cluster.stop('b1');
    const hanging = read(cluster, 10_000);
    expect(hanging.failed).toBe(0);
    expect(hanging.maxMs).toBeLessThan(10); // 6.1: those under way when it stopped, and no others
    expect(hanging.p99Ms).toBeLessThan(1.2 * healthy.p99Ms);
    expect(hanging.hedged).toBeLessThanOrEqual(5); // 3 of 2,000
    cluster.goOn('b1');
    read(cluster, 4_000);
    expect(read(cluster, 1_000).shareOfB1).toBeCloseTo(0.5, 1);
  });

  it('and one that loses some questions are made up for after its own usual time, not after a time for all', () => {
    const cluster = loaded();
    const quality = { latencyMs: [0.2, 1], loss: 0.03, duplication: 0 } as const;
    cluster.network.degrade('a1', 'b1', quality);
    const seen = read(cluster, 10_000);
    expect(seen.failed).toBe(0);
    expect(seen.hedged).toBeGreaterThan(0);
    expect(seen.maxMs).toBeLessThan(10);
  });
});

describe('[D5] hedges are a share of the reads', () => {
  it('a twentieth, and a burst, also when a third of all questions are lost', () => {
    const cluster = loaded();
    const quality = { latencyMs: [0.2, 1], loss: 0.3, duplication: 0 } as const;
    for (const name of ['b1', 'c1']) cluster.network.degrade('a1', name, quality);
    const { reads, failed, hedged } = read(cluster, 10_000);
    expect(hedged).toBeGreaterThan(HEDGE_BURST);
    expect(hedged).toBeLessThanOrEqual(HEDGE_BURST + HEDGES_PER_READ * (reads + failed));
  });

  it('and few when everybody is slow', () => {
    const cluster = loaded();
    slowDown(cluster, ['a1', 'b1', 'c1'], 30);
    const seen = read(cluster, 10_000); // 29 of 1,993
    expect(seen.failed).toBe(0);
    expect(seen.hedged).toBeGreaterThan(0);
    expect(seen.hedged).toBeLessThanOrEqual(HEDGE_BURST + HEDGES_PER_READ * seen.reads);
    // Being slow is soon the usual thing.
    expect(read(cluster, 5_000).hedged).toBeLessThan(0.02 * 1_000);
  });

  it('and are said in the answer', () => {
    const cluster = loaded();
    cluster.network.hold = ({ to, kind }) => to === 'b1' && kind === 'digest';
    const answers = USERS.map((user) => cluster.page(user, { via: 'a1' }).achieved);
    expect(answers.filter(({ hedged }) => hedged).length).toBeGreaterThan(0);
    for (const { replicas } of answers) expect(replicas).toEqual(['a1', 'c1']);
    cluster.network.release();
    cluster.advance(100);
    expect(cluster.page('user-0', { via: 'a1' }).achieved.hedged).toBe(false);
  });
});
