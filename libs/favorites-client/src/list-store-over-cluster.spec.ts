/** The client over the production nodes, in virtual time. */
import { TABLES } from '@app/store';
import { describe, expect, it } from 'vitest';
import { CircuitRegistry, ownCircuit, storeRead, storeWrite } from '@app/circuit';
import { assert, type CallContext, type CommitRequest, type Operation, zoneId } from '@app/contracts';
import { SeededRandom } from '@app/time';
import { favorites, TestCluster } from '@app/store/testing';
import type { PendingWrite, WriteRequest } from './list-store.js';
import { defaultListStorePolicy, ReplicatedListStore } from './replicated-list-store.js';
import { ClusterTransport } from './testing/cluster-transport.js';
import { listStoreContract } from './testing/list-store-contract.js';

function clientOf(cluster: TestCluster, zone = 'zone-a') {
  const { clock } = cluster;
  const transport = new ClusterTransport(cluster);
  const circuits = new CircuitRegistry({ 'store-read': storeRead, 'store-write': storeWrite }, (name, policy) => ownCircuit(name, policy, clock));
  const seeds = cluster.ring.members;
  const store = new ReplicatedListStore({ seeds, nodeName: 'gateway', zone: zoneId(zone), transport, circuits, clock, random: new SeededRandom(3), policy: defaultListStorePolicy });
  store.start();
  cluster.advance(10);
  store.stop();
  return { store, transport, clock };
}

listStoreContract('ReplicatedListStore over a simulated cluster', ({ maxItems }) => {
  const tables = TABLES.map((table) => ({ ...table, maxItemsPerRow: maxItems }));
  const cluster = new TestCluster({ seed: 5, settings: { tables } });
  const { store, transport, clock } = clientOf(cluster);
  const lost: boolean[] = [];
  const losing = new Map<string, number>();
  transport.lose = (pattern, payload) => {
    if (pattern !== 'store.commit') return null;
    const delta = Buffer.from((payload as CommitRequest).delta).toString('hex');
    const times = losing.get(delta);
    if (times === undefined && lost.length === 0) return null;
    losing.set(delta, (times ?? 0) + 1);
    if (times === undefined) return lost.shift()!;
    return times < 12 ? false : null;
  };
  const forgetSteps = (): void => {
    for (const node of cluster.nodes) {
      transport.crash(node);
      cluster.advance(200);
      transport.start(node);
      cluster.advance(5_000);
    }
  };
  return { store, clock, loseNextReply: (applied) => lost.push(applied), forgetSteps };
});

const ADD: Operation = { kind: 'add', value: Uint8Array.of(1) };
const REMOVE: Operation = { kind: 'remove' };

/** One user's session with the store through a gateway in zone a. */
class Session {
  readonly cluster: TestCluster;
  readonly transport: ClusterTransport;
  readonly #store: ReplicatedListStore;
  readonly #user: string;

  constructor(options: { seed?: number; user?: string } = {}) {
    this.cluster = new TestCluster({ seed: options.seed ?? 7 });
    this.#user = options.user ?? 'user-7';
    const { store, transport } = clientOf(this.cluster);
    this.#store = store;
    this.transport = transport;
  }

  request(item: string, operation: Operation, pending?: PendingWrite): WriteRequest {
    return { ...favorites(this.#user), item, operation, level: 'QUORUM', ...(pending && { pending }) };
  }

  /** Runs a write to its end: undefined when it was acknowledged, else its failure. */
  write(item: string, operation: Operation, pending?: PendingWrite): { code: string; pending?: PendingWrite } | undefined {
    const begun = this.cluster.begin(this.#store.write(this.request(item, operation, pending), this.#context()));
    this.cluster.clock.runUntil(() => begun.state !== 'waiting', 5_000);
    return (begun.error as { code: string; pending?: PendingWrite } | null) ?? undefined;
  }

  list(): string[] {
    const request = { ...favorites(this.#user), limit: 100, level: 'QUORUM' } as const;
    return this.cluster.run(this.#store.list(request, this.#context())).items.map(({ item }) => item);
  }

  /** Calls made since the last time, COMMITs as "commit a1". */
  sent(): string[] {
    return this.transport.log.splice(0).map((call) => call.split(' store.').reverse().join(' '));
  }

  #context(): CallContext {
    return { deadlineMs: this.cluster.clock.monotonicMs() + 2_000, traceId: 't', priority: 'write', principal: { kind: 'device', name: this.#user } };
  }
}

describe('over production nodes', () => {
  it('an own-zone node that is dead costs no request: writes and reads go through another zone at once', () => {
    const session = new Session();
    session.transport.crash('a1');
    const beganMs = session.cluster.clock.monotonicMs();
    for (let film = 0; film < 20; film++) expect(session.write(`film-${film}`, ADD)).toBeUndefined();
    expect(session.list()).toHaveLength(20);
    expect(session.cluster.clock.monotonicMs() - beganMs).toBeLessThan(20 * 10);
  });

  it('a COMMIT that stalls is retried elsewhere; the film is removed; the first attempt wakes: the film stays away', () => {
    const session = new Session();
    const acknowledged = stallCommit(session, 'film-1', ADD);
    expect(acknowledged).toBeUndefined();
    expect(session.write('film-1', REMOVE)).toBeUndefined();
    expect(session.list()).toEqual([]);
    session.transport.goOn('a1');
    session.cluster.advance(5_000);
    expect(session.list()).toEqual([]);
    expect(['a1', 'b1', 'c1'].map((node) => session.cluster.locally(node, 'user-7'))).toEqual([[], [], []]);
  });

  it('a removal that stalls is retried elsewhere; the film is added anew; the first attempt wakes: the new add stays', () => {
    const session = new Session();
    expect(session.write('film-1', ADD)).toBeUndefined();
    expect(stallCommit(session, 'film-1', REMOVE)).toBeUndefined();
    expect(session.write('film-1', ADD)).toBeUndefined();
    session.transport.goOn('a1');
    session.cluster.advance(5_000);
    expect(session.list()).toEqual(['film-1']);
  });

  it.each([
    ['stays away when its attempt wakes, if the removal was told of it', true, []],
    ['would come back without: the schedule bites', false, ['film-1']],
  ] as const)('[F14] an add of unknown outcome, removed by its user, %s', (_, told, left) => {
    const session = new Session();
    // a1 has the COMMIT in its socket and is stopped; the others never get it.
    session.transport.lose = (pattern) => {
      if (pattern !== 'store.commit') return null;
      session.transport.stop('a1');
      return session.sent().at(-1) === 'commit a1' ? null : false;
    };
    const failure = session.write('film-1', ADD)!;
    session.transport.lose = () => null;
    expect(failure).toMatchObject({ code: 'DEADLINE_EXCEEDED', pending: { item: 'film-1' } });
    expect(session.write('film-1', REMOVE, told ? failure.pending : undefined)).toBeUndefined();
    expect(session.list()).toEqual([]);
    session.transport.goOn('a1');
    session.cluster.advance(5_000);
    expect(session.list()).toEqual(left);
  });

  it('a set through one zone is read through every other at once; two at once become one value in all zones', () => {
    const cluster = new TestCluster({ seed: 11 });
    const zones = ['zone-a', 'zone-b', 'zone-c'].map((zone) => clientOf(cluster, zone).store);
    const row = { table: 'bookmarks', row: 'user-7' };
    const context = (): CallContext => ({ deadlineMs: cluster.clock.monotonicMs() + 2_000, traceId: 't', priority: 'write', principal: { kind: 'device', name: 'user-7' } });
    const begin = (zone: number, value: number) =>
      cluster.begin(zones[zone]!.write({ ...row, item: 'film-1', operation: { kind: 'add', value: Uint8Array.of(value) } }, context()));
    const valueIn = (zone: number): number => cluster.run(zones[zone]!.get({ ...row, items: ['film-1'] }, context())).items[0]!.value[0]!;
    cluster.skew('b1', 3_600_000);
    for (let value = 0; value < 30; value++) {
      const write = begin(value % 3, value);
      cluster.clock.runUntil(() => write.state !== 'waiting', 5_000);
      expect([write.state, ...zones.map((_, zone) => valueIn(zone))]).toEqual(['done', value, value, value]);
    }
    for (let round = 0; round < 20; round++) {
      const writes = [begin(0, 100), begin(round % 2 === 0 ? 1 : 2, 200)];
      cluster.clock.runUntil(() => writes.every(({ state }) => state === 'done'), 5_000);
      const value = valueIn(round % 3);
      expect([100, 200]).toContain(value);
      expect(zones.map((_, zone) => valueIn(zone))).toEqual([value, value, value]);
    }
  });

  it('what a caller has left is called off, at the node that it asked and at those that this one asked', () => {
    const cluster = new TestCluster({ seed: 3 });
    const { store } = clientOf(cluster);
    cluster.advance(5_000);
    cluster.network.hold = ({ kind, isReply }) => kind === 'digest' && isReply;
    const context: CallContext = { deadlineMs: cluster.clock.monotonicMs() + 2_000, traceId: 't', priority: 'read', principal: { kind: 'device', name: 'user-7' } };
    const calls = cluster.network.openCalls;
    const read = cluster.begin(store.get({ ...favorites('user-7'), items: ['film-1'], level: 'ALL' }, context));
    cluster.advance(3);
    expect([read.state, cluster.network.openCalls - calls]).toEqual(['waiting', 2]);
    read.cancel();
    cluster.advance(1);
    expect(cluster.network.openCalls - calls).toBe(0);
  });

  it('whatever one node or the way to all of them does, what a session was told of its list is so, now and later', () => {
    const told = { acknowledged: 0, uncertain: 0, refused: 0, reads: 0 };
    for (let seed = 1; seed <= 12; seed++) troubledSession(seed, told);
    // Else the search has not been where it was sent.
    expect(told.acknowledged).toBeGreaterThan(300);
    expect(told.uncertain).toBeGreaterThan(10);
    expect(told.reads).toBeGreaterThan(100);
  });
});

/** A session that writes and reads while one node at a time is stopped, dead, or loses calls and answers. */
function troubledSession(seed: number, told: { acknowledged: number; uncertain: number; refused: number; reads: number }): void {
  const random = new SeededRandom(seed);
  const session = new Session({ seed });
  const { transport, cluster } = session;
  const isIn = new Map<string, boolean>();
  const pending = new Map<string, PendingWrite>();
  /** Ends what ails the session now; null when all is well. */
  let mend = null as (() => void) | null;

  const check = (when: string): void => {
    const list = session.list();
    told.reads++;
    for (const [film, expected] of isIn) assert(list.includes(film) === expected, `seed ${seed}, ${when}: ${film} was ${expected ? 'added' : 'removed'}, and the list is ${list.join()}`);
  };
  /** Makes one node fail, or the gateway's own network, and answers how to end that. */
  const trouble = (node: string): (() => void) => {
    const how = random.pick(['stop', 'crash', 'lose', 'lose all commits'] as const);
    if (how === 'stop') {
      transport.stop(node);
      return () => transport.goOn(node);
    }
    if (how === 'crash') {
      transport.crash(node);
      return () => transport.start(node);
    }
    transport.lose =
      how === 'lose'
        ? () => (transport.log.at(-1)!.startsWith(node) ? random.pick([true, false, null]) : null)
        : (pattern) => (pattern === 'store.commit' ? random.pick([true, false, false]) : null);
    return () => (transport.lose = () => null);
  };

  for (let step = 0; step < 40; step++) {
    if (random.fraction() < 0.4) {
      mend?.();
      mend = mend === null ? trouble(random.pick(cluster.nodes)) : null;
    }
    const film = `film-${random.below(3)}`;
    const operation = random.pick([ADD, ADD, REMOVE]);
    const failure = session.write(film, operation, pending.get(film));
    if (failure === undefined) {
      told.acknowledged++;
      pending.delete(film);
      isIn.set(film, operation.kind === 'add');
    } else if (failure.pending !== undefined) {
      told.uncertain++;
      pending.set(film, failure.pending);
      isIn.delete(film);
    } else told.refused++;
    if (random.fraction() < 0.5) check(`step ${step}`);
    cluster.advance(random.below(300));
  }
  mend?.();
  cluster.advance(20_000);
  check('healed');
}

/** A write whose COMMIT finds a1 stopped: prepared there, committed elsewhere. */
function stallCommit(session: Session, item: string, operation: Operation): ReturnType<Session['write']> {
  session.transport.lose = (pattern) => {
    if (pattern === 'store.commit') session.transport.stop('a1');
    return null;
  };
  session.sent();
  const outcome = session.write(item, operation);
  session.transport.lose = () => null;
  expect(session.sent()).toEqual(expect.arrayContaining(['commit a1']));
  return outcome;
}
