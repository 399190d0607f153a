import { nodeId, TriptychError } from '@app/contracts';
import { SeededRandom } from '@app/time';
import { describe, expect, it } from 'vitest';
import type { MemberChange } from '../core/membership/membership.js';
import { encodeMembership } from '../core/membership/membership-record.js';
import { SLOT_COUNT } from '../core/ring/token-allocator.js';
import { codeOf } from '../testing/code-of.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';
import type { ChangeAnswer } from './member-changes.js';

const USERS = 12;
const FILMS = 3;
const userNamed = (i: number): string => `user-${i}`;

/** Devices that add, remove and read one after another through any replica that is up, and what must therefore be in the lists. */
class Devices {
  readonly #random: SeededRandom;
  /** True: acknowledged as added. False: as removed. Null: not known. */
  readonly #films = new Map<string, boolean | null>();
  reads = 0;
  writes = 0;
  readonly failures: string[] = [];

  constructor(
    private readonly cluster: TestCluster,
    seed: number,
  ) {
    this.#random = new SeededRandom(seed);
  }

  /** One operation, and up to two more attempts of it through other replicas, as a client makes them. */
  step(): void {
    const user = userNamed(this.#random.below(USERS));
    const draw = this.#random.fraction();
    const film = `film-${this.#random.below(FILMS)}`;
    const name = `${user} ${film}`;
    if (draw < 0.4) return this.#read(user);
    this.writes++;
    const isAdd = draw < 0.75;
    const known = this.#films.get(name) ?? false;
    this.#films.set(name, null);
    const outcome = this.#attempt(user, (via) => (isAdd ? void this.cluster.add(user, film, { via, timeoutMs: 400 }) : this.cluster.remove(user, film, { via, timeoutMs: 400 })));
    if (outcome === 'done') this.#films.set(name, isAdd);
    else if (outcome === 'not applied' && known !== null) this.#films.set(name, known);
  }

  readAll(): void {
    for (let i = 0; i < USERS; i++) this.#read(userNamed(i));
  }

  /** What a reader misses, or sees and should not. */
  #read(user: string): void {
    let films: string[] = [];
    this.reads++;
    if (this.#attempt(user, (via) => void (films = this.cluster.list(user, { via, timeoutMs: 400 }))) !== 'done') return;
    for (let i = 0; i < FILMS; i++) {
      const known = this.#films.get(`${user} film-${i}`) ?? false;
      if (known !== null) expect([user, `film-${i}`, films.includes(`film-${i}`)]).toEqual([user, `film-${i}`, known]);
    }
  }

  #attempt(user: string, operation: (via: string) => void): 'done' | 'not applied' | 'unknown' {
    const replicas = this.cluster.replicasOf(user).filter((node) => this.cluster.isUp(node));
    let outcome: 'not applied' | 'unknown' = 'not applied';
    const start = this.#random.below(3);
    let last = 'nobody is up';
    for (let i = 0; i < replicas.length; i++) {
      const via = replicas[(start + i) % replicas.length]!;
      if (!this.cluster.isUp(via)) continue;
      try {
        operation(via);
        return 'done';
      } catch (error) {
        if (!(error instanceof TriptychError)) throw error;
        last = `${via}: ${error.code}`;
        if (error.applied === 'unknown') outcome = 'unknown';
      }
    }
    this.failures.push(`${user} ${last}`);
    return outcome;
  }
}

const joinOf = (cluster: TestCluster, zone: string): MemberChange => ({ kind: 'join', member: cluster.memberOf(cluster.newNode(zone)) });
const leaveOf = (node: string): MemberChange => ({ kind: 'leave', node: nodeId(node) });
const reasonOf = (answer: ChangeAnswer | null): string => (answer === null ? 'none' : answer.ok ? 'ok' : answer.reason);

function settle(cluster: TestCluster, withinMs = 120_000): void {
  expect(cluster.clock.runUntil(() => cluster.isSettled, withinMs)).toBe(true);
}

/** All nodes that are up mean the same by each epoch that any of them is in. */
function expectNoFork(cluster: TestCluster): void {
  const byEpoch = new Map<number, string>();
  for (const name of cluster.nodes.filter((node) => cluster.isUp(node))) {
    const membership = cluster.node(name).members.membership;
    if (membership === null) continue;
    const text = JSON.stringify(membership);
    expect(byEpoch.get(membership.epoch) ?? text).toBe(text);
    byEpoch.set(membership.epoch, text);
  }
}

describe('[M15] a change of the members while devices read and write', () => {
  it('a node joins: it takes K/n of the copies and 5 % at most, from others of its zone, and nothing is lost or fails', () => {
    const cluster = testCluster({ seed: 11, nodesPerZone: 2 });
    const devices = new Devices(cluster, 1);
    for (let i = 0; i < 60; i++) devices.step();
    const before = cluster.ring;
    const change = joinOf(cluster, 'b');
    const answer = cluster.beginChange(change);
    for (let i = 0; i < 60 || !cluster.isSettled || cluster.membership.epoch < 3; i++) devices.step();
    expect(reasonOf(answer())).toBe('ok');
    devices.readAll();
    expect(devices.failures).toEqual([]);
    const { syncedSlots } = cluster.node('b3').stats().slotSync;
    expect(syncedSlots).toBeGreaterThan(0.9 * (SLOT_COUNT / 3));
    expect(syncedSlots).toBeLessThanOrEqual((3 * SLOT_COUNT) / 7 + 0.05 * 3 * SLOT_COUNT);
    // Who gained nothing fetched nothing; and what moved, moved from b1 and b2 alone.
    for (const other of ['a1', 'a2', 'b1', 'b2', 'c1', 'c2']) expect(cluster.node(other).stats().slotSync.rowsPulled).toBe(0);
    for (let slot = 0n; slot < 4096n; slot += 7n) {
      const token = (slot << 52n) as Parameters<typeof before.replicas>[0];
      const lost = before.replicas(token).filter(({ node }) => !cluster.ring.isReplica(node, token));
      expect(lost.every(({ zone }) => zone === 'zone-b')).toBe(true);
    }
  });

  it('a node leaves, is replaced, gets more weight, is drained: acknowledged films stay, removed ones stay away', { timeout: 30_000 }, () => {
    const cluster = testCluster({ seed: 12, nodesPerZone: 2 });
    const devices = new Devices(cluster, 2);
    const during = (change: MemberChange): void => {
      const { epoch } = cluster.membership;
      const answer = cluster.beginChange(change);
      for (let i = 0; i < 25 || !cluster.isSettled || cluster.membership.epoch < epoch + 2; i++) devices.step();
      expect(reasonOf(answer())).toBe('ok');
      devices.readAll();
    };
    for (let i = 0; i < 40; i++) devices.step();
    during(joinOf(cluster, 'b'));
    during(leaveOf('b2'));
    cluster.discard('b2');
    during({ kind: 'replace', node: nodeId('c1'), member: cluster.memberOf(cluster.newNode('c')) });
    cluster.discard('c1');
    during({ kind: 'weigh', node: nodeId('a2'), weight: 3 });
    during({ kind: 'weigh', node: nodeId('a1'), weight: 0 });
    expect(devices.failures).toEqual([]);
    expect(cluster.membership.history.map(({ what, outcome }) => `${what}: ${outcome}`).slice(1)).toEqual([
      'b3 joins zone-b with weight 1: done',
      'b2 leaves: done',
      'c3 replaces c1: done',
      'a2 gets weight 3: done',
      'a1 is drained: done',
    ]);
    for (let i = 0; i < USERS; i++) expect(cluster.replicasOf(userNamed(i))).not.toContain('a1');
    expectNoFork(cluster);
  });

  it.each([1, 2, 3, 4])('a node is replaced while messages are lost and nodes die and come back (seed %i)', { timeout: 30_000 }, (seed) => {
    const cluster = testCluster({ seed, nodesPerZone: 2 });
    const random = new SeededRandom(seed);
    const devices = new Devices(cluster, seed);
    for (let i = 0; i < 40; i++) devices.step();
    cluster.crash('b2');
    cluster.network.quality = { latencyMs: [0.2, 20], loss: 0.05, duplication: 0.05 };
    const replacement = cluster.newNode('b');
    const change: MemberChange = { kind: 'replace', node: nodeId('b2'), member: cluster.memberOf(replacement) };
    let answer = cluster.beginChange(change, { via: 'a1' });
    let down: string | null = null;
    for (let i = 0; i < 90; i++) {
      devices.step();
      if (i % 15 !== 0) continue;
      if (down !== null) cluster.start(down);
      down = random.pick(['a1', 'a2', 'b1', 'c1', 'c2', replacement]);
      cluster.powerLoss(down);
      if (answer()?.ok !== true && cluster.membership.epoch === 1) answer = cluster.beginChange(change);
    }
    if (down !== null) cluster.start(down);
    cluster.network.quality = { latencyMs: [0.2, 1], loss: 0, duplication: 0 };
    for (let tries = 0; tries < 5 && cluster.membership.epoch === 1; tries++) {
      cluster.advance(5_000);
      if (cluster.membership.epoch === 1) answer = cluster.beginChange(change);
      cluster.advance(5_000);
    }
    expect(cluster.clock.runUntil(() => cluster.isSettled && cluster.membership.epoch === 3, 200_000)).toBe(true);
    cluster.advance(20_000); // hints, and disks that their peers have yet to vouch for
    devices.readAll();
    expect(cluster.membership.members.map(({ node }) => node)).toEqual(['a1', 'a2', 'b1', replacement, 'c1', 'c2']);
    expectNoFork(cluster);
  });
});

describe('[M16] while the members change, a quorum is one of before and one of after', () => {
  /** a1 b1 c1 become a1 b1 c2, and stay joint, because c2 may list nothing. */
  function joint(seed = 5): TestCluster {
    const cluster = testCluster({ seed });
    cluster.add('ann', 'heat', { via: 'a1' });
    cluster.advance(2_000);
    const member = cluster.memberOf(cluster.newNode('c'));
    cluster.advance(2_000);
    cluster.network.hold = ({ kind, isReply }) => kind === 'slots' && !isReply;
    const answer = cluster.beginChange({ kind: 'replace', node: nodeId('c1'), member });
    cluster.clock.runUntil(() => answer() !== null && cluster.nodes.every((node) => cluster.node(node).members.membership?.epoch === 2), 10_000);
    expect(cluster.membership.next).not.toBe(null);
    return cluster;
  }
  /** c1 was replaced by c2, which with b1 has acknowledged a write since; and a node that stays knows nothing of it. */
  function changedBehindTheBackOf(unaware: string, seed: number): TestCluster {
    const cluster = testCluster({ seed });
    cluster.add('ann', 'heat', { via: 'a1' });
    cluster.advance(2_000);
    const c2 = cluster.newNode('c');
    const isAboutMembers = new Set(['gossip', 'learn', 'promise', 'accept', 'progress', 'learnt', 'vote']);
    cluster.network.hold = ({ from, to, kind }) => isAboutMembers.has(kind) && (to === unaware || from === unaware);
    const answer = cluster.beginChange({ kind: 'replace', node: nodeId('c1'), member: cluster.memberOf(c2) }, { via: 'b1' });
    cluster.clock.runUntil(() => ['b1', 'c1', c2].every((node) => cluster.node(node).members.membership!.epoch === 3), 60_000);
    expect(reasonOf(answer())).toBe('ok');
    const write = cluster.prepare('ann', 'ran', { kind: 'add', value: new Uint8Array(0) }, { via: 'b1' });
    cluster.clock.runUntil(() => write.state !== 'waiting', 5_000);
    const commit = cluster.commit('ann', write.result.delta!, { via: 'b1' });
    cluster.clock.runUntil(() => commit.state !== 'waiting', 5_000);
    expect(commit.state).toBe('done');
    expect(cluster.node(unaware).members.membership!.epoch).toBe(1);
    expect(cluster.locally(unaware, 'ann')).toEqual(['heat']);
    return cluster;
  }
  const cut = (cluster: TestCluster, node: string): void => cluster.isolate(node);
  it('a write needs both', () => {
    const cluster = joint();
    cluster.add('ann', 'ran', { via: 'b1' });
    // Any two of the four would be there, but only one of after.
    cut(cluster, 'a1');
    cut(cluster, 'c2');
    expect(codeOf(() => cluster.add('ann', 'ikiru', { via: 'b1', timeoutMs: 500 }))).not.toBe('none');
    cluster.heal();
    cut(cluster, 'a1');
    cut(cluster, 'c1'); // and only one of before
    expect(codeOf(() => cluster.add('ann', 'ikiru', { via: 'b1', timeoutMs: 500 }))).not.toBe('none');
    cluster.heal();
    cut(cluster, 'a1');
    expect(codeOf(() => cluster.add('ann', 'kagemusha', { via: 'b1' }))).toBe('none');
    expect(cluster.locally('c2', 'ann')).toContain('kagemusha');
  });

  it('a read needs both, and a node that is still given its rows has no vote', () => {
    const cluster = joint();
    expect(cluster.list('ann', { via: 'b1' })).toEqual(['heat']);
    cut(cluster, 'a1');
    // {b1, c1} are a quorum of before; of after there is b1 alone, since c2 does not count yet.
    expect(codeOf(() => cluster.list('ann', { via: 'b1', timeoutMs: 500 }))).not.toBe('none');
    cluster.heal();
    cluster.advance(20_000);
    expect(cluster.membership.epoch).toBe(2); // nothing ends the change before it holds its rows
    cluster.network.release();
    settle(cluster);
    expect(cluster.membership.epoch).toBe(3);
    cut(cluster, 'a1');
    expect(cluster.list('ann', { via: 'b1' })).toEqual(['heat']);
    expect(cluster.list('ann', { via: 'c2' })).toEqual(['heat']);
  });

  it('a reader who knows nothing of the change does not miss what was written after it (F18)', () => {
    const cluster = changedBehindTheBackOf('a1', 6);
    // {a1, b1} and {a1, c1} are quorums of epoch 1: b1 has left it, and c1, too.
    const code = codeOf(() => cluster.list('ann', { via: 'a1', timeoutMs: 800 }));
    expect(code).not.toBe('none');
    cluster.network.release();
    settle(cluster);
    expect(cluster.list('ann', { via: 'a1' })).toEqual(['heat', 'ran']);
    expect(codeOf(() => cluster.list('ann', { via: 'c1' }))).toBe('STORE_NOT_REPLICA');
  });

  it('a read that hears of the change on its way begins anew, and does not go on with the replicas of before', () => {
    const cluster = changedBehindTheBackOf('a1', 8);
    // It asks b1, which refuses, learns the epoch from it, and might now ask c1 in that epoch: which has nothing of the write.
    cluster.network.hold = null;
    expect(cluster.list('ann', { via: 'a1' })).toEqual(['heat', 'ran']);
  });

  it('what a replica began to store before the change, and ended after it, is no acknowledgement', () => {
    const cluster = testCluster({ seed: 7 });
    cluster.add('ann', 'heat', { via: 'a1' });
    cluster.advance(2_000);
    const { delta } = cluster.run(cluster.node('a1').prepare({ table: 'favorites', row: 'ann', item: 'ran', operation: { kind: 'add', value: new Uint8Array(0) }, level: 'QUORUM' }, cluster.context()));
    const outcomes: string[] = [];
    const { node } = cluster.memberOf('b1');
    // The record of the new epoch is on its way to disk, and the write right behind it.
    const membership = cluster.node(node).members.membership!;
    cluster.node(node).members.answer({ kind: 'learn', membership: encodeMembership({ ...membership, epoch: 2 }) }, () => {});
    cluster.node(node).peer({ hlc: 0, epoch: 1, kind: 'apply', table: 'favorites', row: 'ann', delta: delta! }, cluster.context()).subscribe({
      next: ({ kind }) => outcomes.push(kind),
      error: ({ code }: TriptychError) => outcomes.push(code),
    });
    cluster.advance(50);
    expect(outcomes).toEqual(['STORE_EPOCH_OLD']);
  });
});

describe('[M17] an epoch never forks, and no proposer holds it up', () => {
  it('whenever the proposer dies, the others go on: with its change or without it', { timeout: 30_000 }, () => {
    const outcomes = new Set<string>();
    for (let step = 1; step <= 25; step += 2) {
      const cluster = testCluster({ seed: 20 + step });
      cluster.advance(2_000);
      const change = joinOf(cluster, 'b');
      const watched = new Set(['promise', 'accept', 'vote', 'learn', 'learnt']);
      let delivered = 0;
      cluster.network.onDelivery = ({ kind }) => {
        if (watched.has(kind)) delivered++;
      };
      cluster.beginChange(change, { via: 'a1' });
      cluster.clock.runUntil(() => delivered >= step, 5_000);
      cluster.network.onDelivery = null;
      cluster.crash('a1');
      cluster.advance(15_000);
      expectNoFork(cluster);
      const { epoch } = cluster.membership;
      outcomes.add(epoch === 1 ? 'never came about' : 'was carried on with');
      if (epoch === 1) {
        const answer = cluster.beginChange(change, { via: 'c1', timeoutMs: 5_000 });
        cluster.clock.runUntil(() => answer() !== null, 10_000);
        // What the dead one left may turn up now, and is then the first of the two.
        expect(reasonOf(answer())).toMatch(/^ok$|another change came first: b2 joins|is a member already/);
      }
      cluster.start('a1');
      settle(cluster);
      expect(cluster.membership.members.map(({ node }) => node)).toEqual(['a1', 'b1', 'b2', 'c1']);
      expectNoFork(cluster);
    }
    expect(outcomes).toEqual(new Set(['never came about', 'was carried on with']));
  });

  it('of two administrators at once one is told that the other came first', { timeout: 30_000 }, () => {
    for (let seed = 1; seed <= 4; seed++) {
      const cluster = testCluster({ seed, nodesPerZone: 2 });
      cluster.advance(2_000);
      cluster.network.quality = { latencyMs: [0.2, 30], loss: 0.1, duplication: 0.1 };
      const [left, right] = [cluster.beginChange({ kind: 'weigh', node: nodeId('b2'), weight: 2 }, { via: 'a1' }), cluster.beginChange({ kind: 'weigh', node: nodeId('c2'), weight: 2 }, { via: 'c1' })];
      cluster.clock.runUntil(() => left() !== null && right() !== null, 30_000);
      const reasons = [reasonOf(left()), reasonOf(right())];
      expect(reasons.filter((reason) => reason === 'ok')).toHaveLength(1);
      expect(reasons.find((reason) => reason !== 'ok')).toMatch(/another change came first: [bc]2 gets weight 2|under way|not known to have left/);
      cluster.network.quality = { latencyMs: [0.2, 1], loss: 0, duplication: 0 };
      settle(cluster);
      expect(cluster.membership.history).toHaveLength(2);
      expectNoFork(cluster);
    }
  });

  it('the smaller part of a cut cluster changes nothing, the larger one does, and they agree when they meet', () => {
    const cluster = testCluster({ seed: 31, nodesPerZone: 2 });
    cluster.advance(2_000);
    const cutOff = ['c1', 'c2'];
    for (const one of cutOff) for (const other of cluster.nodes) if (!cutOff.includes(other)) [one, other].forEach((from, i, pair) => cluster.network.cut(from, pair[1 - i]!));
    const refused = cluster.beginChange({ kind: 'weigh', node: nodeId('c2'), weight: 2 }, { via: 'c1', timeoutMs: 5_000 });
    const accepted = cluster.beginChange({ kind: 'weigh', node: nodeId('a2'), weight: 2 }, { via: 'a1', timeoutMs: 5_000 });
    cluster.clock.runUntil(() => refused() !== null && accepted() !== null, 20_000);
    expect(reasonOf(refused())).toMatch(/no majority of the members agreed in time|not known to have left/);
    cluster.heal();
    cluster.advance(3_000);
    const again = reasonOf(accepted()) === 'ok' ? accepted : cluster.beginChange({ kind: 'weigh', node: nodeId('a2'), weight: 2 }, { via: 'a1' });
    cluster.clock.runUntil(() => again() !== null, 20_000);
    expect(reasonOf(again())).toBe('ok');
    settle(cluster);
    expect(cluster.membership.history.map(({ what }) => what).slice(1)).toEqual(['a2 gets weight 2']);
    expectNoFork(cluster);
  });

  it('a node that lost its disk casts no vote before all others have said that they have none', () => {
    const cluster = testCluster({ seed: 33 });
    cluster.advance(2_000);
    cluster.crash('c1');
    cluster.loseDisk('a1');
    cluster.start('a1');
    cluster.advance(10_000);
    expect(cluster.node('a1').members.status().isInDoubt).toBe(true);
    cluster.restart('a1'); // and a restart does not make it forget that it forgot
    cluster.advance(10_000);
    expect(cluster.node('a1').members.status().isInDoubt).toBe(true);
    const b2 = cluster.newNode('b');
    const join: MemberChange = { kind: 'join', member: cluster.memberOf(b2) };
    const answer = cluster.beginChange(join, { via: 'b1', timeoutMs: 3_000 });
    cluster.clock.runUntil(() => answer() !== null, 10_000);
    expect(reasonOf(answer())).toMatch(/a1 may have forgotten its vote|not known to have left/);
    cluster.start('c1');
    cluster.advance(15_000);
    cluster.changeMembers(join, { via: 'b1' });
    cluster.advance(5_000);
    expect(cluster.node('a1').members.status().isInDoubt).toBe(false);
  });
});

describe('[M18] one change at a time', () => {
  it('the next one waits until every member has left this one, and says who has not', () => {
    const cluster = testCluster({ seed: 41, nodesPerZone: 2 });
    cluster.advance(2_000);
    cluster.crash('c1');
    cluster.changeMembers({ kind: 'weigh', node: nodeId('a2'), weight: 2 }, { via: 'a1' });
    const next: MemberChange = { kind: 'weigh', node: nodeId('b2'), weight: 2 };
    expect(() => cluster.changeMembers(next, { via: 'a1' })).toThrow('c1 is not known to have left the change before (epoch 3)');
    // A node that the change takes out is not waited for.
    cluster.changeMembers(leaveOf('c1'), { via: 'a1' });
    cluster.discard('c1');
    cluster.changeMembers(next, { via: 'a1' });
    expect(cluster.membership.epoch).toBe(7);
  });

  it('one that cannot be ended can be called off, and all is as before', () => {
    const cluster = testCluster({ seed: 42, nodesPerZone: 2 });
    const devices = new Devices(cluster, 42);
    for (let i = 0; i < 30; i++) devices.step();
    cluster.advance(2_000);
    const b3 = cluster.newNode('b');
    cluster.network.hold = ({ kind, isReply }) => kind === 'slots' && !isReply;
    const answer = cluster.beginChange({ kind: 'join', member: cluster.memberOf(b3) });
    cluster.clock.runUntil(() => answer() !== null, 10_000);
    cluster.discard(b3);
    cluster.network.release();
    for (let i = 0; i < 20; i++) devices.step();
    expect(cluster.membership.next).not.toBe(null);
    expect(() => cluster.changeMembers(leaveOf('a1'))).toThrow('a change is under way since epoch 2 (b3 joins zone-b with weight 1)');
    let cancelled: ChangeAnswer | null = null;
    cluster.node('a1').members.cancelChange(10_000, (given) => (cancelled = given));
    cluster.clock.runUntil(() => cancelled !== null && cluster.isSettled, 30_000);
    expect(reasonOf(cancelled)).toBe('ok');
    expect(cluster.membership.members.map(({ node }) => node)).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2']);
    expect(cluster.membership.history.at(-1)).toMatchObject({ what: 'b3 joins zone-b with weight 1', outcome: 'cancelled' });
    devices.readAll();
    cluster.addNode('b');
    devices.readAll();
  });

  it('a node that was given rows, lost them by a cancelled change and is given them again does not trust what it has', () => {
    const cluster = testCluster({ seed: 43, nodesPerZone: 2 });
    const devices = new Devices(cluster, 43);
    for (let i = 0; i < 30; i++) devices.step();
    cluster.changeMembers({ kind: 'weigh', node: nodeId('b2'), weight: 0 });
    for (let i = 0; i < 60; i++) devices.step();
    cluster.changeMembers({ kind: 'weigh', node: nodeId('b2'), weight: 1 });
    expect(cluster.node('b2').stats().slotSync.rowsPulled).toBeGreaterThan(0);
    devices.readAll();
    for (let i = 0; i < 60; i++) devices.step();
    expect(devices.failures).toEqual([]);
  });
});

describe('[M19] an outage alone moves nothing', () => {
  it('a node that is away for a quarter of an hour stays a member, and nobody takes its rows', { timeout: 30_000 }, () => {
    const cluster = testCluster({ seed: 51, nodesPerZone: 2 });
    const devices = new Devices(cluster, 51);
    for (let i = 0; i < 30; i++) devices.step();
    cluster.crash('b2');
    cluster.advance(900_000);
    expect(cluster.membership.epoch).toBe(1);
    expect(cluster.membership.history).toHaveLength(1);
    for (const name of ['a1', 'a2', 'b1', 'c1', 'c2']) expect(cluster.node(name).stats().slotSync).toMatchObject({ syncedSlots: 0, rowsPulled: 0 });
    cluster.start('b2');
    cluster.advance(5_000);
    devices.readAll();
    expect(devices.failures).toEqual([]);
  });
});

describe('[M20] the history', () => {
  it('survives the power loss of all nodes', () => {
    const cluster = testCluster({ seed: 61, nodesPerZone: 2 });
    cluster.advance(1_000);
    cluster.setWeight('b2', 2);
    cluster.setWeight('b2', 1);
    const { history, epoch } = cluster.membership;
    for (const name of cluster.nodes) cluster.powerLoss(name);
    for (const name of cluster.nodes) cluster.start(name);
    cluster.advance(5_000);
    expect(cluster.membership).toMatchObject({ epoch, history });
    expect(history.map(({ what, by }) => `${by}: ${what}`)).toEqual(['configuration: founded with a1, a2, b1, b2, c1, c2', 'test: b2 gets weight 2', 'test: b2 gets weight 1']);
    expectNoFork(cluster);
  });
});
