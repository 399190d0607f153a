/**
 * Ring membership (Dynamo, SOSP 2007, 4.8.1 and 4.8.2; Olety, DynamoDB: An Inside Look Into NoSQL, part 7): explicit, persisted, spread by
 * gossip; and seeds. And incremental scalability (Dynamo, 2.3): one node at a time, under load.
 */
import { describe, expect, it } from 'vitest';
import { nodeId } from '@app/contracts';
import { tokenOf, TokenRing } from '@app/store';
import { codeOf, testCluster, type TestCluster } from '@app/store/testing';
import { areEqual, users } from './schedule.js';

const membersKnownTo = (cluster: TestCluster, name: string): string[] => cluster.node(name).members.membership!.members.map(({ node }) => node);

/** Nodes that hold anything of each of these lists. */
const holders = (cluster: TestCluster, rows: readonly string[]): string[][] =>
  rows.map((user) => cluster.nodes.filter((name) => cluster.isUp(name) && cluster.locally(name, user).length > 0));

describe('ring membership (Dynamo, 4.8.1)', () => {
  it('"an administrator uses a tool to issue a membership change"; "the membership changes form a history because nodes can be removed and added back multiple times", persisted with the time: it survives a restart of all', () => {
    const cluster = testCluster();
    expect(cluster.addNode('b')).toBe('b2');
    cluster.removeNode('b2');
    cluster.setWeight('c1', 2);
    const history = cluster.membership.history;
    expect(history.map(({ what, outcome }) => [what, outcome])).toEqual([
      [expect.stringContaining('a1, b1, c1'), 'done'],
      [expect.stringContaining('b2 joins'), 'done'],
      [expect.stringContaining('b2'), 'done'],
      [expect.stringContaining('c1'), 'done'],
    ]);
    for (const { beganAtMs, by } of history.slice(1)) {
      expect(beganAtMs).toBeGreaterThan(cluster.clock.epochMs);
      expect(by).toBe('test');
    }
    for (const name of cluster.nodes) cluster.powerLoss(name);
    for (const name of cluster.nodes) cluster.start(name);
    cluster.advance(2_000);
    for (const name of cluster.nodes) expect(cluster.node(name).members.membership).toEqual(cluster.membership);
    expect(cluster.membership.history).toEqual(history);
  });

  it('"a node outage rarely signifies a permanent departure and therefore should not result in rebalancing of the partition assignment": five minutes without a node move nothing', () => {
    const cluster = testCluster({ nodesPerZone: 2 });
    const rows = users(20);
    for (const user of rows) cluster.add(user, 'x');
    cluster.advance(1_000);
    const [before, epoch] = [holders(cluster, rows), cluster.membership.epoch];
    cluster.crash('b1');
    cluster.advance(300_000);
    expect(holders(cluster, rows)).toEqual(before.map((names) => names.filter((name) => name !== 'b1')));
    expect(cluster.membership.epoch).toBe(epoch);
    cluster.start('b1');
    cluster.advance(2_000);
    expect(holders(cluster, rows)).toEqual(before);
  });

  it('"each node contacts a peer chosen at random every second"', () => {
    const cluster = testCluster({ nodesPerZone: 2 });
    cluster.advance(2_000);
    const peers = new Map<string, Set<string>>();
    const gossiped = (): number => cluster.nodes.reduce((sum, name) => sum + cluster.node(name).stats().asked.gossip, 0);
    cluster.network.onDelivery = ({ from, to, kind, isReply }) => void (kind === 'gossip' && !isReply && peers.set(from, (peers.get(from) ?? new Set()).add(to)));
    const before = gossiped();
    cluster.advance(60_000);
    cluster.network.onDelivery = null;
    expect((gossiped() - before) / (6 * 60)).toBeCloseTo(1, 1);
    for (const name of cluster.nodes) expect([...peers.get(name)!].sort()).toEqual(cluster.nodes.filter((other) => other !== name));
  });

  it('"partitioning and placement information also propagates via the gossip-based protocol": a node that was away for a change places all rows as the others do soon after it is back, with a third of all messages lost', () => {
    const cluster = testCluster({ seed: 2, nodesPerZone: 2 });
    cluster.advance(10_000);
    cluster.crash('a1');
    cluster.addNode('c');
    cluster.network.quality = { latencyMs: [0.2, 1], loss: 0.3, duplication: 0 };
    cluster.start('a1');
    expect(cluster.clock.runUntil(() => membersKnownTo(cluster, 'a1').includes('c3') && cluster.isSettled, 60_000)).toBe(true);
    const { members, replicationFactor } = cluster.node('a1').ring();
    const seen = new TokenRing(members, replicationFactor);
    for (const user of users(100)) expect(seen.replicas(tokenOf('favorites', user)).map(({ node }) => node)).toEqual(cluster.replicasOf(user));
  });

  it('"an administrator could contact node A to join A to the ring, then contact node B to join B to the ring; nodes A and B would each consider itself a member, yet neither would be immediately aware of the other": not here, since a majority decides each epoch, one after the other', () => {
    const cluster = testCluster();
    const [a, b] = [cluster.newNode('a'), cluster.newNode('b')];
    // A and B cannot hear each other, and are asked for through different members at once.
    cluster.network.cut(a, b);
    cluster.network.cut(b, a);
    const answers = [
      cluster.beginChange({ kind: 'join', member: cluster.memberOf(a) }, { via: 'a1' }),
      cluster.beginChange({ kind: 'join', member: cluster.memberOf(b) }, { via: 'c1' }),
    ];
    cluster.clock.runUntil(() => answers.every((answer) => answer() !== null), 60_000);
    const [begun, refused] = answers.map((answer) => answer()!).sort((one, other) => Number(other.ok) - Number(one.ok)) as [{ ok: boolean }, { ok: boolean; reason?: string }];
    expect([begun.ok, refused.ok]).toEqual([true, false]);
    expect(refused.reason).toMatch(/under way|another|epoch/);
    cluster.heal();
    expect(cluster.clock.runUntil(() => cluster.isSettled && cluster.membership.epoch > 1, 60_000)).toBe(true);
    const second = membersKnownTo(cluster, 'a1').includes(a) ? b : a;
    cluster.changeMembers({ kind: 'join', member: cluster.memberOf(second) });
    for (const name of cluster.nodes) expect(membersKnownTo(cluster, name)).toEqual([a, b, 'a1', 'b1', 'c1'].map(nodeId).sort());
  });
});

describe('incremental scalability (Dynamo, 2.3)', () => {
  it('"scale out one storage host at a time, with minimal impact on both operators of the system and the system itself": 3 to 6 nodes while devices add and read; none is refused, nothing is lost', () => {
    const cluster = testCluster({ seed: 6 });
    const rows = users(12);
    const films = new Map<string, string[]>(rows.map((user) => [user, []]));
    let number = 0;
    let refused = 0;
    const use = (): void => {
      const user = rows[number % rows.length]!;
      const film = `film-${number++}`;
      if (codeOf(() => cluster.add(user, film)) === 'none') films.get(user)!.push(film);
      else refused++;
      if (codeOf(() => expect(cluster.list(user)).toEqual(films.get(user))) !== 'none') refused++;
    };
    for (const zone of ['a', 'b', 'c']) {
      const node = cluster.newNode(zone);
      const answer = cluster.beginChange({ kind: 'join', member: cluster.memberOf(node) });
      while (!(answer() !== null && cluster.isSettled && cluster.membership.members.some((member) => member.node === node))) {
        use();
        cluster.advance(100);
        expect(number).toBeLessThan(2_000);
      }
    }
    expect(refused).toBe(0);
    cluster.advance(20_000);
    expect(areEqual(cluster, rows)).toBe(true);
    for (const user of rows) for (const name of cluster.replicasOf(user)) expect(cluster.locally(name, user)).toEqual(films.get(user));
    const copies = cluster.nodes.map((name) => rows.filter((user) => cluster.replicasOf(user).includes(name)).length);
    expect(copies.reduce((sum, each) => sum + each, 0)).toBe(3 * rows.length);
    expect(Math.min(...copies)).toBeGreaterThan(0);
  });
});
