/**
 * What each level promises beyond a quorum, over a simulated cluster: sessions, which may never go back, and linearizable reads
 * and writes. With the schedules that break them when a rule is left out (docs/row-model.md). Replicas a1, b1, c1; W = R = 2.
 */
import { describe, expect, it } from 'vitest';
import { type ConsistencyLevel, type ListReply, nodeId, type Operation, PATTERNS, type PrepareReply, type RowReply, type TriptychError } from '@app/contracts';
import { CausalContext } from '../core/causality/causal-context.js';
import { actorIdFrom } from '../core/causality/dot.js';
import { decodeSeen, encodeSeen, seenAfterWrite } from '../core/causality/seen-row.js';
import { HedgeBudget } from '../core/quorum/hedge-budget.js';
import { decodeDelta } from '../core/row/delta.js';
import type { PeerReply } from '../ports/transport.js';
import { codeOf } from '../testing/code-of.js';
import { addOf, favorites, type Pending } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';
import { QuorumRead, type QuorumAnswer, type QuorumReadPorts, type ReadDemand } from './quorum-read.js';
import type { AskPeer } from './read-repair.js';

const LATEST = { tables: [{ name: 'favorites', siblings: 'latest' as const, maxItemsPerRow: 100 }] };

const ended = <T>(cluster: TestCluster, operation: Pending<T>): T => {
  expect(cluster.clock.runUntil(() => operation.state !== 'waiting', 60_000)).toBe(true);
  return operation.result;
};

/** A write that reaches these replicas and no others, and whose caller is told of it. */
function writeAt(cluster: TestCluster, delta: Uint8Array, reaching: readonly string[]): void {
  const [via] = reaching;
  cluster.network.hold = ({ from, to, kind }) => from === via && kind === 'apply' && !reaching.includes(to);
  ended(cluster, cluster.commit('ann', delta, { via: via!, level: 'ONE' }));
  cluster.advance(20);
  cluster.network.hold = null;
}

function prepared(cluster: TestCluster, item: string, via: string, operation: Operation = addOf()): Uint8Array {
  return ended(cluster, cluster.prepare('ann', item, operation, { via })).delta!;
}

/** One device, which sends back what it was given, through whichever replica. */
class Session {
  seen: Uint8Array | undefined;
  last: RowReply | undefined;

  constructor(readonly cluster: TestCluster) {}

  read(via: string, level: ConsistencyLevel = 'SESSION', timeoutMs = 300): string[] {
    const request = { ...favorites('ann'), limit: 100, level, ...(this.seen && { seen: this.seen }) };
    const reply = this.cluster.run(this.cluster.node(via).list(request, this.cluster.context(timeoutMs)));
    this.#keep(reply);
    return reply.items.map(({ item }) => item);
  }

  prepare(via: string, item: string, operation: Operation, level: ConsistencyLevel = 'SESSION'): PrepareReply {
    const request = { ...favorites('ann'), item, operation, level, ...(this.seen && { seen: this.seen }) };
    return this.cluster.run(this.cluster.node(via).prepare(request, this.cluster.context(300)));
  }

  write(via: string, item: string, operation: Operation = addOf(), level: ConsistencyLevel = 'SESSION'): void {
    const reply = this.prepare(via, item, operation, level);
    if (reply.delta === null) return this.#keep(reply);
    const commit = { ...favorites('ann'), delta: reply.delta, level, seen: reply.seen };
    this.#keep(this.cluster.run(this.cluster.node(via).commit(commit, this.cluster.context(300))));
  }

  #keep(reply: RowReply): void {
    this.last = reply;
    this.seen = reply.seen;
  }
}

/** A session that was shown y by a1, which alone has it; x is everywhere. */
function aheadByOne(): { cluster: TestCluster; session: Session } {
  const cluster = testCluster();
  const session = new Session(cluster);
  session.write('a1', 'x');
  cluster.advance(50);
  writeAt(cluster, prepared(cluster, 'y', 'a1'), ['a1']);
  expect(session.read('a1')).toEqual(['x', 'y']);
  return { cluster, session };
}

describe('[L3] SESSION', () => {
  it('is answered by one replica alone, in any zone, once that has all that the session has seen', () => {
    const cluster = testCluster();
    const session = new Session(cluster);
    session.write('a1', 'x');
    cluster.advance(50);
    for (const via of ['b1', 'c1', 'a1']) {
      const before = cluster.node(via).stats().asked.digest;
      expect(session.read(via)).toEqual(['x']);
      expect(session.last!.achieved).toMatchObject({ level: 'SESSION', replicas: [via], versions: 1, tokenAhead: false });
      expect(cluster.node(via).stats().asked.digest).toBe(before);
    }
    cluster.crash('a1');
    cluster.crash('b1');
    expect(session.read('c1')).toEqual(['x']);
  });

  it('is answered by a quorum where the session has seen nothing of the list', () => {
    const cluster = testCluster();
    writeAt(cluster, prepared(cluster, 'x', 'a1'), ['a1', 'b1']);
    const session = new Session(cluster);
    expect(session.read('c1')).toEqual(['x']);
    expect(session.last!.achieved.replicas).toHaveLength(2);
  });

  describe('is not shown alone what its replica has brought to no quorum', () => {
    const begun = (): { cluster: TestCluster; session: Session; add: Pending<unknown> } => {
      const cluster = testCluster();
      const session = new Session(cluster);
      session.write('a1', 'x');
      cluster.advance(50);
      const delta = prepared(cluster, 'y', 'a1');
      cluster.advance(12_000); // by then silence is told from a peer that starts
      cluster.isolate('a1');
      const add = cluster.commit('ann', delta, { via: 'a1' });
      cluster.advance(20);
      expect([add.state, cluster.locally('a1', 'ann')]).toEqual(['waiting', ['x', 'y']]);
      return { cluster, session, add };
    };

    it('while the write is under way, and after it has failed: so it can go on in another zone', () => {
      const { cluster, session, add } = begun();
      expect(codeOf(() => session.read('a1'))).toBe('STORE_QUORUM_UNAVAILABLE');
      expect(session.read('b1')).toEqual(['x']);
      cluster.advance(2_000);
      expect(add.error?.code).toBe('STORE_WRITE_UNCERTAIN');
      expect(codeOf(() => session.read('a1'))).toBe('STORE_QUORUM_UNAVAILABLE');
      session.write('c1', 'z');
      expect(session.read('b1')).toEqual(['x', 'z']);
    });

    it('and is again once a quorum has it', () => {
      const { cluster, session } = begun();
      cluster.advance(2_000);
      cluster.heal();
      cluster.advance(2_000);
      expect(session.read('a1')).toEqual(['x', 'y']);
      expect(session.last!.achieved.replicas).toHaveLength(2);
      expect(session.read('a1')).toEqual(['x', 'y']);
      expect(session.last!.achieved.replicas).toEqual(['a1']);
    });
  });

  it.each(['SESSION', 'ONE', 'TWO', 'QUORUM', 'ALL', 'LINEARIZABLE'] as const)('reads its own writes through a replica that missed them, at %s', (level) => {
    const cluster = testCluster();
    const session = new Session(cluster);
    cluster.network.hold = ({ to, kind }) => to === 'c1' && kind === 'apply';
    session.write('a1', 'x');
    cluster.advance(20);
    expect(cluster.locally('c1', 'ann')).toEqual([]);
    expect(session.read('c1', level)).toEqual(['x']);
  });

  it('[F1] sees its own removal through a replica that missed it', () => {
    const cluster = testCluster();
    const session = new Session(cluster);
    session.write('a1', 'x');
    cluster.advance(50);
    cluster.network.hold = ({ to, kind }) => to === 'c1' && kind === 'apply';
    session.write('a1', 'x', { kind: 'remove' });
    cluster.advance(20);
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
    expect(session.read('c1')).toEqual([]);
  });

  it('[F2] is not answered by a replica that knows of the session’s write only that it was superseded', () => {
    const cluster = testCluster();
    const session = new Session(cluster);
    writeAt(cluster, prepared(cluster, 'x', 'a1'), ['a1', 'b1', 'c1']);
    // A write of unknown outcome makes the session write the film anew, over the first one; then it removes it. c1 hears of the removal alone.
    session.seen = session.prepare('b1', 'x', addOf({ placement: 'last' })).seen;
    cluster.network.hold = ({ to, kind }) => to === 'c1' && kind === 'apply';
    session.write('a1', 'x');
    cluster.advance(20);
    const removal = session.prepare('a1', 'x', { kind: 'remove' });
    cluster.network.hold = null;
    writeAt(cluster, removal.delta!, ['a1', 'b1', 'c1']);
    session.write('a1', 'x', { kind: 'remove' });
    session.seen = encodeSeen(seenAfterWrite(decodeSeen(session.seen!), decodeDelta(removal.delta!), true, 0));
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
    expect(session.read('c1')).toEqual([]);
  });

  it('never goes back: what one replica alone has shown, every later answer includes', () => {
    const { session } = aheadByOne();
    expect(session.last!.achieved.replicas).toEqual(['a1']);
    expect(decodeSeen(session.seen!).isOnQuorum).toBe(false);
    expect(session.read('b1')).toEqual(['x', 'y']);
    expect(decodeSeen(session.seen!).isOnQuorum).toBe(true);
  });

  it.each(['ONE', 'QUORUM', 'LINEARIZABLE'] as const)('[F19] what a session has seen binds its reads at %s: more replicas are asked, at last all', (level) => {
    const { cluster, session } = aheadByOne();
    // b1 and c1 agree with each other, so nothing but the session's token tells that there is more.
    expect(cluster.digestAt('b1', 'ann')).toBe(cluster.digestAt('c1', 'ann'));
    cluster.network.hold = ({ from, to, kind, isReply }) => !isReply && from === 'b1' && to === 'a1' && kind === 'digest';
    cluster.clock.after(100, () => cluster.network.release());
    expect(session.read('b1', level)).toEqual(['x', 'y']);
    expect(session.last!.achieved.replicas.toSorted()).toEqual(['a1', 'b1', 'c1']);
  });

  it.each(['ONE', 'SESSION', 'QUORUM', 'ALL'] as const)('[F19] fails rather than go back where not all can be asked, at %s', (level) => {
    const { cluster, session } = aheadByOne();
    cluster.crash('a1');
    expect(codeOf(() => session.read('b1', level))).toBe(level === 'ALL' ? 'STORE_QUORUM_UNAVAILABLE' : 'STORE_SESSION_AHEAD');
    expect(new Session(cluster).read('b1', 'QUORUM')).toEqual(['x']);
  });

  it('[F19] fails at its deadline where the one that knows does not answer', () => {
    const { cluster, session } = aheadByOne();
    cluster.isolate('a1');
    const startMs = cluster.clock.monotonicMs();
    expect(codeOf(() => session.read('b1', 'SESSION', 300))).toBe('STORE_SESSION_AHEAD');
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThan(301);
  });

  it('[F19] is answered with a flag, and begins anew, when all replicas answer and none has what it saw any more', () => {
    const { cluster, session } = aheadByOne();
    cluster.network.hold = ({ from, kind }) => from === 'a1' && kind === 'apply';
    cluster.loseDisk('a1');
    cluster.network.hold = null;
    cluster.start('a1');
    cluster.advance(30_000);
    expect(session.read('b1', 'QUORUM')).toEqual(['x']);
    expect(session.last!.achieved).toMatchObject({ tokenAhead: true, level: 'QUORUM' });
    expect(session.last!.achieved.replicas).toHaveLength(3);
    expect(session.read('c1')).toEqual(['x']);
    expect(session.last!.achieved).toMatchObject({ tokenAhead: false, replicas: ['c1'] });
  });

  it('is not answered by a replica whose row was found damaged', () => {
    const cluster = testCluster();
    const session = new Session(cluster);
    session.write('a1', 'x');
    cluster.advance(50);
    expect(cluster.rot('b1', 'ann', 'x')).toBe(true);
    cluster.touch('b1', 'ann');
    expect(codeOf(() => session.read('b1'))).toBe('STORE_ROW_DAMAGED');
    expect(session.read('c1')).toEqual(['x']);
  });

  it('[F14] the session’s next write supersedes one whose outcome it was not told, whenever that comes to light', () => {
    const cluster = testCluster();
    const session = new Session(cluster);
    const { delta, seen } = session.prepare('a1', 'x', addOf());
    writeAt(cluster, delta!, ['a1']);
    cluster.crash('a1');
    session.seen = seen;
    expect(decodeSeen(seen).pending).toEqual([{ item: 'x', dot: decodeDelta(delta!).dot }]);
    session.write('b1', 'x', { kind: 'remove' });
    expect(decodeSeen(session.seen!).pending).toEqual([]);
    cluster.start('a1');
    cluster.advance(5_000);
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual([]);
  });

  it.each([[true, ['x', 'y']], [false, ['y', 'x']]])('[F16] what a session writes is dated after what it has seen, whatever the clocks say (token: %s)', (hasToken, expected) => {
    const cluster = testCluster();
    const session = new Session(cluster);
    cluster.skew('a1', 30_000);
    cluster.network.hold = ({ to, from }) => (to === 'b1' && from === 'a1') || (to === 'a1' && from === 'b1');
    session.write('a1', 'x');
    if (!hasToken) session.seen = undefined;
    // b1 has not heard of the first add, nor of its date; what is added last stands last by its date.
    session.write('b1', 'y');
    cluster.network.release();
    cluster.advance(1_000);
    for (const via of cluster.nodes) expect(cluster.list('ann', { via })).toEqual(expected);
  });

  it('that has forgotten what it saw is answered by a quorum, or by all, at ONE too', () => {
    const cluster = testCluster();
    const session = new Session(cluster);
    cluster.network.hold = ({ to, kind }) => to === 'c1' && kind === 'apply';
    session.write('a1', 'x');
    cluster.advance(20);
    cluster.network.hold = null;
    session.seen = Uint8Array.of(1, 1 | (1 << 1), 0, 0, 0); // forgotten: on a quorum
    expect(session.read('c1', 'ONE')).toEqual(['x']);
    expect(session.last!.achieved.replicas).toHaveLength(2);
    session.seen = Uint8Array.of(1, 1 | (2 << 1), 0, 0, 0); // forgotten: anywhere
    expect(session.read('c1', 'ONE')).toEqual(['x']);
    expect(session.last!.achieved.replicas).toHaveLength(3);
    expect(decodeSeen(session.seen!).forgotten).toBe('nothing');
  });

  it('refuses what it cannot read of a session', () => {
    const cluster = testCluster();
    const session = new Session(cluster);
    session.seen = Uint8Array.of(1, 2, 3);
    expect(codeOf(() => session.read('a1'))).toBe('REQUEST_INVALID');
  });
});

describe('[L4] LINEARIZABLE', () => {
  /** y is on its way through b, x through c; while b reads, x reaches a, and c reads a list of x alone. Then b's repair reaches a. */
  function twoReaders(level: ConsistencyLevel): string[][] {
    const cluster = testCluster();
    const read = (via: string): Pending<ListReply> =>
      cluster.begin(cluster.node(via).list({ ...favorites('ann'), limit: 10, level }, cluster.context(1_000)));
    writeAt(cluster, prepared(cluster, 'y', 'b1'), ['b1']);
    const x = prepared(cluster, 'x', 'c1');
    const isBetweenBC = (from: string, to: string): boolean => [from, to].sort().join() === 'b1,c1';
    cluster.network.hold = ({ from, to, kind }) => isBetweenBC(from, to) || kind === 'push';
    const byB = read('b1');
    cluster.advance(20);
    cluster.commit('ann', x, { via: 'c1' });
    cluster.advance(20);
    expect([cluster.locally('a1', 'ann'), cluster.locally('c1', 'ann')]).toEqual([['x'], ['x']]);
    const byC = ended(cluster, read('c1'));
    cluster.network.release();
    return [ended(cluster, byB), byC].map(({ items }) => items.map(({ item }) => item).toSorted());
  }

  it('[F15] shows no two readers lists neither of which came after the other', () => {
    expect(twoReaders('LINEARIZABLE')).toEqual([['x', 'y'], ['x']]);
    // What a quorum promises is less: it has both of them shown, and never goes back for one reader.
    expect(twoReaders('QUORUM')).toEqual([['y'], ['x']]);
  });

  it.each(['QUORUM', 'LINEARIZABLE'] as const)('[F9] does not rest on a replica whose row is found damaged while it is made equal, at %s', (level) => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'b1' });
    cluster.advance(50);
    writeAt(cluster, prepared(cluster, 'y', 'b1'), ['b1']);
    let damaged: string | null = null;
    cluster.network.hold = ({ to, kind }) => {
      if (kind === 'push' && damaged === null && cluster.rot(to, 'ann', 'x')) cluster.touch((damaged = to), 'ann');
      return false;
    };
    const { items, achieved } = cluster.page('ann', { via: 'b1', level });
    expect(items.map(({ item }) => item)).toEqual(['x', 'y']);
    expect(damaged).not.toBeNull();
    expect(achieved.replicas).not.toContain(damaged);
    expect(achieved.replicas).toHaveLength(2);
  });

  it('answers what it shows from states that were equal on a quorum, and repairs once where nobody writes', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    writeAt(cluster, prepared(cluster, 'y', 'a1'), ['a1']);
    const page = cluster.page('ann', { via: 'a1', level: 'LINEARIZABLE' });
    expect(page.items.map(({ item }) => item)).toEqual(['x', 'y']);
    expect(page.achieved).toMatchObject({ level: 'LINEARIZABLE', repaired: true, versions: 2 });
    expect(cluster.node('a1').stats().asked.digest).toBe(1);
    const again = cluster.page('ann', { via: 'a1', level: 'LINEARIZABLE' });
    expect(again.achieved).toMatchObject({ repaired: false, versions: 1 });
    cluster.crash('b1');
    cluster.crash('c1');
    expect(codeOf(() => cluster.page('ann', { via: 'a1', level: 'LINEARIZABLE' }))).toBe('STORE_QUORUM_UNAVAILABLE');
  });

  it('fails with a code of its own, within its deadline, where the list is written all the time', () => {
    const cluster = testCluster();
    const strays = Array.from({ length: 400 }, (_, i) => decodeDelta(prepared(cluster, `film-${i}`, 'a1')));
    writeAt(cluster, prepared(cluster, 'x', 'b1'), ['b1']);
    cluster.network.hold = ({ from, to, kind }) => {
      // While b1 learns what another one has it gets something new itself, and while it tells of that so does the other one.
      const writtenAt = kind === 'pull' ? from : kind === 'push' ? to : null;
      if (writtenAt !== null) cluster.node(writtenAt).rows.apply(favorites('ann'), strays.pop()!, () => {});
      return false;
    };
    const startMs = cluster.clock.monotonicMs();
    expect(codeOf(() => cluster.page('ann', { via: 'b1', level: 'LINEARIZABLE', timeoutMs: 200 }))).toBe('STORE_LINEARIZE_TIMEOUT');
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThan(200);
    cluster.network.hold = null;
    expect(cluster.page('ann', { via: 'b1', level: 'LINEARIZABLE' }).items.length).toBeGreaterThan(2);
  });

  it('says that it timed out, and no more, where too few answer', () => {
    const cluster = testCluster();
    cluster.isolate('b1');
    expect(codeOf(() => cluster.page('ann', { via: 'b1', level: 'LINEARIZABLE', timeoutMs: 200 }))).toBe('STORE_READ_TIMEOUT');
  });

  it('[F16] an acknowledged write is read, whatever the clocks of those before it said', () => {
    const cluster = testCluster({ settings: LATEST });
    cluster.skew('a1', 3_600_000);
    cluster.network.hold = ({ to, from }) => to === 'b1' && from === 'a1';
    cluster.add('ann', 'x', { via: 'a1', value: 'old', level: 'LINEARIZABLE' });
    cluster.network.hold = null;
    cluster.add('ann', 'x', { via: 'b1', value: 'new', placement: 'last', level: 'LINEARIZABLE' });
    cluster.remove('ann', 'x', { via: 'b1', level: 'LINEARIZABLE' });
    cluster.add('ann', 'x', { via: 'b1', value: 'newer', level: 'LINEARIZABLE' });
    cluster.advance(1_000);
    for (const via of cluster.nodes) expect(Buffer.from(cluster.get('ann', 'x', { via, level: 'LINEARIZABLE' })!.value).toString()).toBe('newer');
  });

  it('[F16] a write is dated above what it comes after, even where that date is beyond belief', () => {
    const cluster = testCluster();
    cluster.skew('a1', 3_600_000);
    const old = decodeDelta(prepared(cluster, 'x', 'a1')).hlc;
    cluster.add('ann', 'y', { via: 'a1' });
    const dateOf = (level: ConsistencyLevel): number =>
      decodeDelta(ended(cluster, cluster.prepare('ann', 'y', addOf({ placement: 'last' }), { via: 'b1', level })).delta!).hlc;
    expect(dateOf('QUORUM')).toBeLessThan(old);
    expect(dateOf('LINEARIZABLE')).toBeGreaterThan(old);
  });

  it('a write learns first what a quorum has, new to its coordinator or not', () => {
    const cluster = testCluster();
    writeAt(cluster, prepared(cluster, 'x', 'a1'), ['a1', 'c1']);
    const here = ended(cluster, cluster.prepare('ann', 'x', addOf({ placement: 'last' }), { via: 'b1' }));
    expect(decodeDelta(here.delta!).supersedes).toEqual([]);
    const learned = ended(cluster, cluster.prepare('ann', 'x', addOf({ placement: 'last' }), { via: 'b1', level: 'LINEARIZABLE' }));
    expect(decodeDelta(learned.delta!).version).toMatchObject({ facet: 'place' });
    expect(learned.achieved.replicas).toHaveLength(2);
  });

  it('is refused for a page after the first: pages are read at different moments', () => {
    const cluster = testCluster();
    for (const film of ['x', 'y', 'z']) cluster.add('ann', film);
    const first = cluster.page('ann', { limit: 2, level: 'LINEARIZABLE' });
    expect([first.items.length, first.more]).toEqual([2, true]);
    expect(codeOf(() => cluster.page('ann', { limit: 2, level: 'LINEARIZABLE', after: first.items[1]! }))).toBe('LEVEL_NOT_ALLOWED');
  });
});

describe('[L5] a level is chosen by the request, else by the table', () => {
  it('is QUORUM where neither says anything', () => {
    const cluster = testCluster();
    const read = cluster.run(cluster.node('a1').list({ ...favorites('ann'), limit: 1 }, cluster.context()));
    expect(read.achieved.level).toBe('QUORUM');
  });

  it('is the table’s where the request says nothing', () => {
    const tables = [{ name: 'favorites', siblings: 'earliest' as const, maxItemsPerRow: 100, level: 'ALL' as const }];
    const cluster = testCluster({ settings: { tables } });
    const list = (level?: ConsistencyLevel) =>
      cluster.run(cluster.node('a1').list({ ...favorites('ann'), limit: 1, ...(level && { level }) }, cluster.context())).achieved;
    expect([list().level, list().replicas.length, list('ONE').level]).toEqual(['ALL', 3, 'ONE']);
  });

  it('TWO rests on two replicas, reads and writes', () => {
    const cluster = testCluster({ zones: ['a', 'b', 'c', 'd', 'e'], replicationFactor: 5 });
    cluster.add('ann', 'x', { level: 'TWO' });
    expect(cluster.page('ann', { level: 'TWO' }).achieved.replicas).toHaveLength(2);
    for (const name of cluster.replicasOf('ann').slice(2)) cluster.crash(name);
    cluster.add('ann', 'y', { level: 'TWO' });
    expect(codeOf(() => cluster.page('ann', { level: 'QUORUM' }))).toBe('STORE_QUORUM_UNAVAILABLE');
    expect(cluster.list('ann', { level: 'TWO' })).toEqual(['x', 'y']);
    cluster.crash(cluster.replicasOf('ann')[1]!);
    expect(codeOf(() => cluster.page('ann', { level: 'TWO' }))).toBe('STORE_QUORUM_UNAVAILABLE');
  });

  it('that needs regions, or is not one, or cannot be had, is refused before any effect', () => {
    const cluster = testCluster();
    for (const level of ['LOCAL_ONE', 'LOCAL_QUORUM', 'EACH_QUORUM']) {
      expect(codeOf(() => cluster.add('ann', 'x', { level: level as ConsistencyLevel }))).toBe('LEVEL_NEEDS_REGIONS');
    }
    expect(codeOf(() => cluster.add('ann', 'x', { level: 'MOST' as ConsistencyLevel }))).toBe('LEVEL_UNKNOWN');
    expect(codeOf(() => cluster.add('ann', 'x', { level: 'ANY' }))).toBe('LEVEL_NOT_ALLOWED');
    expect(codeOf(() => cluster.page('ann', { level: 'ANY' }))).toBe('LEVEL_NOT_ALLOWED');
    const { delta } = ended(cluster, cluster.prepare('ann', 'x', addOf()));
    expect(cluster.commit('ann', delta!, { level: 'ANY' }).error).toMatchObject({ code: 'LEVEL_NOT_ALLOWED' });
    expect(cluster.list('ann')).toEqual([]);
  });
});

describe('[Q13] while the members change from a1, b1, c1 to b1, c1, d1', () => {
  /** Reads as a coordinator at a1 does, with the sets of before and of after. */
  function read(cluster: TestCluster, demand: Partial<ReadDemand>): { error?: TriptychError; answer?: QuorumAnswer<string[]> } {
    const { rows } = cluster.node('a1');
    const ask: AskPeer = (to, key, body, context, settle) =>
      cluster.network
        .call('a1', to, PATTERNS.peer, { hlc: 0, epoch: cluster.membership.epoch, ...key, ...body }, context)
        .subscribe({ next: (reply) => settle(reply as PeerReply), error: (error: TriptychError) => settle(null, error) });
    const ports: QuorumReadPorts = { self: nodeId('a1'), rows, clock: cluster.clock, ask, hasVote: () => true, hedgeDelayMs: () => 30, hedgeBudget: new HedgeBudget({ perRequest: 1, burst: 10 }), isSurelyDown: () => false, isSilent: () => false, doubted: () => {}, stoodStill: () => {} };
    const [before, after] = [['a1', 'b1', 'c1'].map(nodeId), ['b1', 'c1', 'd1'].map(nodeId)];
    const placement = { others: ['b1', 'c1', 'd1'].map(nodeId), sets: [before!, after!], epoch: cluster.membership.epoch };
    let outcome: { error?: TriptychError; answer?: QuorumAnswer<string[]> } | null = null;
    const whole = { votes: 2, copies: 3, seen: CausalContext.EMPTY, isLinearizable: false, ...demand };
    const take = (): string[] => rows.page(favorites('ann'), 10).items.map(({ item }) => item);
    new QuorumRead(ports, favorites('ann'), placement, whole, cluster.context(300), take, (settled) => (outcome = settled)).start();
    cluster.clock.runUntil(() => outcome !== null, 1_000);
    return outcome!;
  }

  const fourNodes = (): TestCluster => testCluster({ zones: ['a', 'b', 'c', 'd'] });
  const applyAt = (cluster: TestCluster, node: string, delta: Uint8Array): void => {
    cluster.node(node).rows.apply(favorites('ann'), decodeDelta(delta), () => {});
    cluster.advance(20);
  };
  const aDelta = (cluster: TestCluster): Uint8Array => {
    const via = cluster.replicasOf('ann')[0]!;
    return ended(cluster, cluster.prepare('ann', 'x', addOf(), { via })).delta!;
  };

  it('LINEARIZABLE needs states that are equal on a quorum of each', () => {
    const cluster = fourNodes();
    const delta = aDelta(cluster);
    for (const node of ['a1', 'b1']) applyAt(cluster, node, delta);
    const { answer } = read(cluster, { isLinearizable: true });
    expect(answer).toMatchObject({ value: ['x'], repaired: true, versions: 2 });
    const voted = (set: string[]): number => set.filter((node) => (answer!.replicas as readonly string[]).includes(node)).length;
    expect([voted(['a1', 'b1', 'c1']) >= 2, voted(['b1', 'c1', 'd1']) >= 2]).toEqual([true, true]);
    for (const node of answer!.replicas) expect(cluster.digestAt(node, 'ann')).toBe(cluster.digestAt('a1', 'ann'));
    for (const node of ['c1', 'd1']) cluster.crash(node);
    expect(read(cluster, { isLinearizable: true }).error).toMatchObject({ code: 'STORE_QUORUM_UNAVAILABLE' });
  });

  it('SESSION asks both for what a session has seen, and says that it is nowhere only when all of both have voted', () => {
    const cluster = fourNodes();
    const delta = aDelta(cluster);
    const seen = CausalContext.of([decodeDelta(delta).dot]);
    applyAt(cluster, 'd1', delta);
    const { answer } = read(cluster, { votes: 1, seen });
    expect(answer).toMatchObject({ value: ['x'], isSessionAhead: false });
    expect(answer!.replicas).toContain('d1');
    const lost = CausalContext.of([{ actor: actorIdFrom(Buffer.alloc(8, 9)), counter: 1 }]);
    expect(read(cluster, { votes: 1, seen: lost }).answer).toMatchObject({ isSessionAhead: true, votes: 3 });
    cluster.crash('d1');
    expect(read(cluster, { votes: 1, seen: lost }).error).toMatchObject({ code: 'STORE_SESSION_AHEAD' });
    // Alone, a replica that has it needs nobody, of neither.
    for (const node of ['b1', 'c1']) cluster.crash(node);
    expect(read(cluster, { votes: 1, seen }).answer!.replicas).toEqual(['a1']);
  });
});
