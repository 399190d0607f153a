/**
 * "Setting R and W such that R + W > N yields a quorum-like system" (Dynamo, SOSP 2007, 4.5): every pair of levels over one,
 * three and five copies. A device writes through one zone and reads back through another as soon as it was acknowledged: pairs that
 * overlap never miss the write, the others do, and how often is measured. And what else is said of waiting: for the
 * slowest of the quorum, for a "strong read", for convergence.
 */
import { describe, expect, it } from 'vitest';
import type { ConsistencyLevel } from '@app/contracts';
import { replicasRequired } from '@app/store';
import { addOf, favorites, testCluster, type TestCluster } from '@app/store/testing';
import { SeededRandom } from '@app/time';
import { areEqual, convergenceMs, print } from './schedule.js';

const LEVELS = ['ONE', 'TWO', 'QUORUM', 'ALL'] as const satisfies readonly ConsistencyLevel[];
const PAIRS_PER_CELL = 12;

/**
 * Reads that missed the write acknowledged just before them, of PAIRS_PER_CELL; of more where one is looked for and was not met.
 * Each write reaches no more replicas before the read than its level waits for, as it may happen; which these are is drawn anew.
 */
function staleReads(cluster: TestCluster, read: ConsistencyLevel, write: ConsistencyLevel, random: SeededRandom, isLookedFor: boolean): { stale: number; pairs: number } {
  let [stale, pairs] = [0, 0];
  for (; pairs < PAIRS_PER_CELL || (isLookedFor && stale === 0 && pairs < 100); pairs++) {
    const film = `${write}-${read}-${pairs}`;
    const [writer, reader] = [random.pick(cluster.nodes), random.pick(cluster.nodes)];
    const others = cluster.nodes.filter((name) => name !== writer);
    for (let turn = random.below(others.length + 1); turn > 0; turn--) others.push(others.shift()!);
    const late = others.slice(replicasRequired(write, cluster.nodes.length) - 1);
    cluster.network.hold = ({ to, kind }) => kind === 'apply' && late.includes(to);
    cluster.add('ann', film, { via: writer, level: write });
    if (cluster.get('ann', film, { via: reader, level: read }) === null) stale++;
    cluster.network.release();
    cluster.advance(5);
  }
  return { stale, pairs };
}

describe('(N, R, W) (Dynamo, 4.5)', () => {
  it.each([1, 3, 5])('"R + W > N", N = %d: pairs that overlap never miss an acknowledged write, the others do', (copies) => {
    const cluster = testCluster({ zones: ['a', 'b', 'c', 'd', 'e'].slice(0, copies), replicationFactor: copies });
    const random = new SeededRandom(5);
    const table: Record<string, string> = {};
    const levels = LEVELS.filter((level) => replicasRequired(level, copies) <= copies);
    for (const read of levels) {
      for (const write of levels) {
        const cell = `N=${copies} R=${read} W=${write}`;
        const overlaps = replicasRequired(read, copies) + replicasRequired(write, copies) > copies;
        const { stale, pairs } = staleReads(cluster, read, write, random, !overlaps);
        table[cell] = `${stale} of ${pairs} stale`;
        expect(stale > 0, cell).toBe(!overlaps);
      }
    }
    print('stale reads', table);
  });

  it('"the latency of a get (or put) operation is dictated by the slowest of the R (or W) replicas": one slow disk of three delays ALL and nothing else', () => {
    const tookMs = (level: ConsistencyLevel): number => {
      const cluster = testCluster();
      cluster.disk('c1').slow(500);
      const startMs = cluster.clock.monotonicMs();
      cluster.add('ann', 'x', { via: 'a1', level });
      return cluster.clock.monotonicMs() - startMs;
    };
    const [one, quorum, all] = [tookMs('ONE'), tookMs('QUORUM'), tookMs('ALL')];
    expect(one).toBeLessThan(quorum);
    expect(quorum).toBeLessThan(5);
    expect(all).toBeGreaterThan(100);
    print('ms until acknowledged with one disk 500 times slower', { one, quorum, all });
  });

  it('a "strong read" is one at QUORUM of what was written at QUORUM: never stale, whatever read repair, loss and repetition do meanwhile', () => {
    const cluster = testCluster({ seed: 23 });
    cluster.network.quality = { latencyMs: [1, 40], loss: 0.02, duplication: 0.05 };
    const random = new SeededRandom(9);
    const acknowledged: string[] = [];
    for (let i = 0; i < 60; i++) {
      const write = cluster.begin(cluster.node(random.pick(cluster.nodes)).prepare({ table: 'favorites', row: 'ann', item: `film-${i}`, operation: { kind: 'add', value: new Uint8Array(0) }, level: 'QUORUM' }, cluster.context()));
      cluster.clock.runUntil(() => write.state !== 'waiting', 2_000);
      const commit = cluster.commit('ann', write.result.delta!, { via: random.pick(cluster.nodes) });
      cluster.clock.runUntil(() => commit.state !== 'waiting', 2_000);
      if (commit.state === 'done') acknowledged.push(`film-${i}`);
      const read = cluster.begin(cluster.node(random.pick(cluster.nodes)).list({ table: 'favorites', row: 'ann', limit: 100, level: 'QUORUM' }, cluster.context()));
      cluster.clock.runUntil(() => read.state !== 'waiting', 2_000);
      if (read.state === 'done') expect(read.result.items.map(({ item }) => item)).toEqual(expect.arrayContaining(acknowledged));
    }
    expect(acknowledged.length).toBeGreaterThan(50);
  });

  it('"get(key) returns an object along with a context; put(key, context, object)": with the context of its last reply a device reads at SESSION from one replica of its zone, and never misses what it wrote or saw', () => {
    const cluster = testCluster({ seed: 37 });
    const random = new SeededRandom(37);
    let context: Uint8Array | undefined;
    let alone = 0;
    const films: string[] = [];
    for (let i = 0; i < 30; i++) {
      const [writer, reader] = [random.pick(cluster.nodes), random.pick(cluster.nodes)];
      const late = random.pick(cluster.nodes.filter((name) => name !== writer));
      cluster.network.hold = ({ to, kind }) => kind === 'apply' && to === late;
      const item = `film-${String(i).padStart(2, '0')}`;
      const request = { ...favorites('ann'), level: 'SESSION' as const };
      const prepared = cluster.run(cluster.node(writer).prepare({ ...request, item, operation: addOf(), ...(context && { seen: context }) }, cluster.context()));
      context = cluster.run(cluster.node(writer).commit({ ...request, delta: prepared.delta!, seen: prepared.seen }, cluster.context())).seen;
      films.push(item);
      const page = cluster.run(cluster.node(reader).list({ ...request, limit: 100, seen: context }, cluster.context()));
      expect(page.items.map(({ item: name }) => name)).toEqual(films);
      context = page.seen;
      if (page.achieved.replicas.length === 1) alone++;
      cluster.network.release();
      cluster.advance(5);
    }
    expect(alone).toBeGreaterThan(15);
    print('reads of a session answered by one replica alone', `${alone} of 30`);
    const torn = cluster.begin(cluster.node('a1').list({ ...favorites('ann'), limit: 1, level: 'SESSION', seen: context!.subarray(0, 5) }, cluster.context()));
    expect(torn.error).toMatchObject({ code: 'REQUEST_INVALID' });
  });

  for (const [loss, name] of [[0, 'over a slow network'], [0.03, 'over one that loses 3% of all messages']] as const) {
    it(`"usually takes a second (or a maximum of a couple of seconds) to achieve consistency across all nodes": measured over 100 writes at ONE ${name}`, () => {
      const cluster = testCluster({ seed: 29 });
      cluster.network.quality = { latencyMs: [1, 40], loss, duplication: 0 };
      const tookMs: number[] = [];
      for (let i = 0; i < 100; i++) {
        cluster.add('ann', `film-${i}`, { via: cluster.nodes[i % 3]!, level: 'ONE' });
        const startMs = cluster.clock.monotonicMs();
        for (let step = 0; step < 5_000 && !areEqual(cluster, ['ann']); step++) cluster.advance(4);
        tookMs.push(cluster.clock.monotonicMs() - startMs);
      }
      const within = (ms: number): number => tookMs.filter((each) => each <= ms).length;
      print(`writes that are on three copies ${name}`, Object.fromEntries([10, 20, 50, 100, 1_000, 2_000, 5_000, Infinity].map((ms) => [`within ${ms} ms`, within(ms)])));
      expect(within(1_000)).toBeGreaterThanOrEqual(loss === 0 ? 100 : 90);
      // What is lost on its way waits for the end of its request, and then for its hint: a few seconds.
      expect(within(10_000)).toBe(100);
    });
  }

  it('and where a copy was away and missed 20 writes: once it is back', () => {
    const cluster = testCluster({ seed: 29 });
    cluster.crash('c1');
    for (let i = 0; i < 20; i++) cluster.add('ann', `meanwhile-${i}`, { via: 'a1' });
    cluster.start('c1');
    const backMs = convergenceMs(cluster, ['ann']);
    print('ms until a copy that missed 20 writes is the same again', backMs);
    expect(backMs).toBeLessThan(3_000);
  });
});
