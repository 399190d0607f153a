/** Writes that other nodes stand in for: three zones of two nodes, N = 3, so that three nodes are no replicas of a row. */
import { describe, expect, it } from 'vitest';
import type { CommitReply, ConsistencyLevel } from '@app/contracts';
import { decodeSeen } from '../core/causality/seen-row.js';
import { codeOf } from '../testing/code-of.js';
import { addOf, favorites, type Pending } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';
import { HINT_SETTINGS } from './hinted-handoff.js';

const SLOPPY = { name: 'favorites', siblings: 'earliest' as const, maxItemsPerRow: 100, sloppy: true };
const NO_ROOM = { ...HINT_SETTINGS, maxBytes: 0, maxBytesPerTarget: 0 };

interface Scene {
  readonly cluster: TestCluster;
  /** Of ann's row, the coordinator first; and the others. */
  readonly replicas: readonly string[];
  readonly spares: readonly string[];
}

function scene(settings: object = { tables: [SLOPPY] }): Scene {
  const cluster = testCluster({ nodesPerZone: 2, settings });
  const replicas = cluster.replicasOf('ann');
  return { cluster, replicas, spares: cluster.nodes.filter((name) => !replicas.includes(name)) };
}

const ended = <T>(cluster: TestCluster, operation: Pending<T>): T => {
  expect(cluster.clock.runUntil(() => operation.state !== 'waiting', 60_000)).toBe(true);
  return operation.result;
};

function add({ cluster, replicas: [via] }: Scene, level: ConsistencyLevel, film = 'x'): CommitReply {
  const { delta, seen } = ended(cluster, cluster.prepare('ann', film, addOf(), { via: via!, level }));
  return cluster.run(cluster.node(via!).commit({ ...favorites('ann'), delta: delta!, seen, level }, cluster.context(1_000)));
}

describe('[L6] a sloppy quorum', () => {
  it('takes the next healthy node for a replica that is down, says so, and hands over when that is back', () => {
    const here = scene();
    const { cluster, replicas } = here;
    for (const name of replicas.slice(1)) cluster.crash(name);
    const { achieved, seen } = add(here, 'QUORUM');
    expect(achieved).toMatchObject({ level: 'QUORUM', replicas: [replicas[0]], sloppy: true });
    expect(decodeSeen(seen).isOnQuorum).toBe(false);
    // The one that has it dies for good; the others come back.
    cluster.crash(replicas[0]!);
    for (const name of replicas.slice(1)) cluster.start(name);
    cluster.advance(15_000);
    expect(cluster.list('ann', { via: replicas[1]! })).toEqual(['x']);
  });

  it('is not needed, and not used, while enough replicas answer', () => {
    const here = scene();
    here.cluster.crash(here.replicas[2]!);
    expect(add(here, 'QUORUM').achieved).toMatchObject({ sloppy: false });
    here.cluster.advance(1_000);
    expect(here.cluster.nodes.filter((name) => here.cluster.isUp(name) && here.cluster.node(name).stats().asked.keep > 1)).toEqual([]);
  });

  it('stands in for a replica that says nothing, well before the deadline; its own answer still counts as such', () => {
    const here = scene();
    const { cluster, replicas } = here;
    for (const name of replicas.slice(1)) cluster.isolate(name);
    const startMs = cluster.clock.monotonicMs();
    const prepared = ended(cluster, cluster.prepare('ann', 'x', addOf(), { via: replicas[0]!, level: 'QUORUM' }));
    const committed = cluster.commit('ann', prepared.delta!, { via: replicas[0]!, timeoutMs: 1_000 });
    expect(ended(cluster, committed)).toMatchObject({ achieved: { sloppy: true } });
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThan(150);

    const late = scene();
    late.cluster.network.hold = ({ kind, isReply }) => kind === 'apply' && !isReply;
    late.cluster.clock.after(50, () => late.cluster.network.release());
    expect(add(late, 'QUORUM').achieved).toMatchObject({ sloppy: false });
  });

  it('asks the next one where a stand-in cannot, and is uncertain where none can', () => {
    const here = scene();
    const { cluster, replicas, spares } = here;
    for (const name of replicas.slice(1)) cluster.crash(name);
    cluster.isolate(spares[0]!);
    const { delta } = ended(cluster, cluster.prepare('ann', 'x', addOf(), { via: replicas[0]! }));
    for (const name of spares.slice(1)) cluster.fillDisk(name);
    const failed = cluster.commit('ann', delta!, { via: replicas[0]!, timeoutMs: 400 });
    cluster.clock.runUntil(() => failed.state !== 'waiting', 1_000);
    expect(failed.error).toMatchObject({ applied: 'unknown' });
    for (const name of spares.slice(1)) cluster.freeDisk(name);
  });

  it.each(['SESSION', 'ALL', 'LINEARIZABLE'] as const)('[F17] counts for nothing at %s', (level) => {
    const here = scene();
    for (const name of here.replicas.slice(1)) here.cluster.crash(name);
    expect(codeOf(() => add(here, level))).toBe('STORE_QUORUM_UNAVAILABLE');
  });

  it('[F17] counts for nothing in a table that does not allow it, where ANY is refused', () => {
    const here = scene({});
    for (const name of here.replicas.slice(1)) here.cluster.crash(name);
    expect(codeOf(() => add(here, 'QUORUM'))).toBe('STORE_QUORUM_UNAVAILABLE');
    expect(codeOf(() => add(here, 'ANY'))).toBe('LEVEL_NOT_ALLOWED');
    expect(add(here, 'ONE').achieved).toMatchObject({ sloppy: false });
  });

  it('refuses new hints over the budget rather than drop one that counted', () => {
    const here = scene({ tables: [SLOPPY], hints: NO_ROOM });
    for (const name of here.replicas.slice(1)) here.cluster.crash(name);
    expect(codeOf(() => add(here, 'QUORUM'))).toBe('STORE_WRITE_UNCERTAIN');

    const small = scene({ tables: [SLOPPY], hints: { ...HINT_SETTINGS, maxBytes: 2_000, maxBytesPerTarget: 1_000 } });
    const { cluster, replicas, spares } = small;
    for (const name of replicas.slice(1)) cluster.crash(name);
    const acknowledged: string[] = [];
    for (let film = 0; film < 40; film++) if (codeOf(() => add(small, 'QUORUM', `film-${film}`)) === 'none') acknowledged.push(`film-${film}`);
    expect(acknowledged.length).toBeGreaterThan(3);
    expect(acknowledged.length).toBeLessThan(40);
    // Stand-ins die and come back, the replica that took them all is gone: what counted is still there.
    cluster.crash(replicas[0]!);
    for (const name of spares) cluster.restart(name);
    for (const name of replicas.slice(1)) cluster.start(name);
    cluster.advance(30_000);
    expect(cluster.list('ann', { via: replicas[1]! })).toEqual(expect.arrayContaining(acknowledged));
  });

  it('acknowledges for a stand-in only once the hint is on its disk', () => {
    const here = scene();
    const { cluster, replicas, spares } = here;
    for (const name of replicas.slice(1)) cluster.crash(name);
    for (const name of spares) cluster.disk(name).stall();
    const { delta } = ended(cluster, cluster.prepare('ann', 'x', addOf(), { via: replicas[0]! }));
    const first = cluster.commit('ann', delta!, { via: replicas[0]!, timeoutMs: 900 });
    cluster.advance(50);
    const again = cluster.commit('ann', delta!, { via: replicas[0]!, timeoutMs: 900 });
    cluster.advance(300);
    expect([first.state, again.state]).toEqual(['waiting', 'waiting']);
    for (const name of spares) cluster.disk(name).resume();
    expect([ended(cluster, first), ended(cluster, again)]).toMatchObject([{ achieved: { sloppy: true } }, { achieved: { sloppy: true } }]);
  });
});

describe('[L7] ANY', () => {
  it('is kept by a node that is no replica, where none of them is left to take it, and reaches them all', () => {
    const { cluster, replicas, spares } = scene();
    const { delta, seen } = ended(cluster, cluster.prepare('ann', 'x', addOf(), { via: replicas[0]!, level: 'ANY' }));
    for (const name of replicas) cluster.crash(name);
    const [spare] = spares;
    const commit = (level: ConsistencyLevel): CommitReply =>
      cluster.run(cluster.node(spare!).commit({ ...favorites('ann'), delta: delta!, seen, level }, cluster.context(500)));
    expect(codeOf(() => commit('ONE'))).toBe('STORE_NOT_REPLICA');
    expect(commit('ANY').achieved).toMatchObject({ level: 'ANY', node: spare, replicas: [], sloppy: true });
    for (const name of replicas) cluster.start(name);
    cluster.advance(15_000);
    for (const name of replicas) expect(cluster.locally(name, 'ann')).toEqual(['x']);
  });

  it('is at least what ONE is where a replica takes it', () => {
    const here = scene();
    expect(add(here, 'ANY').achieved).toMatchObject({ level: 'ANY', sloppy: false });
  });

  it('does not mint at a node that is no replica: such a write cannot be prepared', () => {
    const { cluster, spares } = scene();
    expect(cluster.prepare('ann', 'x', addOf(), { via: spares[0]!, level: 'ANY' }).error).toMatchObject({ code: 'STORE_NOT_REPLICA' });
  });
});
