/**
 * Coordinators over a simulated cluster: the promises of levels, and the schedules that break a store which leaves one of
 * its rules out. Three replicas a1, b1, c1; W = R = 2.
 */
import { describe, expect, it } from 'vitest';
import type { PrepareReply } from '@app/contracts';
import { codeOf } from '../testing/code-of.js';
import { addOf, favorites } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';

/** Runs until the operation under way has ended. */
const ended = (cluster: TestCluster, operation: { state: string }): void => {
  expect(cluster.clock.runUntil(() => operation.state !== 'waiting', 60_000)).toBe(true);
};

/** Delivers a committed delta to some replicas only: what the others are sent is lost. */
function commitOnlyAt(cluster: TestCluster, user: string, delta: Uint8Array, via: string, reaching: readonly string[]): void {
  cluster.network.hold = ({ from, to, kind }) => from === via && kind === 'apply' && !reaching.includes(to);
  const commit = cluster.commit(user, delta, { via, level: 'ONE' });
  ended(cluster, commit);
  cluster.advance(20);
  cluster.network.hold = null;
}

function prepared(cluster: TestCluster, user: string, item: string, via: string, kind: 'add' | 'remove' = 'add'): PrepareReply & { delta: Uint8Array } {
  const pending = cluster.prepare(user, item, kind === 'add' ? addOf() : { kind: 'remove' }, { via });
  ended(cluster, pending);
  return pending.result as PrepareReply & { delta: Uint8Array };
}

/** Timers that are left when the nodes have stopped what runs by itself. */
function timersLeft(cluster: TestCluster): number {
  for (const name of cluster.nodes) cluster.node(name).stop();
  cluster.advance(5); // what is on its way arrives, and is heard by nobody
  return cluster.clock.pending;
}

/** Holds back all that one node sends and is sent. */
function keepAway(cluster: TestCluster, name: string): void {
  cluster.network.hold = ({ from, to }) => from === name || to === name;
}

/** The add is at b and c alone, its removal at b alone: a and b show the same list, and know different things. */
function addedAtTwoRemovedAtOne(cluster: TestCluster): void {
    const add = prepared(cluster, 'ann', 'x', 'b1');
    commitOnlyAt(cluster, 'ann', add.delta, 'b1', ['c1']);
    keepAway(cluster, 'a1');
    const removal = prepared(cluster, 'ann', 'x', 'b1', 'remove');
    commitOnlyAt(cluster, 'ann', removal.delta, 'b1', []);
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
    expect([cluster.locally('a1', 'ann'), cluster.locally('b1', 'ann')]).toEqual([[], []]);
}

/** How long it takes in virtual time, ms. */
function took(cluster: TestCluster, act: () => void): number {
  const startMs = cluster.clock.monotonicMs();
  act();
  return cluster.clock.monotonicMs() - startMs;
}

describe('[L1] a write at one replica is read at any other', () => {
  it('shows an add through each replica at every other', () => {
    const cluster = testCluster();
    for (const [i, via] of cluster.nodes.entries()) {
      cluster.add('ann', `film-${i}`, { via });
      for (const other of cluster.nodes) expect(cluster.list('ann', { via: other })).toContain(`film-${i}`);
    }
    expect(cluster.list('ann')).toEqual(['film-0', 'film-1', 'film-2']);
  });

  it('says truthfully what an answer rests on', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    const page = cluster.page('ann', { via: 'b1' });
    expect(page.achieved).toMatchObject({ level: 'QUORUM', node: 'b1', zone: 'zone-b', replicationFactor: 3, repaired: false });
    expect(page.achieved.replicas).toHaveLength(2);
    expect(cluster.page('ann', { via: 'b1', level: 'ONE' }).achieved.replicas).toEqual(['b1']);
    expect(cluster.page('ann', { via: 'b1', level: 'ALL' }).achieved.zones.toSorted()).toEqual(['zone-a', 'zone-b', 'zone-c']);
  });

  it('sends a write to every replica, whatever the level', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1', level: 'ONE' });
    cluster.advance(50);
    for (const node of cluster.nodes) expect(cluster.locally(node, 'ann')).toEqual(['x']);
  });
});

describe('[L2] a quorum is judged by who answered', () => {
  it('goes on with one replica dead, cut off, or losing its messages', () => {
    for (const harm of [(c: TestCluster) => c.crash('c1'), (c: TestCluster) => c.isolate('c1')]) {
      const cluster = testCluster();
      cluster.add('ann', 'x', { via: 'a1' });
      harm(cluster);
      cluster.add('ann', 'y', { via: 'a1' });
      expect(cluster.list('ann', { via: 'b1' })).toEqual(['x', 'y']);
      cluster.remove('ann', 'x', { via: 'b1' });
      expect(cluster.list('ann', { via: 'a1' })).toEqual(['y']);
    }
  });

  it('refuses at once, with needed and alive, when too few are left', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.crash('b1');
    cluster.crash('c1');
    const startMs = cluster.clock.monotonicMs();
    for (const act of [() => cluster.list('ann', { via: 'a1' }), () => cluster.add('ann', 'y', { via: 'a1' }), () => cluster.remove('ann', 'x', { via: 'a1' })]) {
      expect(act).toThrow(expect.objectContaining({ code: 'STORE_QUORUM_UNAVAILABLE', details: expect.objectContaining({ needed: 2, alive: 1 }) }));
    }
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThan(20);
    expect(cluster.list('ann', { via: 'a1', level: 'ONE' })).toEqual(['x']);
  });

  it('fails at its deadline when replicas neither answer nor refuse, and leaves nothing behind', () => {
    const cluster = testCluster();
    cluster.isolate('a1');
    const startMs = cluster.clock.monotonicMs();
    const { delta } = prepared(cluster, 'ann', 'x', 'a1');
    expect(codeOf(() => cluster.list('ann', { via: 'a1', timeoutMs: 500 }))).toBe('STORE_READ_TIMEOUT');
    expect(cluster.clock.monotonicMs() - startMs).toBeCloseTo(500, 0);
    const commit = cluster.commit('ann', delta, { via: 'a1', timeoutMs: 200 });
    ended(cluster, commit);
    expect(commit.error).toMatchObject({ code: 'STORE_WRITE_TIMEOUT', applied: 'unknown', details: { required: 2, acknowledged: 1, timeoutMs: 200 } });
    for (const name of cluster.nodes) cluster.node(name).stop();
    cluster.advance(60_000);
    expect(timersLeft(cluster)).toBe(0);
  });

  it('fails long before its deadline when too few are left that are not silent, and leaves nothing behind', () => {
    const [reading, writing] = [testCluster(), testCluster()];
    for (const cluster of [reading, writing]) cluster.advance(7_000); // peers know each other
    const { delta } = prepared(writing, 'ann', 'x', 'a1');
    for (const cluster of [reading, writing]) cluster.isolate('a1');
    expect(took(reading, () => expect(codeOf(() => reading.list('ann', { via: 'a1' }))).toBe('STORE_QUORUM_UNAVAILABLE'))).toBeLessThan(165);
    const commit = writing.commit('ann', delta, { via: 'a1' });
    expect(took(writing, () => ended(writing, commit))).toBeLessThan(165);
    expect(commit.error).toMatchObject({ code: 'STORE_WRITE_UNCERTAIN', applied: 'unknown', details: { required: 2, acknowledged: 1 } });
    // From then on it is known at the first look, and a write is refused while it has no effect.
    expect(took(writing, () => expect(codeOf(() => writing.add('ann', 'y', { via: 'a1' }))).toBe('STORE_QUORUM_UNAVAILABLE'))).toBeLessThanOrEqual(43);
    for (const cluster of [reading, writing]) {
      for (const name of cluster.nodes) cluster.node(name).stop();
      cluster.advance(60_000);
      expect(timersLeft(cluster)).toBe(0);
    }
  });

  it('looks for another one beside a repair with a replica that has fallen silent', () => {
    const cluster = testCluster();
    cluster.advance(7_000);
    keepAway(cluster, 'b1');
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.network.hold = null;
    // The nearest has voted for another state, and is gone before it can be told what it lacks.
    cluster.network.onDelivery = ({ kind, from }) => {
      if (kind === 'digest' && from === 'b1') cluster.isolate('b1');
    };
    const read = cluster.begin(cluster.node('a1').list({ ...favorites('ann'), limit: 10, level: 'QUORUM' }, cluster.context()));
    expect(took(cluster, () => ended(cluster, read))).toBeLessThan(200);
    expect(read.result.achieved.replicas.toSorted()).toEqual(['a1', 'c1']);
  });

  it('asks another replica when one is late', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.network.hold = ({ to, kind }) => to === 'b1' && kind === 'digest';
    const startMs = cluster.clock.monotonicMs();
    expect(cluster.page('ann', { via: 'a1' }).achieved.replicas).toEqual(['a1', 'c1']);
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThan(40);
  });

  it('stops asking when the caller leaves', () => {
    const cluster = testCluster();
    cluster.isolate('a1');
    const read = cluster.begin(cluster.node('a1').list({ table: 'favorites', row: 'ann', limit: 10, level: 'QUORUM' }, cluster.context()));
    read.cancel();
    cluster.advance(1);
    expect(timersLeft(cluster)).toBe(0);
  });
});

describe('[R2] a read repairs before it answers', () => {
  it('brings a replica that missed writes up to date, removals too', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.crash('c1');
    cluster.add('ann', 'y', { via: 'a1' });
    cluster.remove('ann', 'x', { via: 'b1' });
    cluster.start('c1');
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
    const page = cluster.page('ann', { via: 'c1' });
    expect(page.items.map((item) => item.item)).toEqual(['y']);
    expect(page.achieved.repaired).toBe(true);
    expect(cluster.locally('c1', 'ann')).toEqual(['y']);
    expect(cluster.digestAt('c1', 'ann')).toBe(cluster.digestAt('a1', 'ann'));
  });

  it('[F3] notices a removal that one voter applied and the other never heard of, when both show the same', () => {
    const cluster = testCluster();
    addedAtTwoRemovedAtOne(cluster);
    keepAway(cluster, 'c1');
    expect(cluster.list('ann', { via: 'a1' })).toEqual([]);
    keepAway(cluster, 'b1');
    expect(cluster.list('ann', { via: 'a1' })).toEqual([]);
  });

  it('[F3] never goes back: what one read showed of a write in progress, the next shows', () => {
    const cluster = testCluster();
    const add = prepared(cluster, 'ann', 'x', 'a1');
    commitOnlyAt(cluster, 'ann', add.delta, 'a1', []);
    keepAway(cluster, 'c1');
    expect(cluster.list('ann', { via: 'b1' })).toEqual(['x']);
    cluster.network.release();
    cluster.crash('a1');
    expect(cluster.list('ann', { via: 'c1' })).toEqual(['x']);
  });

  it('[F12] rests on what is durable: a power cut at two replicas takes back nothing that was shown', () => {
    let shownCount = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const cluster = testCluster({ seed });
      const add = prepared(cluster, 'ann', 'x', 'b1');
      cluster.commit('ann', add.delta, { via: 'b1' });
      cluster.advance(seed * 0.05);
      const read = cluster.begin(cluster.node('a1').list({ table: 'favorites', row: 'ann', limit: 10, level: 'QUORUM' }, cluster.context()));
      cluster.clock.runUntil(() => read.state !== 'waiting', 5);
      const isShown = read.state === 'done' && read.result.items.length === 1;
      for (const node of ['b1', 'c1']) cluster.powerLoss(node);
      for (const node of ['b1', 'c1']) cluster.start(node);
      const later = cluster.list('ann', { via: 'c1' });
      if (!isShown) continue;
      shownCount++;
      expect(later).toEqual(['x']);
    }
    expect(shownCount).toBeGreaterThan(5);
  });
});

describe('[C4] removals', () => {
  it('[F4] undo an add that the coordinator has not heard of', () => {
    const cluster = testCluster();
    cluster.network.hold = ({ to, kind }) => to === 'b1' && kind === 'apply';
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.network.hold = ({ to, kind, from }) => (to === 'b1' && kind === 'apply') || from === ('c1');
    cluster.remove('ann', 'x', { via: 'b1' });
    cluster.network.release();
    cluster.advance(100);
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual([]);
  });

  it('[F4] that find nothing are acknowledged only after a repair', () => {
    const cluster = testCluster();
    addedAtTwoRemovedAtOne(cluster);
    // A second remove, through a and b: neither shows the film, but c still does.
    keepAway(cluster, 'c1');
    cluster.remove('ann', 'x', { via: 'a1' });
    keepAway(cluster, 'b1');
    expect(cluster.list('ann', { via: 'a1' })).toEqual([]);
  });

  it('[F5] name what they undo before they have any effect, and later adds stay', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    const removal = prepared(cluster, 'ann', 'x', 'a1', 'remove');
    const again = cluster.prepare('ann', 'x', { kind: 'add', value: new Uint8Array(0), placement: 'last' }, { via: 'c1' });
    ended(cluster, again);
    commitOnlyAt(cluster, 'ann', removal.delta, 'a1', ['b1', 'c1']);
    cluster.add('ann', 'x', { via: 'c1' });
    ended(cluster, cluster.commit('ann', removal.delta, { via: 'b1' }));
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual(['x']);
  });

  it('[F13] are not undone by a move through a replica that has not heard of them', () => {
    const cluster = testCluster();
    for (const film of ['x', 'y']) cluster.add('ann', film, { via: 'a1' });
    cluster.advance(50);
    const move = cluster.prepare('ann', 'x', { kind: 'move', placement: 'last' }, { via: 'c1' });
    ended(cluster, move);
    cluster.network.hold = ({ to, kind }) => to === 'c1' && kind === 'apply';
    cluster.remove('ann', 'x', { via: 'a1' });
    ended(cluster, cluster.commit('ann', move.result.delta!, { via: 'c1' }));
    cluster.network.release();
    cluster.advance(100);
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual(['y']);
    expect(codeOf(() => cluster.move('ann', 'x', 'first', { via: 'c1' }))).toBe('ITEM_NOT_FOUND');
  });

  it('stay when a replica comes back that was away for all of it', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.crash('c1');
    cluster.skew('c1', 30 * 24 * 3_600_000);
    cluster.remove('ann', 'x', { via: 'a1' });
    cluster.crash('a1');
    cluster.start('c1');
    expect(cluster.list('ann', { via: 'c1' })).toEqual([]);
    cluster.start('a1');
    expect(cluster.list('ann', { via: 'a1' })).toEqual([]);
  });
});

describe('[C5] one operation, many attempts', () => {
  it('is one add, at whatever coordinators and however often its delta is committed', () => {
    const cluster = testCluster();
    const { delta } = prepared(cluster, 'ann', 'x', 'a1');
    for (const via of ['a1', 'b1', 'c1', 'b1']) ended(cluster, cluster.commit('ann', delta, { via }));
    expect(cluster.list('ann')).toEqual(['x']);
    cluster.remove('ann', 'x', { via: 'c1' });
    ended(cluster, cluster.commit('ann', delta, { via: 'a1' }));
    cluster.advance(50);
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual([]);
  });

  it('the first attempt of a retried add comes to light after the film was removed: it stays away', () => {
    const cluster = testCluster();
    const { delta } = prepared(cluster, 'ann', 'x', 'a1');
    // a has it durably and its sends never leave; the same delta is committed at b; the film is removed; a is back.
    cluster.network.hold = ({ from }) => from === ('a1');
    cluster.commit('ann', delta, { via: 'a1' });
    cluster.advance(10);
    expect(cluster.locally('a1', 'ann')).toEqual(['x']);
    ended(cluster, cluster.commit('ann', delta, { via: 'b1' }));
    cluster.remove('ann', 'x', { via: 'b1' });
    cluster.network.release();
    cluster.advance(100);
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual([]);
  });

  it('the first attempt of a retried remove wakes after a new add: the new add stays', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    const { delta } = prepared(cluster, 'ann', 'x', 'a1', 'remove');
    cluster.network.hold = ({ from }) => from === ('a1');
    cluster.commit('ann', delta, { via: 'a1' });
    cluster.advance(10);
    ended(cluster, cluster.commit('ann', delta, { via: 'b1' }));
    cluster.add('ann', 'x', { via: 'b1' });
    cluster.network.release();
    cluster.advance(100);
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual(['x']);
  });

  it('a prepared delta that is never committed has no effect, and its dot is not given out again', () => {
    const cluster = testCluster();
    const first = prepared(cluster, 'ann', 'x', 'a1');
    const second = prepared(cluster, 'ann', 'y', 'a1');
    ended(cluster, cluster.commit('ann', second.delta, { via: 'a1' }));
    expect(cluster.list('ann')).toEqual(['y']);
    ended(cluster, cluster.commit('ann', first.delta, { via: 'b1' }));
    expect(cluster.list('ann').toSorted()).toEqual(['x', 'y']);
  });

  it('[F10] a coordinator that crashed between PREPARE and COMMIT does not mint the same dot again', () => {
    const cluster = testCluster();
    const first = prepared(cluster, 'ann', 'x', 'a1');
    cluster.restart('a1');
    const second = prepared(cluster, 'ann', 'y', 'a1');
    ended(cluster, cluster.commit('ann', second.delta, { via: 'a1' }));
    ended(cluster, cluster.commit('ann', first.delta, { via: 'b1' }));
    expect(cluster.list('ann').toSorted()).toEqual(['x', 'y']);
  });

  it('[F14] a failed add that the session then removed does not surface', () => {
    const cluster = testCluster();
    const { delta } = prepared(cluster, 'ann', 'x', 'a1');
    commitOnlyAt(cluster, 'ann', delta, 'a1', []);
    cluster.crash('a1');
    const removal = cluster.prepare('ann', 'x', { kind: 'remove' }, { via: 'b1', pending: delta });
    ended(cluster, removal);
    ended(cluster, cluster.commit('ann', removal.result.delta!, { via: 'b1' }));
    cluster.start('a1');
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual([]);
  });

  it('an add after a remove of unknown outcome stays, whenever that remove takes effect', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    const { delta } = prepared(cluster, 'ann', 'x', 'a1', 'remove');
    const add = cluster.prepare('ann', 'x', addOf(), { via: 'b1', pending: delta });
    ended(cluster, add);
    ended(cluster, cluster.commit('ann', add.result.delta!, { via: 'b1' }));
    ended(cluster, cluster.commit('ann', delta, { via: 'a1' }));
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual(['x']);
  });
});

describe('[C6] adds of what is there, moves and places', () => {
  it('an add of what is there keeps its place and date and writes nothing', () => {
    const cluster = testCluster();
    const first = cluster.add('ann', 'x', { via: 'a1' })!;
    cluster.add('ann', 'y', { via: 'a1' });
    cluster.advance(5_000);
    const again = cluster.add('ann', 'x', { via: 'b1', value: 'other' })!;
    expect(again).toEqual(first);
    expect(cluster.list('ann')).toEqual(['x', 'y']);
  });

  it('an add that finds the film at its coordinator alone does not rest on that', () => {
    const cluster = testCluster();
    const stray = prepared(cluster, 'ann', 'x', 'a1');
    commitOnlyAt(cluster, 'ann', stray.delta, 'a1', []);
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.crash('a1');
    expect(cluster.list('ann', { via: 'b1' })).toEqual(['x']);
  });

  it('an add that finds the film on its way to disk here, and nowhere else, writes it anew', () => {
    const cluster = testCluster();
    const stray = prepared(cluster, 'ann', 'x', 'a1');
    cluster.disk('a1').stall();
    cluster.network.hold = ({ from, kind }) => from === 'a1' && kind === 'apply';
    cluster.commit('ann', stray.delta, { via: 'a1' });
    expect(cluster.node('a1').rows.latestItem({ table: 'favorites', row: 'ann' }, 'x')).not.toBeNull();
    expect(prepared(cluster, 'ann', 'x', 'a1').delta).not.toBeNull();
  });

  it('an add that finds the film at a replica which missed its removal adds it anew', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.network.hold = ({ to, kind }) => to === 'c1' && kind === 'apply';
    cluster.remove('ann', 'x', { via: 'a1' });
    cluster.network.hold = null;
    cluster.add('ann', 'x', { via: 'c1' });
    cluster.advance(50);
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual(['x']);
  });

  it('places first, last, before and after, and moves', () => {
    const cluster = testCluster();
    for (const film of ['b', 'c']) cluster.add('ann', film);
    cluster.add('ann', 'a', { placement: 'first' });
    cluster.add('ann', 'd', { placement: 'last' });
    cluster.add('ann', 'bc', { placement: { after: 'b' } });
    cluster.add('ann', 'ab', { placement: { before: 'b' } });
    expect(cluster.list('ann')).toEqual(['a', 'ab', 'b', 'bc', 'c', 'd']);
    cluster.move('ann', 'a', 'last');
    cluster.move('ann', 'd', { before: 'ab' });
    cluster.add('ann', 'c', { placement: 'first' });
    expect(cluster.list('ann')).toEqual(['c', 'd', 'ab', 'b', 'bc', 'a']);
    cluster.move('ann', 'd', { before: 'c' });
    cluster.move('ann', 'd', { before: 'c' });
    expect(cluster.list('ann')).toEqual(['d', 'c', 'ab', 'b', 'bc', 'a']);
  });

  it('a move keeps the date; a new add after a remove has its own place', () => {
    const cluster = testCluster();
    const added = cluster.add('ann', 'x')!;
    cluster.add('ann', 'y');
    cluster.advance(1_000);
    const moved = cluster.move('ann', 'x', 'last')!;
    expect(moved.writtenAtMs).toBe(added.writtenAtMs);
    cluster.move('ann', 'x', 'first');
    cluster.remove('ann', 'x');
    cluster.add('ann', 'x');
    expect(cluster.list('ann')).toEqual(['y', 'x']);
  });

  it('refuses a move of what is not there, next to what is not there, and next to itself', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x');
    expect(codeOf(() => cluster.move('ann', 'z', 'first'))).toBe('ITEM_NOT_FOUND');
    expect(codeOf(() => cluster.move('ann', 'x', { after: 'z' }))).toBe('NEIGHBOUR_NOT_FOUND');
    expect(codeOf(() => cluster.add('ann', 'y', { placement: { before: 'z' } }))).toBe('NEIGHBOUR_NOT_FOUND');
    expect(codeOf(() => cluster.move('ann', 'x', { after: 'x' }))).toBe('NEIGHBOUR_NOT_FOUND');
    expect(cluster.list('ann')).toEqual(['x']);
  });

  it('concurrent moves of a film through two zones leave it once, at one place everywhere', () => {
    const cluster = testCluster();
    for (const film of ['x', 'y', 'z']) cluster.add('ann', film);
    cluster.advance(50);
    const moves = [
      { via: 'a1', placement: 'last' as const },
      { via: 'b1', placement: { after: 'y' } },
    ].map(({ via, placement }) => {
      const move = cluster.prepare('ann', 'x', { kind: 'move', placement }, { via });
      ended(cluster, move);
      return cluster.commit('ann', move.result.delta!, { via });
    });
    for (const move of moves) ended(cluster, move);
    cluster.advance(50);
    const lists = cluster.nodes.map((via) => cluster.list('ann', { via }));
    expect(new Set(lists.map(String)).size).toBe(1);
    expect(lists[0]!.toSorted()).toEqual(['x', 'y', 'z']);
  });

  it('pages while others write: what stays and is not moved appears exactly once', () => {
    const cluster = testCluster({ seed: 5 });
    const stays = Array.from({ length: 30 }, (_, i) => `stays-${String(i).padStart(2, '0')}`);
    for (const [i, film] of stays.entries()) {
      cluster.add('ann', film, { placement: i % 3 === 0 ? 'first' : 'last' });
      cluster.add('ann', `goes-${i}`);
    }
    const seen: string[] = [];
    let after: { position: string; item: string } | undefined;
    for (let round = 0; ; round++) {
      const page = cluster.page('ann', { limit: 7, via: cluster.nodes[round % 3]!, ...(after && { after }) });
      seen.push(...page.items.map((item) => item.item));
      after = page.items.at(-1);
      if (!page.more) break;
      cluster.remove('ann', `goes-${round * 2}`);
      cluster.move('ann', `goes-${round * 2 + 1}`, round % 2 === 0 ? 'first' : 'last');
      cluster.add('ann', `new-${round}`, { placement: { after: stays[round]! } });
    }
    expect(seen.filter((film) => film.startsWith('stays')).toSorted()).toEqual(stays);
  });
});

describe('[R3] a damaged row', () => {
  it('has no vote, loses nothing for others, and is rebuilt from two of them', () => {
    const cluster = testCluster();
    for (const film of ['x', 'y']) cluster.add('ann', film, { via: 'a1' });
    cluster.advance(50);
    cluster.rot('b1', 'ann', 'x');
    expect(codeOf(() => cluster.get('ann', 'x', { via: 'b1' }))).toBe('STORE_ROW_DAMAGED');
    expect(cluster.page('ann', { via: 'a1' }).achieved.replicas).toEqual(['a1', 'c1']);
    cluster.crash('c1');
    expect(codeOf(() => cluster.list('ann', { via: 'a1' }))).toBe('STORE_QUORUM_UNAVAILABLE');
    // It takes writes meanwhile.
    cluster.add('ann', 'z', { via: 'a1' });
    cluster.start('c1');
    expect(cluster.clock.runUntil(() => cluster.node('b1').stats().damagedRows === 0, 30_000)).toBe(true);
    expect(cluster.list('ann', { via: 'b1' })).toEqual(['x', 'y', 'z']);
    expect(cluster.node('b1').stats().rebuiltRows).toBe(1);
  });

  it('does not confirm by its loss what another replica never had', () => {
    const cluster = testCluster();
    keepAway(cluster, 'a1');
    cluster.add('ann', 'x', { via: 'b1' });
    cluster.network.hold = null;
    cluster.rot('b1', 'ann', 'x');
    expect(codeOf(() => cluster.get('ann', 'x', { via: 'b1', level: 'ONE' }))).toBe('STORE_ROW_DAMAGED');
    // What is left at b1 is just what a1 has: nothing. Only c1 can tell, and c1 is away.
    expect(cluster.digestAt('b1', 'ann')).toBe(cluster.digestAt('a1', 'ann'));
    keepAway(cluster, 'c1');
    expect(codeOf(() => cluster.list('ann', { via: 'a1', timeoutMs: 300 }))).toBe('STORE_READ_TIMEOUT');
  });

  it('waits with its rebuilding until writes that were in flight at the loss are over', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.rot('b1', 'ann', 'x');
    expect(codeOf(() => cluster.get('ann', 'x', { via: 'b1' }))).toBe('STORE_ROW_DAMAGED');
    cluster.advance(9_900);
    expect(cluster.node('b1').stats().damagedRows).toBe(1);
    cluster.advance(1_000);
    expect(cluster.node('b1').stats().damagedRows).toBe(0);
  });

  it('[F9] fails the writes that counted on the lost copy', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    const { delta } = prepared(cluster, 'ann', 'y', 'b1');
    cluster.network.hold = ({ from, kind }) => from === ('b1') && kind === 'apply';
    const commit = cluster.commit('ann', delta, { via: 'b1' });
    cluster.advance(10);
    cluster.rot('b1', 'ann', 'y');
    expect(codeOf(() => cluster.get('ann', 'y', { via: 'b1' }))).toBe('STORE_ROW_DAMAGED');
    ended(cluster, commit);
    expect(commit.error).toMatchObject({ code: 'STORE_WRITE_UNCERTAIN' });
  });
});

describe('[T3] limits', () => {
  it('refuses what is too large or badly named, before any effect', () => {
    const cluster = testCluster();
    expect(codeOf(() => cluster.add('ann', 'x', { value: 'v'.repeat(64 * 1024 + 1) }))).toBe('STORE_VALUE_TOO_LARGE');
    expect(codeOf(() => cluster.add('ann', 'no/slash'))).toBe('REQUEST_INVALID');
    expect(codeOf(() => cluster.page('ann', { limit: 0 }))).toBe('REQUEST_INVALID');
    const bad = cluster.commit('ann', new Uint8Array([1, 2, 3]));
    expect(bad.error).toMatchObject({ code: 'REQUEST_INVALID' });
    expect(cluster.list('ann')).toEqual([]);
  });

  it('refuses a new item of a full list, and nothing else; replication refuses no delta for it', () => {
    const tables = [{ name: 'favorites', siblings: 'earliest' as const, maxItemsPerRow: 3 }];
    const cluster = testCluster({ settings: { tables } });
    const early = prepared(cluster, 'ann', 'prepared-early', 'a1');
    for (const film of ['x', 'y', 'z']) cluster.add('ann', film, { via: 'a1' });
    expect(codeOf(() => cluster.add('ann', 'w', { via: 'a1' }))).toBe('LIST_FULL');
    expect(codeOf(() => cluster.add('ann', 'x', { via: 'a1' }))).toBe('none');
    cluster.move('ann', 'x', 'last', { via: 'a1' });
    ended(cluster, cluster.commit('ann', early.delta, { via: 'b1' }));
    expect(cluster.list('ann')).toHaveLength(4);
    cluster.remove('ann', 'y', { via: 'a1' });
    cluster.remove('ann', 'z', { via: 'a1' });
    expect(codeOf(() => cluster.add('ann', 'w', { via: 'a1' }))).toBe('none');
  });
});
