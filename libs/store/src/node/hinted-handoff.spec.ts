/** Hints over a simulated cluster, and over one disk with an owner played by hand. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Subscription } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { nodeId, type NodeId, type RowKey } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { actorIdFrom } from '../core/causality/dot.js';
import { decodeHint, encodeHint, hintKey, hlcOf, targetOf } from '../core/hints/hint-record.js';
import { decodeDelta, encodeDelta, type Delta } from '../core/row/delta.js';
import { openMemoryEngine, type OpenedMemoryEngine } from '../testing/memory-engine.js';
import { SimDisk } from '../testing/sim-disk.js';
import { addOf, favorites } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';
import { HINT_SETTINGS, HintedHandoff, type HintSettings, type HintStats } from './hinted-handoff.js';

const hints = (cluster: TestCluster, name: string): HintStats => cluster.node(name).stats().hints;

/** Lets time pass until nobody waits for a hint. */
function delivered(cluster: TestCluster, holder = 'a1', withinMs = 30_000): void {
  cluster.advance(10); // one that has just started has counted by now
  expect(cluster.clock.runUntil(() => hints(cluster, holder).waitingCount === 0, withinMs)).toBe(true);
}

/** Keeps nodes from repairing each other, so that only a hint can have brought what is found. */
function withoutRepair(cluster: TestCluster): void {
  const passing = new Set(['apply', 'applied', 'refusal', 'ping', 'pong']);
  cluster.network.hold = ({ kind }) => !passing.has(kind) && !kind.startsWith('store.');
}

describe('[H1] what a replica missed reaches it once its zone is back, without any read', () => {
  for (const [how, harm, mend] of [
    ['dead', (c: TestCluster) => c.crash('c1'), (c: TestCluster) => c.start('c1')],
    ['without power', (c: TestCluster) => c.powerLoss('c1'), (c: TestCluster) => c.start('c1')],
    ['cut off', (c: TestCluster) => c.isolate('c1'), (c: TestCluster) => c.heal()],
  ] as const) {
    it(`was ${how}: adds, moves and removals`, () => {
      const cluster = testCluster();
      for (const film of ['x', 'y', 'z']) cluster.add('ann', film, { via: 'a1' });
      cluster.advance(100);
      harm(cluster);
      cluster.add('ann', 'new', { via: 'a1', value: 'v' });
      cluster.remove('ann', 'x', { via: 'a1' });
      cluster.move('ann', 'z', 'first', { via: 'a1' });
      cluster.advance(2_000);
      expect(hints(cluster, 'a1').targets[nodeId('c1')]).toMatchObject({ stored: 3, waitingCount: 3 });
      mend(cluster);
      withoutRepair(cluster);
      delivered(cluster);
      expect(cluster.locally('c1', 'ann')).toEqual(['z', 'y', 'new']);
      expect(cluster.digestAt('c1', 'ann')).toBe(cluster.digestAt('a1', 'ann'));
      expect(hints(cluster, 'a1')).toMatchObject({ stored: 3, replayed: 3, dropped: 0, waitingCount: 0, waitingBytes: 0, oldestAgeMs: 0 });
    });
  }

  it('a whole zone was away: every list is complete on each of its nodes', () => {
    const cluster = testCluster({ nodesPerZone: 2 });
    const users = Array.from({ length: 12 }, (_, i) => `user-${i}`);
    for (const name of ['c1', 'c2']) cluster.crash(name);
    for (const user of users) for (const film of ['x', 'y']) cluster.add(user, film, { via: cluster.replicasOf(user).find((name) => cluster.isUp(name))! });
    cluster.advance(2_000);
    for (const name of ['c1', 'c2']) cluster.start(name);
    withoutRepair(cluster);
    const waiting = (): number => cluster.nodes.reduce((sum, name) => sum + hints(cluster, name).waitingCount, 0);
    expect(waiting()).toBe(2 * users.length);
    cluster.clock.runUntil(() => waiting() === 0, 30_000);
    for (const user of users) for (const name of cluster.replicasOf(user)) expect(cluster.locally(name, user)).toEqual(['x', 'y']);
  });

  it('is kept at once for a replica that refuses, and at the deadline for one that says nothing', () => {
    for (const [harm, afterMs] of [['crash', 20], ['isolate', 600]] as const) {
      const cluster = testCluster();
      cluster[harm]('c1');
      cluster.add('ann', 'x', { via: 'a1', timeoutMs: 500 });
      cluster.advance(afterMs);
      expect(hints(cluster, 'a1').waitingCount).toBe(1);
    }
  });

  it('is kept for all who did not acknowledge a write that failed: it rolls forward', () => {
    const cluster = testCluster();
    const { delta } = begunAdd(cluster, 'x');
    cluster.isolate('a1');
    const commit = cluster.commit('ann', delta, { via: 'a1', timeoutMs: 500 });
    cluster.advance(1_000);
    expect(commit.error).toMatchObject({ code: 'STORE_WRITE_TIMEOUT' });
    expect(Object.keys(hints(cluster, 'a1').targets).toSorted()).toEqual(['b1', 'c1']);
    cluster.heal();
    withoutRepair(cluster);
    delivered(cluster);
    for (const name of cluster.nodes) expect(cluster.locally(name, 'ann')).toEqual(['x']);
  });

  it('leaves no timer behind once it is delivered, nor after a stop with hints waiting', () => {
    const cluster = testCluster();
    cluster.crash('c1');
    for (let i = 0; i < 30; i++) cluster.add('ann', `film-${i}`, { via: 'a1' });
    cluster.advance(50);
    cluster.start('c1');
    cluster.network.hold = ({ kind }) => kind === 'applied';
    cluster.advance(1_500);
    expect(hints(cluster, 'a1').waitingCount).toBe(30);
    for (const name of cluster.nodes) cluster.node(name).stop();
    cluster.advance(10);
    expect(cluster.clock.pending).toBe(0);
  });
});

describe('[H2] hints outlive their holder', () => {
  for (const how of ['restart', 'power loss'] as const) {
    it(`its ${how}: found again by a scan, and delivered`, () => {
      const cluster = testCluster();
      cluster.crash('c1');
      for (let i = 0; i < 40; i++) cluster.add('ann', `film-${i}`, { via: 'a1' });
      cluster.advance(50);
      const before = hints(cluster, 'a1');
      expect(before.waitingCount).toBe(40);
      cluster[how === 'restart' ? 'crash' : 'powerLoss']('a1');
      cluster.start('a1');
      cluster.advance(10);
      expect(hints(cluster, 'a1')).toMatchObject({ stored: 0, waitingCount: 40, waitingBytes: before.waitingBytes });
      cluster.start('c1');
      withoutRepair(cluster);
      delivered(cluster);
      expect(cluster.locally('c1', 'ann')).toHaveLength(40);
    });
  }

  it('a holder that dies before delivery breaks nothing: reads repair what its hint would have brought', () => {
    const cluster = testCluster();
    cluster.crash('c1');
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.crash('a1');
    cluster.start('c1');
    cluster.advance(10_000);
    expect(cluster.list('ann', { via: 'c1' })).toEqual(['x']);
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
  });

  it('a hint that is delivered twice, since its holder died between acknowledgement and removal, is applied once', () => {
    const cluster = testCluster();
    cluster.crash('c1');
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.start('c1');
    cluster.network.hold = ({ kind }) => kind === 'applied';
    cluster.clock.runUntil(() => cluster.locally('c1', 'ann').length === 1, 5_000);
    const digest = cluster.digestAt('c1', 'ann');
    cluster.crash('a1');
    cluster.start('a1');
    cluster.network.release();
    delivered(cluster);
    expect(hints(cluster, 'a1').replayed).toBe(1);
    expect(cluster.digestAt('c1', 'ann')).toBe(digest);
  });
});

describe('[H3] a stale hint brings nothing back and undoes nothing', () => {
  it('an add delivered after the film was removed (scylladb#23712)', () => {
    const cluster = testCluster();
    cluster.crash('c1');
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.crash('a1');
    cluster.start('c1');
    cluster.remove('ann', 'x', { via: 'b1' });
    cluster.advance(60_000);
    cluster.start('a1');
    delivered(cluster);
    expect(hints(cluster, 'a1').replayed).toBe(1);
    expect(cluster.locally('c1', 'ann')).toEqual([]);
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual([]);
  });

  it('a removal delivered after the film was added again (the doomstone, riak_kv#1094)', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.crash('c1');
    cluster.remove('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.crash('a1');
    cluster.start('c1');
    cluster.add('ann', 'x', { via: 'b1', value: 'again' });
    cluster.advance(60_000);
    cluster.start('a1');
    delivered(cluster);
    expect(hints(cluster, 'a1').replayed).toBe(1);
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
    for (const via of cluster.nodes) expect(Buffer.from(cluster.get('ann', 'x', { via })!.value).toString()).toBe('again');
  });

  it('an add delivered after the film was removed and added again: one film, the newer value', () => {
    const cluster = testCluster();
    cluster.crash('c1');
    cluster.add('ann', 'x', { via: 'a1', value: 'old' });
    cluster.advance(50);
    cluster.crash('a1');
    cluster.start('c1');
    cluster.remove('ann', 'x', { via: 'b1' });
    cluster.add('ann', 'x', { via: 'c1', value: 'new' });
    cluster.start('a1');
    delivered(cluster);
    expect(cluster.list('ann', { via: 'c1' })).toEqual(['x']);
    expect(Buffer.from(cluster.get('ann', 'x', { via: 'c1' })!.value).toString()).toBe('new');
    cluster.remove('ann', 'x', { via: 'b1' });
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual([]);
  });

  it('removal before add, the wrong way round: the removed film stays away', () => {
    const cluster = testCluster();
    cluster.crash('c1');
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.remove('ann', 'x', { via: 'b1' });
    cluster.advance(50);
    expect(hints(cluster, 'b1').waitingCount).toBe(1);
    cluster.crash('a1');
    cluster.start('c1');
    delivered(cluster, 'b1');
    cluster.start('a1');
    delivered(cluster);
    expect(cluster.locally('c1', 'ann')).toEqual([]);
    expect(cluster.digestAt('c1', 'ann')).toBe(cluster.digestAt('b1', 'ann'));
  });
});

describe('[H4] hints cost the healthy nothing', () => {
  it('a write that all acknowledge is one batch at each replica, as without hints', () => {
    const cluster = testCluster();
    const batches = (): number[] => cluster.nodes.map((name) => cluster.engine(name).stats().batches - cluster.node(name).stats().witness.batches);
    const before = batches();
    for (let i = 0; i < 20; i++) cluster.add('ann', `film-${i}`, { via: 'a1' });
    cluster.advance(20_000);
    expect(batches().map((count, i) => count - before[i]!)).toEqual([20, 20, 20]);
    expect(hints(cluster, 'a1')).toMatchObject({ stored: 0, replayed: 0, dropped: 0, targets: {} });
  });

  it('one operation is one hint, however often it is committed', () => {
    const cluster = testCluster();
    const { delta } = begunAdd(cluster, 'x');
    cluster.crash('c1');
    for (let attempt = 0; attempt < 5; attempt++) cluster.commit('ann', delta, { via: 'a1' });
    cluster.advance(100);
    cluster.commit('ann', delta, { via: 'a1' });
    cluster.advance(100);
    expect(hints(cluster, 'a1')).toMatchObject({ stored: 1, dropped: 0, waitingCount: 1 });
  });
});

// ---- one disk, and an owner played by hand

const OWNER = nodeId('c1');
const ROW: RowKey = { table: 'favorites', row: 'ann' };
const ACTOR = actorIdFrom(new Uint8Array(8).fill(0xab));
const deltaOf = (counter: number, hlc = 1_000_000 + counter): Delta => ({ item: `film-${counter}`, dot: { actor: ACTOR, counter }, hlc, supersedes: [], version: null });

class Holder {
  readonly clock = new SimClock();
  readonly disk = new SimDisk(this.clock, new SeededRandom(1));
  readonly lost: { target: NodeId; key: RowKey | null }[] = [];
  /** Called for each hint that is sent, with the way to answer it. */
  onSent: (delta: Uint8Array, answer: (isApplied: boolean) => void) => void = () => {};
  isDown = true;
  members: readonly NodeId[] = [OWNER];
  /** Who holds the row now. */
  replicas: readonly NodeId[] = [];
  readonly appliedHere: Delta[] = [];
  engine!: OpenedMemoryEngine;
  handoff!: HintedHandoff;

  constructor(private readonly settings: Partial<HintSettings> = {}) {
    this.open();
  }

  open(): void {
    this.engine = openMemoryEngine({ disk: this.disk, clusterId: 'c', nodeId: 'n' });
    this.handoff = new HintedHandoff(
      {
        engine: this.engine.engine,
        clock: this.clock,
        random: new SeededRandom(1),
        ask: (to, key, body, context, settle) => {
          expect(this.members).toContain(to);
          expect([key, body.kind, context.priority]).toEqual([ROW, 'apply', 'background']);
          const call = new Subscription();
          const answer = (isApplied: boolean): void => {
            if (call.closed) return;
            call.unsubscribe();
            settle(isApplied ? { kind: 'applied', hlc: 0 } : null);
          };
          this.onSent((body as { delta: Uint8Array }).delta, answer);
          this.clock.after(context.deadlineMs - this.clock.monotonicMs(), () => answer(false));
          return call;
        },
        self: nodeId('n'),
        isMember: (node) => this.members.includes(node),
        replicasOf: () => this.replicas,
        applyHere: (_key, delta, settled) => {
          this.appliedHere.push(delta);
          settled();
        },
        isDown: () => this.isDown,
        onDropped: (target, key) => this.lost.push({ target, key }),
      },
      { ...HINT_SETTINGS, ...this.settings },
    );
  }

  owe(delta: Delta, target = OWNER): void {
    this.handoff.owe(target, ROW, delta, encodeDelta(delta));
  }

  oweMany(count: number): void {
    for (let i = 1; i <= count; i++) this.owe(deltaOf(i));
    this.clock.advance(100);
  }

  /** The owner acknowledges everything, a moment later. Returns the counters in the order of arrival. */
  acknowledging(afterMs = 5): number[] {
    const arrived: number[] = [];
    this.onSent = (delta, answer) => {
      arrived.push(decodeDelta(delta).dot.counter);
      this.clock.after(afterMs, () => answer(true));
    };
    return arrived;
  }
}

describe('[H5] hints are bounded in bytes', () => {
  it('one over the budget is dropped and counted, and its row is named for repair', () => {
    const holder = new Holder({ maxBytes: 1_000 });
    holder.oweMany(30);
    const { stored, dropped, waitingBytes } = holder.handoff.stats();
    expect(stored).toBeGreaterThan(5);
    expect(stored + dropped).toBe(30);
    expect(waitingBytes).toBeLessThanOrEqual(1_000);
    expect(holder.lost).toEqual(Array.from({ length: dropped }, () => ({ target: OWNER, key: ROW })));
    // What is delivered makes room.
    holder.acknowledging();
    holder.isDown = false;
    holder.clock.advance(5_000);
    holder.owe(deltaOf(99));
    holder.clock.advance(10);
    expect(holder.handoff.stats()).toMatchObject({ stored: stored + 1, dropped });
  });

  it('no target takes the whole of it, also after a restart', () => {
    const holder = new Holder({ maxBytes: 100_000, maxBytesPerTarget: 500 });
    holder.oweMany(30);
    const { waitingBytes, stored } = holder.handoff.stats();
    holder.handoff.stop();
    holder.disk.crash();
    holder.open();
    holder.clock.advance(10);
    for (let i = 101; i < 120; i++) holder.owe(deltaOf(i));
    holder.owe(deltaOf(200), nodeId('b1'));
    holder.clock.advance(100);
    expect(holder.handoff.stats().targets[OWNER]).toMatchObject({ stored: 0, dropped: 19, waitingCount: stored, waitingBytes });
    expect(holder.handoff.stats().targets[nodeId('b1')]).toMatchObject({ stored: 1, dropped: 0 });
  });

  it('counts what an earlier run left in pages, and what is added meanwhile once', () => {
    const holder = new Holder();
    holder.oweMany(2_000);
    const { waitingBytes } = holder.handoff.stats();
    holder.handoff.stop();
    holder.disk.crash();
    holder.open();
    for (let i = 0; i < 40; i++) {
      holder.owe(deltaOf(3_000 + i, 1 + i)); // before those already there, and
      holder.owe(deltaOf(4_000 + i, 2_000_000 + i)); // after them
      holder.clock.step();
    }
    holder.clock.advance(200);
    const stats = holder.handoff.stats();
    expect(stats.waitingCount).toBe(2_080);
    expect(stats.waitingBytes).toBeGreaterThan(waitingBytes);
    holder.isDown = false;
    const arrived = holder.acknowledging();
    holder.clock.advance(30_000);
    expect(new Set(arrived).size).toBe(2_080);
    expect(holder.handoff.stats()).toMatchObject({ waitingCount: 0, waitingBytes: 0, replayed: 2_080 });
  });
});

describe('[H6] the replay is a background matter', () => {
  it('sends the same bytes, in the order of their dates, once, with few under way at a time', () => {
    const holder = new Holder({ maxInFlight: 8 });
    const owed = Array.from({ length: 200 }, (_, i) => deltaOf(i + 1, 5_000 - i));
    for (const delta of owed) holder.owe(delta);
    holder.clock.advance(100);
    const arrived: string[] = [];
    let [underWay, most] = [0, 0];
    holder.onSent = (delta, answer) => {
      arrived.push(Buffer.from(delta).toString('hex'));
      most = Math.max(most, ++underWay);
      holder.clock.after(5, () => {
        underWay--;
        answer(true);
      });
    };
    holder.isDown = false;
    holder.clock.advance(10_000);
    expect(most).toBe(8);
    expect(arrived).toEqual(owed.toReversed().map((delta) => Buffer.from(encodeDelta(delta)).toString('hex')));
    expect(holder.clock.pending).toBe(0);
  });

  it('keeps its pace in bytes a second', () => {
    const holder = new Holder({ bytesPerSecond: 2_000 });
    holder.oweMany(200);
    const { waitingBytes } = holder.handoff.stats();
    const arrived = holder.acknowledging(1);
    holder.isDown = false;
    holder.clock.runUntil(() => arrived.length > 0, 5_000);
    const startMs = holder.clock.monotonicMs();
    holder.clock.runUntil(() => arrived.length === 200, 60_000);
    const seconds = (holder.clock.monotonicMs() - startMs) / 1_000;
    expect(waitingBytes / seconds / 2_000).toBeGreaterThan(0.9);
    expect(waitingBytes / seconds / 2_000).toBeLessThan(1.1);
  });

  it('removes a hint when its owner has acknowledged it, and not before', () => {
    const holder = new Holder();
    holder.oweMany(3);
    const answers: ((isApplied: boolean) => void)[] = [];
    holder.onSent = (_, answer) => answers.push(answer);
    holder.isDown = false;
    holder.clock.advance(1_500);
    expect(answers).toHaveLength(3);
    expect(holder.handoff.stats().waitingCount).toBe(3);
    holder.handoff.stop();
    holder.disk.powerLoss();
    holder.isDown = true;
    holder.open();
    holder.clock.advance(10);
    expect(holder.handoff.stats().waitingCount).toBe(3);
    holder.acknowledging();
    holder.isDown = false;
    holder.clock.advance(2_000);
    expect(holder.handoff.stats()).toMatchObject({ waitingCount: 0, replayed: 3 });
    holder.handoff.stop();
    holder.disk.powerLoss();
    holder.open();
    holder.clock.advance(10);
    expect(holder.handoff.stats().waitingCount).toBe(0);
  });

  it('waits longer after each failure, up to ten seconds, and keeps every hint', () => {
    const holder = new Holder();
    holder.oweMany(1);
    const sentMs: number[] = [];
    holder.onSent = (_, answer) => {
      sentMs.push(holder.clock.monotonicMs());
      holder.clock.after(1, () => answer(false));
    };
    holder.isDown = false;
    holder.clock.advance(120_000);
    const gaps = sentMs.slice(1).map((at, i) => at - sentMs[i]!);
    expect(gaps[0]).toBeLessThanOrEqual(2_000);
    for (const gap of gaps.slice(6)) {
      expect(gap).toBeGreaterThanOrEqual(4_900);
      expect(gap).toBeLessThanOrEqual(11_100);
    }
    expect(holder.handoff.stats()).toMatchObject({ waitingCount: 1, replayed: 0, dropped: 0 });
    // Seen down and back, it is served within the second.
    holder.isDown = true;
    holder.clock.advance(1_100);
    holder.isDown = false;
    const arrived = holder.acknowledging();
    holder.clock.advance(1_100);
    expect(arrived).toEqual([1]);
  });

  it('waits as long as the owner is dead: nothing is sent, no date expires, and the age is shown', () => {
    const holder = new Holder();
    holder.owe(deltaOf(1, holder.clock.wallMs() * 256));
    holder.onSent = () => expect.unreachable();
    holder.clock.advance(24 * 3_600_000);
    expect(holder.handoff.stats()).toMatchObject({ waitingCount: 1, dropped: 0, oldestAgeMs: 24 * 3_600_000 });
    const arrived = holder.acknowledging();
    holder.isDown = false;
    holder.clock.advance(1_100);
    expect(arrived).toEqual([1]);
  });

  it('one hint that its owner refuses does not hold up the others', () => {
    const holder = new Holder();
    holder.oweMany(100);
    const arrived = new Set<number>();
    holder.onSent = (delta, answer) => {
      const { counter } = decodeDelta(delta).dot;
      if (counter !== 3) arrived.add(counter);
      holder.clock.after(1, () => answer(counter !== 3));
    };
    holder.isDown = false;
    holder.clock.advance(20_000);
    expect(arrived.size).toBe(99);
    expect(holder.handoff.stats()).toMatchObject({ waitingCount: 1, replayed: 99, dropped: 0 });
  });

  it('gives up a hint whose record is damaged, says so, and delivers the others', () => {
    const holder = new Holder();
    holder.oweMany(3);
    holder.engine.tables.live!.rot(hintKey(OWNER, deltaOf(2)));
    const arrived = holder.acknowledging();
    holder.isDown = false;
    holder.clock.advance(5_000);
    expect(arrived).toEqual([1, 3]);
    expect(holder.lost).toEqual([{ target: OWNER, key: null }]);
    expect(holder.handoff.stats()).toMatchObject({ replayed: 2, dropped: 1, waitingCount: 0, waitingBytes: 0 });
  });

  it('[M21] sends nothing to a node that is no member, and keeps what it owes while nobody is known to hold the row', () => {
    const holder = new Holder();
    holder.owe(deltaOf(1), nodeId('gone'));
    holder.isDown = false;
    holder.onSent = () => expect.unreachable();
    holder.clock.advance(10_000);
    expect(holder.handoff.stats().waitingCount).toBe(1);
  });

  it('[M21] what is owed to a node that has left is owed to those that hold the row now, this node included', () => {
    const holder = new Holder();
    holder.owe(deltaOf(1), nodeId('gone'));
    holder.owe(deltaOf(2), nodeId('gone'));
    const arrived = holder.acknowledging();
    holder.isDown = false;
    holder.replicas = [nodeId('n'), OWNER];
    holder.clock.advance(10_000);
    expect(arrived).toEqual([1, 2]);
    expect(holder.appliedHere.map(({ dot }) => dot.counter)).toEqual([1, 2]);
    expect(holder.handoff.stats()).toMatchObject({ waitingCount: 0, waitingBytes: 0, dropped: 0 });
  });

  it('[M21] and reaches all of them, one after the other, where there is not room for all at once', () => {
    const alone = new Holder();
    alone.oweMany(1);
    const holder = new Holder({ maxBytes: 3.5 * alone.handoff.stats().waitingBytes });
    holder.owe(deltaOf(1), nodeId('gone'));
    const arrived = holder.acknowledging();
    holder.isDown = false;
    holder.members = holder.replicas = ['p', 'q', 'r', 's'].map(nodeId);
    holder.clock.advance(20_000);
    expect(arrived).toEqual([1, 1, 1, 1]);
    expect(holder.handoff.stats()).toMatchObject({ waitingCount: 0, waitingBytes: 0 });
  });
});

describe('[H7] the record of a hint', () => {
  const GOLDEN = fileURLToPath(new URL('../../../../test/golden/store/hints.json', import.meta.url));
  const delta: Delta = { item: 'inception-2010', dot: { actor: actorIdFrom(Buffer.from('0011223344556677', 'hex')), counter: 300 }, hlc: 435_200_000_000_256, supersedes: [], version: { facet: 'cell', position: 'T1', value: Buffer.from('value') } };
  const recordKey = hintKey(nodeId('node-c1'), delta);
  const value = encodeHint({ key: ROW, delta: encodeDelta(delta) });

  it('is the golden bytes (TRIPTYCH_WRITE_GOLDEN=1 writes them, for a new format version)', () => {
    const written = { key: Buffer.from(recordKey).toString('hex'), value: Buffer.from(value).toString('hex') };
    if (process.env['TRIPTYCH_WRITE_GOLDEN'] === '1') writeFileSync(GOLDEN, `${JSON.stringify(written, null, 2)}\n`);
    expect(written).toEqual(JSON.parse(readFileSync(GOLDEN, 'utf8')));
  });

  it('reads back, and refuses every truncation and every other format', () => {
    expect([targetOf(recordKey), hlcOf(recordKey)]).toEqual(['node-c1', delta.hlc]);
    const read = decodeHint(value);
    expect([read.key, decodeDelta(read.delta)]).toEqual([ROW, delta]);
    for (let length = 0; length < value.length; length++) expect(() => decodeHint(value.subarray(0, length))).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
    expect(() => decodeHint(Buffer.concat([Buffer.from([2]), value.subarray(1)]))).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
  });
});

function begunAdd(cluster: TestCluster, film: string): { delta: Uint8Array } {
  const prepared = cluster.prepare('ann', film, addOf(), { via: 'a1' });
  cluster.clock.runUntil(() => prepared.state !== 'waiting', 5_000);
  expect(cluster.node('a1').rows.header(favorites('ann')).itemCount).toBe(0);
  return { delta: prepared.result.delta! };
}
