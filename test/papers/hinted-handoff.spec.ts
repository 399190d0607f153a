/**
 * Hinted handoff (Dynamo, SOSP 2007, 4.6; "if a node goes offline, hinted handoff completes the write when the node comes
 * back up", Adrian Cockcroft, High Anxiety Availability, 2012). In Dynamo a hint is kept by the node that stood in, and counts
 * as a write; here, unless a table asks for a sloppy quorum, the coordinator keeps it, and it counts towards no level.
 */
import { describe, expect, it } from 'vitest';
import type { CommitReply } from '@app/contracts';
import { TABLES } from '@app/store';
import { codeOf, testCluster, type TestCluster } from '@app/store/testing';
import { areEqual, ended, nodesIn, preparedAdd, users } from './schedule.js';

const WRITES = 240;

const hintsWaiting = (cluster: TestCluster): number =>
  cluster.nodes.filter((name) => cluster.isUp(name)).reduce((sum, name) => sum + cluster.node(name).stats().hints.waitingCount, 0);

/** Keeps replicas from repairing each other, so that what arrives came with a hint. */
function hintsOnly(cluster: TestCluster): void {
  cluster.network.hold = ({ kind }) => kind === 'tree' || kind === 'leaves' || kind === 'pull' || kind === 'push';
}

/** Writes to many lists, each through a replica that is up. */
function writeMuch(cluster: TestCluster, rows: readonly string[]): void {
  for (let i = 0; i < WRITES; i++) cluster.add(rows[i % rows.length]!, `film-${i}`);
}

function expectAllDelivered(cluster: TestCluster, rows: readonly string[]): void {
  expect(cluster.clock.runUntil(() => hintsWaiting(cluster) === 0, 60_000)).toBe(true);
  cluster.advance(20);
  for (const [i, row] of rows.entries()) {
    for (const name of cluster.replicasOf(row)) expect(cluster.locally(name, row)).toHaveLength(WRITES / rows.length);
    expect(cluster.locally(cluster.replicasOf(row)[0]!, row)).toContain(`film-${i}`);
  }
  expect(areEqual(cluster, rows)).toBe(true);
}

const SLOPPY = TABLES.map((table) => ({ ...table, sloppy: true }));

/** A list in a table that asks for a sloppy quorum, and its replicas: A is the one that will be away, and so will C. */
function sloppyCluster(): { cluster: TestCluster; via: string; away: readonly string[] } {
  const cluster = testCluster({ nodesPerZone: 2, settings: { tables: SLOPPY } });
  const [via, ...away] = cluster.replicasOf('ann') as [string, ...string[]];
  for (const name of away) cluster.crash(name);
  return { cluster, via, away };
}

describe('sloppy quorum (Dynamo, 4.6)', () => {
  it('"all read and write operations are performed on the first N healthy nodes from the preference list, which may not always be the first N nodes": D takes what A cannot, and the answer says so; in a table that asks for it, and while too few replicas answer', () => {
    const { cluster, via, away } = sloppyCluster();
    const { delta } = preparedAdd(cluster, 'ann', 'x', { via });
    const { achieved } = ended(cluster, cluster.commit('ann', delta, { via })) as CommitReply;
    expect(achieved).toMatchObject({ level: 'QUORUM', sloppy: true, replicas: [via] });
    const standIns = cluster.nodes.filter((name) => cluster.isUp(name) && name !== via && cluster.node(name).stats().hints.waitingCount > 0);
    expect(standIns.length).toBeGreaterThan(0);
    expect(cluster.replicasOf('ann')).not.toContain(standIns[0]);
    expect(cluster.locally(standIns[0]!, 'ann')).toEqual([]); // "in a separate local database"
    // "The replica sent to D will have a hint in its metadata that suggests which node was the intended recipient (A)".
    expect(away).toContain(Object.keys(cluster.node(standIns[0]!).stats().hints.targets)[0]);
  });

  it('"upon detecting that A has recovered, D will attempt to deliver the replica to A; once the transfer succeeds, D may delete the object": with the coordinator gone for good, what D keeps is enough', () => {
    const { cluster, via, away } = sloppyCluster();
    cluster.add('ann', 'x', { via });
    cluster.crash(via);
    for (const name of away) cluster.start(name);
    expect(cluster.clock.runUntil(() => away.every((name) => cluster.locally(name, 'ann').length === 1) && hintsWaiting(cluster) === 0, 30_000)).toBe(true);
    expect(cluster.list('ann', { via: away[0]! })).toEqual(['x']);
  });

  it('here such acknowledgements keep no promise: a quorum read may miss the write until it is handed over, and a table that does not ask for them refuses instead', () => {
    const { cluster, via, away } = sloppyCluster();
    cluster.add('ann', 'x', { via });
    cluster.crash(via);
    cluster.network.hold = ({ kind }) => ['apply', 'tree', 'leaves', 'pull', 'push'].includes(kind);
    for (const name of away) cluster.start(name);
    cluster.advance(1_000);
    expect(cluster.list('ann', { via: away[0]! })).toEqual([]);
    const strict = testCluster({ nodesPerZone: 2 });
    for (const name of strict.replicasOf('ann').slice(1)) strict.crash(name);
    expect(codeOf(() => strict.add('ann', 'x'))).toBe('STORE_QUORUM_UNAVAILABLE');
  });

  it('ANY: "always writeable" though every replica is away, as long as one node of the cluster is up to keep the hint', () => {
    const { cluster, via, away } = sloppyCluster();
    const { delta } = preparedAdd(cluster, 'ann', 'x', { via, level: 'ANY' });
    cluster.crash(via);
    const other = cluster.nodes.find((name) => cluster.isUp(name))!;
    const { achieved } = ended(cluster, cluster.commit('ann', delta, { via: other, level: 'ANY' })) as CommitReply;
    expect(achieved).toMatchObject({ level: 'ANY', replicas: [], sloppy: true });
    for (const name of [via, ...away]) cluster.start(name);
    expect(cluster.clock.runUntil(() => cluster.replicasOf('ann').every((name) => cluster.locally(name, 'ann').length === 1), 30_000)).toBe(true);
  });
});

describe('hinted handoff (Dynamo, 4.6)', () => {
  it('"if a node goes offline, hinted handoff completes the write when the node comes back up": all of 240 writes delivered, no hint left, three copies again', () => {
    const cluster = testCluster();
    const rows = users(8);
    cluster.crash('a1');
    writeMuch(cluster, rows);
    cluster.advance(100);
    expect(hintsWaiting(cluster)).toBe(WRITES);
    hintsOnly(cluster);
    cluster.start('a1');
    expectAllDelivered(cluster, rows);
  });

  it('a whole zone offline: the same for all its nodes', () => {
    const cluster = testCluster({ nodesPerZone: 2 });
    const rows = users(8);
    for (const name of nodesIn(cluster, 'c')) cluster.crash(name);
    writeMuch(cluster, rows);
    cluster.advance(100);
    hintsOnly(cluster);
    for (const name of nodesIn(cluster, 'c')) cluster.start(name);
    expectAllDelivered(cluster, rows);
  });

  it('"the hinted replicas are stored in a separate local database that is scanned periodically": they survive the restart and the power loss of who keeps them', () => {
    const cluster = testCluster();
    const rows = users(8);
    cluster.crash('a1');
    writeMuch(cluster, rows);
    cluster.advance(100);
    cluster.powerLoss('b1');
    cluster.start('b1');
    cluster.restart('c1');
    cluster.advance(200);
    expect(hintsWaiting(cluster)).toBe(WRITES);
    hintsOnly(cluster);
    cluster.start('a1');
    expectAllDelivered(cluster, rows);
  });

  it('"hinted replicas become unavailable before they can be returned to the original replica node": whoever keeps them is gone, and anti-entropy brings what they would have', () => {
    const cluster = testCluster({ nodesPerZone: 2 });
    const row = users(20).find((user) => cluster.replicasOf(user).includes('a1'))!;
    const [, keeper, other] = ['a1', ...cluster.replicasOf(row).filter((name) => name !== 'a1')] as [string, string, string];
    cluster.crash('a1');
    for (let i = 0; i < 20; i++) cluster.add(row, `film-${i}`, { via: keeper });
    cluster.advance(100);
    cluster.crash(keeper);
    cluster.start('a1');
    expect(cluster.clock.runUntil(() => cluster.digestAt('a1', row) === cluster.digestAt(other, row), 30_000)).toBe(true);
    expect(cluster.locally('a1', row)).toHaveLength(20);
  });

  it('a hint counts towards no level: with two of three copies away an add at QUORUM is refused, whoever could keep hints', () => {
    const cluster = testCluster({ nodesPerZone: 2 });
    const [first, ...others] = cluster.replicasOf('ann') as [string, string, string];
    for (const name of others) cluster.crash(name);
    expect(codeOf(() => cluster.add('ann', 'x', { via: first }))).toBe('STORE_QUORUM_UNAVAILABLE');
    expect(codeOf(() => cluster.add('ann', 'y', { via: first, level: 'ONE' }))).toBe('none');
  });

  it('a hint is delivered however late, and undoes nothing: the film it adds was removed a month ago', () => {
    const cluster = testCluster();
    cluster.crash('c1');
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.crash('a1');
    cluster.start('c1');
    cluster.remove('ann', 'x', { via: 'b1' });
    for (const name of ['b1', 'c1']) cluster.crash(name);
    cluster.advance(30 * 24 * 3_600_000);
    for (const name of cluster.nodes) cluster.start(name);
    cluster.advance(30_000);
    expect(hintsWaiting(cluster)).toBe(0);
    for (const name of cluster.nodes) expect(cluster.locally(name, 'ann')).toEqual([]);
  });
});
