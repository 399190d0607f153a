/**
 * Clusters in which nobody reads: what replicas missed reaches them all the same. Hints are given no room, so that
 * what is seen here is anti-entropy's doing.
 */
import { describe, expect, it } from 'vitest';
import { actorIdFrom } from '../core/causality/dot.js';
import { leafOf } from '../core/merkle/merkle-tree.js';
import { tokenOf } from '../core/ring/token.js';
import type { Delta } from '../core/row/delta.js';
import { MemoryRow } from '../testing/memory-row.js';
import { favorites } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';
import type { TestClusterOptions } from '../testing/test-machines.js';
import { ANTI_ENTROPY_SETTINGS, type AntiEntropySettings, type AntiEntropyStats } from './anti-entropy.js';
import { HINT_SETTINGS } from './hinted-handoff.js';
import { LONGEST_WRITE_MS } from './quorum-write.js';

interface Options extends Omit<TestClusterOptions, 'settings'>, Partial<AntiEntropySettings> {}

function clusterWithoutHints({ roundEveryMs, lookEveryMs, bytesPerSecond, ...options }: Options = {}): TestCluster {
  const given = Object.entries({ roundEveryMs, lookEveryMs, bytesPerSecond }).filter(([, value]) => value !== undefined);
  const antiEntropy = { ...ANTI_ENTROPY_SETTINGS, ...Object.fromEntries(given) };
  return testCluster({ ...options, settings: { antiEntropy, hints: { ...HINT_SETTINGS, maxBytes: 0 } } });
}

/** Messages that members send each other whatever they hold: heartbeats, gossip, what directories they run on. */
const MEMBERS_TALK: ReadonlySet<string> = new Set(['ping', 'pong', 'gossip', 'witness', 'witnessed']);

const statsOf = (cluster: TestCluster, name: string): AntiEntropyStats => cluster.node(name).stats().antiEntropy;
const sum = (cluster: TestCluster, count: (stats: AntiEntropyStats) => number): number => cluster.nodes.reduce((total, name) => total + count(statsOf(cluster, name)), 0);

const areEqual = (cluster: TestCluster, users: readonly string[]): boolean =>
  users.every((user) => new Set(cluster.replicasOf(user).map((name) => cluster.digestAt(name, user))).size === 1);

/** Lets time pass until all replicas of all these users are the same. How long that took, ms. */
function convergence(cluster: TestCluster, users: readonly string[], withinMs = 60_000): number {
  for (let passedMs = 0; passedMs < withinMs; passedMs += 100) {
    if (areEqual(cluster, users)) return passedMs;
    cluster.advance(100);
  }
  return Infinity;
}

/** Writes operations of a row straight into one replica's store, as an `apply` does that reaches it alone. */
function applyAt(cluster: TestCluster, name: string, user: string, deltas: readonly Delta[]): void {
  cluster.node(name).rows.applyAll(favorites(user), deltas, (error) => expect(error).toBeUndefined());
}

const film = (number: number): string => `film-${number}`.padEnd(20, '-');
const rowOf = (name: number): MemoryRow => new MemoryRow(actorIdFrom(Buffer.from(String(name).padStart(8, '0'))));

describe('[A1] replicas become equal without any read', () => {
  it('after a node was away: adds and removals, soon after it is back', () => {
    const cluster = clusterWithoutHints({ roundEveryMs: 3_600_000 });
    for (const film of ['x', 'y', 'z']) cluster.add('ann', film, { via: 'a1' });
    cluster.advance(50);
    cluster.crash('c1');
    cluster.remove('ann', 'x', { via: 'a1' });
    cluster.add('ann', 'w', { via: 'b1' });
    cluster.add('bob', 'v', { via: 'b1' });
    cluster.advance(20_000);
    cluster.start('c1');
    expect(cluster.locally('c1', 'ann')).toEqual(['x', 'y', 'z']);
    expect(convergence(cluster, ['ann', 'bob'])).toBeLessThan(3_000);
    expect(cluster.locally('c1', 'ann')).toEqual(['y', 'z', 'w']);
    expect(cluster.locally('c1', 'bob')).toEqual(['v']);
  });

  it('after a healed partition, though no connection was seen to go down', () => {
    const cluster = clusterWithoutHints({ roundEveryMs: 3_600_000 });
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.isolate('c1');
    cluster.add('ann', 'y', { via: 'a1' });
    cluster.remove('ann', 'x', { via: 'b1' });
    cluster.add('ann', 'z', { via: 'c1', level: 'ONE' });
    cluster.advance(15_000);
    cluster.heal();
    // Hints were given up, so a comparison is owed, and tried again every few seconds.
    expect(convergence(cluster, ['ann'])).toBeLessThan(20_000);
    for (const name of cluster.nodes) expect(cluster.locally(name, 'ann')).toEqual(['y', 'z']);
  });

  it('with two nodes in each zone, over the slots that both of two hold and no others', () => {
    const cluster = clusterWithoutHints({ nodesPerZone: 2 });
    const users = Array.from({ length: 30 }, (_, number) => `user-${number}`);
    cluster.crash('b1');
    for (const user of users) {
      const via = cluster.replicasOf(user).find((name) => name !== 'b1')!;
      cluster.add(user, 'x', { via });
      cluster.add(user, 'y', { via });
      cluster.remove(user, 'x', { via });
    }
    cluster.start('b1');
    expect(convergence(cluster, users)).toBeLessThan(60_000);
    for (const user of users) {
      for (const name of cluster.nodes) expect(cluster.locally(name, user)).toEqual(cluster.replicasOf(user).includes(name) ? ['y'] : []);
    }
    // In the end every pair that shares slots agrees, from both sides.
    cluster.advance(200_000);
    for (const name of cluster.nodes) {
      const { agreedAgoMs } = statsOf(cluster, name);
      expect(Object.keys(agreedAgoMs)).toHaveLength(cluster.nodes.length - 2);
      for (const agoMs of Object.values(agreedAgoMs)) expect(agoMs).toBeLessThan(100_000);
    }
  });

  it('spreads a removal that one replica missed, and does not undo it', () => {
    const cluster = clusterWithoutHints();
    const row = rowOf(1);
    const [add, removal] = [row.add('x'), row.remove('x')];
    for (const name of cluster.nodes) applyAt(cluster, name, 'ann', [add]);
    for (const name of ['a1', 'b1']) applyAt(cluster, name, 'ann', [removal]);
    cluster.advance(10);
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
    expect(convergence(cluster, ['ann'])).toBeLessThan(30_000);
    for (const name of cluster.nodes) expect(cluster.locally(name, 'ann')).toEqual([]);
  });

  it('also where the operations are remembered no more, and the whole row is sent', () => {
    const cluster = clusterWithoutHints();
    const row = rowOf(1);
    const deltas = [row.add('x'), row.add('y'), row.remove('x')];
    applyAt(cluster, 'a1', 'ann', deltas);
    applyAt(cluster, 'b1', 'ann', [deltas[0]!]);
    cluster.advance(10);
    for (const name of cluster.nodes) cluster.restart(name);
    expect(convergence(cluster, ['ann'])).toBeLessThan(30_000);
    for (const name of cluster.nodes) expect(cluster.locally(name, 'ann')).toEqual(['y']);
  });

  it('a replica back after 30 days with a clock gone wrong brings nothing back', () => {
    const days = 24 * 3_600_000;
    for (const skewMs of [-60 * days, 60 * days]) {
      const cluster = clusterWithoutHints();
      for (const film of ['x', 'y', 'z']) cluster.add('ann', film, { via: 'c1' });
      cluster.advance(50);
      cluster.crash('c1');
      cluster.remove('ann', 'x', { via: 'a1' });
      cluster.remove('ann', 'y', { via: 'b1' });
      cluster.add('ann', 'y', { via: 'b1', value: 'again' });
      cluster.sleep(30 * days);
      cluster.skew('c1', skewMs);
      cluster.start('c1');
      expect(cluster.locally('c1', 'ann')).toEqual(['x', 'y', 'z']);
      cluster.advance(60_000);
      for (const name of cluster.nodes) expect(cluster.locally(name, 'ann').toSorted()).toEqual(['y', 'z']);
      expect(areEqual(cluster, ['ann'])).toBe(true);
    }
  });

  it('two like rows in one leaf do not hide each other', () => {
    const cluster = clusterWithoutHints();
    const byLeaf = new Map<number, string>();
    let pair: [string, string] | null = null;
    for (let number = 0; pair === null; number++) {
      const user = `user-${number}`;
      const leaf = leafOf(tokenOf('favorites', user));
      if (byLeaf.has(leaf)) pair = [byLeaf.get(leaf)!, user];
      byLeaf.set(leaf, user);
    }
    // Nothing is left in either, so their digests cover the same context and no version: they are the same.
    const row = rowOf(1);
    const deltas = [row.add('x'), row.remove('x')];
    for (const user of pair) for (const name of ['a1', 'b1']) applyAt(cluster, name, user, deltas);
    cluster.advance(10);
    expect(cluster.digestAt('a1', pair[0])).toBe(cluster.digestAt('a1', pair[1]));
    expect(convergence(cluster, pair)).toBeLessThan(30_000);
  });
});

describe('[A5] what it costs', () => {
  it('equal trees cost one message and its answer', () => {
    const cluster = clusterWithoutHints();
    for (let number = 0; number < 40; number++) cluster.add(`user-${number}`, 'x', { via: 'a1' });
    cluster.advance(30_000);
    const messages: string[] = [];
    cluster.network.onDelivery = ({ kind, isReply }) => {
      if (!MEMBERS_TALK.has(kind)) messages.push(`${kind}${isReply ? ' answered' : ''}`);
    };
    const [roundsBefore, bytesBefore] = [sum(cluster, ({ rounds }) => rounds), sum(cluster, ({ bytes }) => bytes)];
    cluster.advance(60_000);
    const rounds = sum(cluster, (stats) => stats.rounds) - roundsBefore;
    expect(rounds).toBeGreaterThan(12);
    expect(messages.filter((message) => message === 'tree')).toHaveLength(rounds);
    expect(messages.filter((message) => message === 'tree answered')).toHaveLength(rounds);
    expect(messages).toHaveLength(2 * rounds);
    expect(sum(cluster, ({ bytes }) => bytes) - bytesBefore).toBe(17 * rounds);
    expect(sum(cluster, ({ equalRounds }) => equalRounds)).toBe(sum(cluster, (stats) => stats.rounds));
  });

  it('d rows that differ of 2,000 cost bytes in proportion to d', { timeout: 30_000 }, () => {
    const cluster = clusterWithoutHints({ zones: ['a', 'b'], replicationFactor: 2 });
    const rows = Array.from({ length: 2_000 }, (_, number) => rowOf(number));
    rows.forEach((row, number) => {
      const deltas = [row.add(film(1)), row.add(film(2))];
      for (const name of cluster.nodes) applyAt(cluster, name, `user-${number}`, deltas);
    });
    cluster.advance(25_000);
    const costs = new Map<number, { bytes: number; messages: number; compared: number }>();
    for (const d of [1, 10, 100]) {
      const total = (): number[] => [sum(cluster, ({ bytes }) => bytes), sum(cluster, ({ messages }) => messages), sum(cluster, ({ rowsCompared }) => rowsCompared)];
      const before = total();
      const users = Array.from({ length: d }, (_, i) => (i * 19 + d) % 2_000);
      for (const number of users) applyAt(cluster, 'a1', `user-${number}`, [rows[number]!.add(film(d))]);
      cluster.advance(1);
      expect(convergence(cluster, users.map((number) => `user-${number}`))).toBeLessThan(30_000);
      const [bytes = 0, messages = 0, compared = 0] = total().map((after, i) => after - before[i]!);
      costs.set(d, { bytes, messages, compared });
    }
    if (process.env.TRIPTYCH_PRINT) console.table([...costs].map(([d, cost]) => ({ d, ...cost, 'bytes per row': Math.round(cost.bytes / d) })));
    const [one, ten, hundred] = [costs.get(1)!, costs.get(10)!, costs.get(100)!];
    expect(one.bytes).toBeLessThan(2_000);
    expect(hundred.bytes / ten.bytes).toBeGreaterThan(5);
    expect(hundred.bytes / ten.bytes).toBeLessThan(12);
    expect(ten.bytes / one.bytes).toBeLessThan(12);
    // Both nodes may find them, and list them, before either has repaired them.
    expect(hundred.compared).toBeLessThanOrEqual(220);
    expect(hundred.messages).toBeLessThan(300);
  });

  it('repairs within its pace', () => {
    const cluster = clusterWithoutHints({ zones: ['a', 'b'], replicationFactor: 2, bytesPerSecond: 2_000 });
    const users = Array.from({ length: 40 }, (_, number) => `user-${number}`);
    users.forEach((user, number) => applyAt(cluster, 'a1', user, [rowOf(number).add('x'.repeat(200))]));
    cluster.advance(1);
    const tookMs = convergence(cluster, users, 120_000);
    // 40 rows of over 400 bytes (a name and a place of 200 each) at 2 kB a second, by two nodes at most.
    expect(tookMs).toBeGreaterThan(4_000);
    expect(tookMs).toBeLessThan(60_000);
  });

  it('a write on its way is no divergence: nothing of it is sent again', () => {
    const cluster = clusterWithoutHints({ roundEveryMs: 200, lookEveryMs: 50 });
    for (let number = 0; number < 8; number++) {
      cluster.network.hold = ({ kind }) => kind === 'apply';
      cluster.add(`user-${number}`, 'x', { via: 'a1', level: 'ONE' });
      cluster.advance(350);
      cluster.network.release();
      cluster.advance(1_000);
    }
    expect(sum(cluster, ({ rowsCompared }) => rowsCompared)).toBeGreaterThan(0);
    expect(cluster.nodes.map((name) => cluster.node(name).stats().asked.push)).toEqual([0, 0, 0]);
  });
});

describe('[A6] what it leaves alone', () => {
  it('a damaged row is neither source nor target, and is equal again once it has been rebuilt', () => {
    const cluster = clusterWithoutHints({ roundEveryMs: 1_000 });
    for (const film of ['x', 'y', 'z']) cluster.add('ann', film, { via: 'a1' });
    cluster.advance(3_000);
    expect(cluster.rot('c1', 'ann', 'x')).toBe(true);
    const asked: string[] = [];
    cluster.network.onDelivery = ({ from, kind, isReply }) => {
      if (!isReply && !MEMBERS_TALK.has(kind)) asked.push(`${from} ${kind}`);
    };
    expect(() => cluster.node('c1').rows.item(favorites('ann'), 'x')).toThrow('damaged');
    cluster.advance(LONGEST_WRITE_MS - 10);
    expect(cluster.node('c1').stats().damagedRows).toBe(1);
    expect(asked.filter((message) => /pull|push/.test(message))).toEqual([]);
    expect(asked.filter((message) => /leaves/.test(message)).length).toBeGreaterThan(0);
    expect(convergence(cluster, ['ann'])).toBeLessThan(5_000);
    expect(cluster.locally('c1', 'ann')).toEqual(['x', 'y', 'z']);
    cluster.advance(5_000);
    const agreed = sum(cluster, ({ equalRounds }) => equalRounds);
    cluster.advance(5_000);
    expect(sum(cluster, ({ equalRounds }) => equalRounds)).toBeGreaterThan(agreed);
  });

  it('compares with nobody until its own tree is complete', () => {
    const cluster = clusterWithoutHints({ zones: ['a', 'b'], replicationFactor: 2, roundEveryMs: 10, lookEveryMs: 5 });
    for (let number = 0; number < 600; number++) for (const name of cluster.nodes) applyAt(cluster, name, `user-${number}`, [rowOf(number).add('x')]);
    cluster.advance(1_000);
    cluster.restart('b1');
    const asked = cluster.node('a1').stats().asked.tree;
    cluster.advance(40);
    expect(cluster.node('a1').stats().asked.tree).toBeGreaterThan(asked);
    expect(statsOf(cluster, 'b1')).toMatchObject({ isReady: false, rounds: 0 });
    const { rowsCompared, failedRounds } = statsOf(cluster, 'a1');
    expect({ rowsCompared, failedRounds }).toEqual({ rowsCompared: 0, failedRounds: 0 });
    cluster.advance(6_000);
    expect(statsOf(cluster, 'b1')).toMatchObject({ isReady: true, rowsCompared: 0, failedRounds: 0 });
    expect(statsOf(cluster, 'b1').equalRounds).toBeGreaterThan(0);
    expect(statsOf(cluster, 'a1').agreedAgoMs['b1' as never]).toBeLessThan(1_000);
  });

  it('stop() leaves no timer and no message under way, in the middle of anything', () => {
    for (let stopAfterMs = 0; stopAfterMs < 2_400; stopAfterMs += 301) {
      const cluster = clusterWithoutHints({ roundEveryMs: 300, lookEveryMs: 100, bytesPerSecond: 500 });
      for (let number = 0; number < 20; number++) applyAt(cluster, 'a1', `user-${number}`, [rowOf(number).add('x'.repeat(100))]);
      cluster.advance(1 + stopAfterMs);
      for (const name of cluster.nodes) cluster.node(name).stop();
      const rounds = sum(cluster, (stats) => stats.rounds);
      cluster.advance(60_000);
      expect(cluster.clock.pending).toBe(0);
      expect(sum(cluster, (stats) => stats.rounds)).toBe(rounds);
    }
  });
});
