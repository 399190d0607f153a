/**
 * "A purely local notion of failure detection is entirely sufficient" (Dynamo, SOSP 2007, 4.8.3; Olety, DynamoDB: An Inside Look Into
 * NoSQL, part 7), and reads that go round slow nodes (Jonathan Ellis for Cassandra, five NoSQL questions, 2010, question 1).
 */
import { describe, expect, it } from 'vitest';
import { nodeId } from '@app/contracts';
import { codeOf, favorites, testCluster, type TestCluster } from '@app/store/testing';
import { cut, print, users } from './schedule.js';

const stateAt = (cluster: TestCluster, at: string, peer: string): string => cluster.node(at).stats().peers[nodeId(peer)]!.state;

/** A list is read through `via` every 5 ms. What was asked of whom for it, and whether all were answered. */
function steadyReads(cluster: TestCluster, via: string, durationMs: number): { asked: Record<string, number>; failed: number; slowestMs: number } {
  const asked: Record<string, number> = {};
  let [failed, slowestMs] = [0, 0];
  cluster.network.onDelivery = ({ from, to, kind, isReply }) => void (from === via && kind === 'digest' && !isReply && (asked[to] = (asked[to] ?? 0) + 1));
  const rows = users(30);
  for (let i = 0; i * 5 < durationMs; i++) {
    const beganMs = cluster.clock.monotonicMs();
    cluster.node(via).list({ ...favorites(rows[i % rows.length]!), limit: 10, level: 'QUORUM' }, cluster.context(1_000)).subscribe({
      next: () => (slowestMs = Math.max(slowestMs, cluster.clock.monotonicMs() - beganMs)),
      error: () => failed++,
    });
    cluster.advance(5);
  }
  cluster.network.onDelivery = null;
  return { asked, failed, slowestMs };
}

/** Lets time pass until something holds. How long that took, ms. */
function until(cluster: TestCluster, holds: () => boolean, withinMs = 10_000): number {
  const beganMs = cluster.clock.monotonicMs();
  for (let step = 0; step * 10 < withinMs && !holds(); step++) cluster.advance(10);
  expect(holds()).toBe(true);
  return cluster.clock.monotonicMs() - beganMs;
}

describe('failure detection (Dynamo, 4.8.3)', () => {
  it('"node A may consider node B failed if node B does not respond to node A’s messages, even if B is responsive to node C’s messages": A routes round B, C is not affected; both for a cut both ways and for one way', () => {
    for (const oneWay of [false, true]) {
      const cluster = testCluster({ seed: 4 });
      steadyReads(cluster, 'a1', 1_000);
      cut(cluster, ['b1'], ['a1']);
      if (!oneWay) cut(cluster, ['a1'], ['b1']);
      let detectedMs = 0;
      for (; stateAt(cluster, 'a1', 'b1') !== 'down' && detectedMs < 10_000; detectedMs += 50) expect(steadyReads(cluster, 'a1', 50).failed).toBe(0);
      expect(stateAt(cluster, 'c1', 'b1')).toBe('up');
      const routedRound = steadyReads(cluster, 'a1', 1_000);
      expect(routedRound.failed).toBe(0);
      expect(routedRound.asked['b1'] ?? 0).toBeLessThan(0.05 * routedRound.asked['c1']!);
      expect(codeOf(() => cluster.list('user-1', { via: 'c1', level: 'ALL' }))).toBe('none');
      cluster.heal();
      const backMs = until(cluster, () => stateAt(cluster, 'a1', 'b1') === 'up');
      expect(detectedMs).toBeLessThanOrEqual(4_000);
      expect(backMs).toBeLessThanOrEqual(1_100);
      print(`${oneWay ? 'one way' : 'both ways'}: ms to detect, to return`, [detectedMs, backMs]);
    }
  });

  it('"A then uses alternate nodes to service requests that map to B’s partitions": from the first request on, before anything is detected, and in time', () => {
    const cluster = testCluster({ seed: 5 });
    const healthy = steadyReads(cluster, 'a1', 1_000);
    cluster.isolate('b1');
    const during = steadyReads(cluster, 'a1', 5_000);
    expect(during.failed).toBe(0);
    expect(during.slowestMs).toBeLessThan(healthy.slowestMs + 60);
    for (const film of ['x', 'y']) expect(codeOf(() => cluster.add('user-1', film, { via: 'a1' }))).toBe('none');
  });

  it('"A also periodically retries B to check for the latter’s recovery": at least once a second, however long it has been away', () => {
    const cluster = testCluster();
    cluster.isolate('b1');
    cluster.advance(120_000);
    let retries = 0;
    cluster.network.heal();
    cluster.isolate('b1');
    const pings = cluster.node('a1').stats().asked.ping;
    cluster.advance(10_000);
    retries = cluster.node('a1').stats().asked.ping - pings;
    expect(retries).toBeGreaterThanOrEqual(10);
    cluster.heal();
    expect(until(cluster, () => stateAt(cluster, 'a1', 'b1') === 'up')).toBeLessThanOrEqual(1_100);
  });

  it('"in the absence of client requests neither node really needs to know whether the other is reachable": here it knows all the same, by a heartbeat that costs nothing', () => {
    const cluster = testCluster();
    cluster.advance(5_000);
    cluster.isolate('b1');
    cluster.advance(4_000);
    expect(stateAt(cluster, 'a1', 'b1')).toBe('down');
    // So that the first request that comes is refused at once, where it cannot be served, instead of at its deadline.
    cluster.crash('c1');
    const beganMs = cluster.clock.monotonicMs();
    expect(codeOf(() => cluster.list('user-1', { via: 'a1' }))).toBe('STORE_QUORUM_UNAVAILABLE');
    expect(cluster.clock.monotonicMs() - beganMs).toBeLessThan(200);
  });
});

describe('slow nodes (five NoSQL questions, question 1)', () => {
  it('"reads can be routed around temporarily slow nodes": one that gets ten times slower loses its reads within a second, keeps getting every write, and has its share back when it is well', () => {
    const cluster = testCluster({ seed: 11 });
    const share = ({ asked }: { asked: Record<string, number> }): number => (asked['b1'] ?? 0) / ((asked['b1'] ?? 0) + (asked['c1'] ?? 0));
    steadyReads(cluster, 'a1', 2_000);
    const healthy = share(steadyReads(cluster, 'a1', 1_000));
    for (const [from, to] of [['a1', 'b1'], ['b1', 'a1'], ['c1', 'b1'], ['b1', 'c1']] as const) cluster.network.degrade(from, to, { latencyMs: [2, 10], loss: 0, duplication: 0 });
    const first = share(steadyReads(cluster, 'a1', 1_000));
    const later = share(steadyReads(cluster, 'a1', 1_000));
    for (let i = 0; i < 10; i++) cluster.add('user-1', `film-${i}`, { via: 'a1' });
    cluster.advance(50);
    expect(cluster.locally('b1', 'user-1')).toHaveLength(10);
    cluster.heal();
    steadyReads(cluster, 'a1', 2_000);
    const after = share(steadyReads(cluster, 'a1', 1_000));
    print('share of reads: healthy, first second of slowness, second, after', [healthy, first, later, after]);
    expect(healthy).toBeCloseTo(0.5, 0);
    expect(first).toBeLessThan(0.15);
    expect(later).toBeLessThan(0.05);
    expect(after).toBeGreaterThan(0.3);
  });
});
