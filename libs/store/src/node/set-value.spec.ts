/**
 * Tables in which an add sets the value of an item (`siblings: 'latest'`: bookmarks, ratings), over a simulated cluster: the
 * last set counts, whatever the clocks say, and an acknowledged one is in every later quorum read (F20 of docs/row-model.md).
 * Replicas a1, b1, c1; W = R = 2.
 */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '@app/time';
import { TABLES } from '../core/row/table-schema.js';
import { decodeDelta } from '../core/row/delta.js';
import { addOf, favorites, type Pending } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';

const LATEST = { tables: [{ name: 'favorites', siblings: 'latest' as const, maxItemsPerRow: 3 }] };
const HOUR_MS = 3_600_000;

const ended = <T>(cluster: TestCluster, operation: Pending<T>): T => {
  expect(cluster.clock.runUntil(() => operation.state !== 'waiting', 60_000)).toBe(true);
  return operation.result;
};

const set = (cluster: TestCluster, value: string, via: string, level: 'ONE' | 'QUORUM' = 'QUORUM') => cluster.add('ann', 'x', { value, via, level });

function valueAt(cluster: TestCluster, via: string, level: 'ONE' | 'QUORUM' = 'QUORUM'): string | null {
  const found = cluster.get('ann', 'x', { via, level });
  return found && Buffer.from(found.value).toString();
}

const valuesAt = (cluster: TestCluster, level: 'ONE' | 'QUORUM'): (string | null)[] => cluster.nodes.map((via) => valueAt(cluster, via, level));

/** Prepares a set and has it applied at these replicas alone; its caller is told nothing. */
function setAt(cluster: TestCluster, value: string, reaching: readonly string[]): void {
  const [via] = reaching;
  const { delta } = ended(cluster, cluster.prepare('ann', 'x', addOf({ value }), { via: via! }));
  for (const node of reaching) cluster.node(node).rows.apply(favorites('ann'), decodeDelta(delta!), () => {});
  cluster.advance(10);
}

describe('[L10] a table whose items are set', () => {
  it('bookmarks and ratings are such tables, beside the catalog; a favorite stays as it was first added', () => {
    const rules = Object.fromEntries(TABLES.map(({ name, siblings }) => [name, siblings]));
    expect(rules).toEqual({ favorites: 'earliest', catalog: 'latest', bookmarks: 'latest', ratings: 'latest' });
  });

  it('an acknowledged set is in every later quorum read, through whichever zone, and at peace in every replica', () => {
    const cluster = testCluster({ settings: LATEST });
    for (const [at, value] of ['1', '2', '3', '4', '5', '6'].entries()) {
      set(cluster, value, cluster.nodes[at % 3]!);
      expect(valuesAt(cluster, 'QUORUM')).toEqual([value, value, value]);
    }
    cluster.advance(1_000);
    expect(valuesAt(cluster, 'ONE')).toEqual(['6', '6', '6']);
    expect(new Set(cluster.nodes.map((node) => cluster.digestAt(node, 'ann'))).size).toBe(1);
    expect(cluster.node('a1').rows.latestVersions(favorites('ann'), 'x')).toHaveLength(1);
  });

  it('[F20] also where its coordinator has not heard of the one before, and that one is dated an hour ahead', () => {
    const cluster = testCluster({ settings: LATEST });
    cluster.skew('a1', HOUR_MS);
    cluster.network.hold = ({ from, to, kind }) => from === 'a1' && to === 'b1' && kind === 'apply';
    set(cluster, 'old', 'a1');
    expect(cluster.locally('b1', 'ann')).toEqual([]);
    set(cluster, 'new', 'b1');
    expect(valuesAt(cluster, 'QUORUM')).toEqual(['new', 'new', 'new']);
    cluster.network.release();
    cluster.advance(1_000);
    expect(valuesAt(cluster, 'ONE')).toEqual(['new', 'new', 'new']);
  });

  it('[F20] and beside one of unknown outcome that a reader was shown: it is overwritten with the rest, for good', () => {
    const cluster = testCluster({ settings: LATEST });
    cluster.skew('a1', HOUR_MS);
    setAt(cluster, 'half', ['a1']);
    expect(valueAt(cluster, 'a1', 'QUORUM')).toBe('half');
    set(cluster, 'new', 'b1');
    expect(valuesAt(cluster, 'QUORUM')).toEqual(['new', 'new', 'new']);
    cluster.advance(5_000);
    expect(valuesAt(cluster, 'ONE')).toEqual(['new', 'new', 'new']);
  });

  it('[F20] dated above what it overwrites: an older value that was hidden under that one does not come up again', () => {
    const cluster = testCluster({ settings: LATEST });
    cluster.skew('a1', HOUR_MS);
    cluster.skew('c1', HOUR_MS / 2);
    const hidden = ended(cluster, cluster.prepare('ann', 'x', addOf({ value: 'hidden' }), { via: 'c1' })).delta!;
    set(cluster, 'shown', 'a1');
    const last = ended(cluster, cluster.prepare('ann', 'x', addOf({ value: 'last' }), { via: 'b1' })).delta!;
    ended(cluster, cluster.commit('ann', hidden, { via: 'c1' }));
    // Acknowledged, and below what is shown after that: so it comes before.
    expect(valuesAt(cluster, 'QUORUM')).toEqual(['shown', 'shown', 'shown']);
    ended(cluster, cluster.commit('ann', last, { via: 'b1' }));
    expect(valuesAt(cluster, 'QUORUM')).toEqual(['last', 'last', 'last']);
  });

  it('two sets at once in two zones become one value everywhere, also when each zone had taken its own for a while', () => {
    const cluster = testCluster({ settings: LATEST });
    set(cluster, 'before', 'c1');
    const deltas = ['a1', 'b1'].map((via) => ({ via, delta: ended(cluster, cluster.prepare('ann', 'x', addOf({ value: via }), { via })).delta! }));
    cluster.network.hold = ({ from, to }) => from !== to;
    const commits = deltas.map(({ via, delta }) => cluster.commit('ann', delta, { via, level: 'ONE' }));
    for (const commit of commits) ended(cluster, commit);
    expect(['a1', 'b1'].map((via) => valueAt(cluster, via, 'ONE'))).toEqual(['a1', 'b1']);
    cluster.network.release();
    cluster.advance(1_000);
    const [value] = valuesAt(cluster, 'QUORUM');
    expect(valuesAt(cluster, 'ONE')).toEqual([value, value, value]);
    expect(['a1', 'b1']).toContain(value);
    // Of the two that were live nothing is left but what comes after both.
    set(cluster, 'after', 'c1');
    cluster.advance(1_000);
    expect(valuesAt(cluster, 'ONE')).toEqual(['after', 'after', 'after']);
    expect(cluster.node('a1').rows.latestVersions(favorites('ann'), 'x')).toHaveLength(1);
  });

  it('a set is refused while too few can be asked, without effect; and none is refused for a full row', () => {
    const cluster = testCluster({ settings: LATEST });
    for (const item of ['x', 'y', 'z']) cluster.add('ann', item);
    expect(() => cluster.add('ann', 'one-more')).toThrow(expect.objectContaining({ code: 'LIST_FULL' }));
    expect(Buffer.from(cluster.add('ann', 'y', { value: 'later' })!.value).toString()).toBe('later');
    cluster.isolate('a1');
    cluster.advance(5_000);
    expect(() => set(cluster, 'lost', 'a1')).toThrow(expect.objectContaining({ code: 'STORE_QUORUM_UNAVAILABLE' }));
    cluster.heal();
    cluster.advance(5_000);
    expect(cluster.nodes.map((via) => valueAt(cluster, via))).not.toContain('lost');
  });

  it('a remove undoes every set acknowledged before it; a late copy of one brings nothing back', () => {
    const cluster = testCluster({ settings: LATEST });
    const { delta } = ended(cluster, cluster.prepare('ann', 'x', addOf({ value: 'first' }), { via: 'a1' }));
    ended(cluster, cluster.commit('ann', delta!, { via: 'a1' }));
    set(cluster, 'second', 'b1');
    cluster.remove('ann', 'x', { via: 'c1' });
    ended(cluster, cluster.commit('ann', delta!, { via: 'b1' }));
    expect(valuesAt(cluster, 'QUORUM')).toEqual([null, null, null]);
    set(cluster, 'third', 'a1');
    ended(cluster, cluster.commit('ann', delta!, { via: 'c1' }));
    expect(valuesAt(cluster, 'QUORUM')).toEqual(['third', 'third', 'third']);
  });

  it('whatever clocks are off and whichever replica misses what, the last acknowledged set is what quorum reads show', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed);
      const cluster = testCluster({ seed, settings: LATEST });
      for (let turn = 0; turn < 25; turn++) {
        const away = random.pick(cluster.nodes);
        const [via, reader] = cluster.nodes.filter((node) => node !== away).sort(() => random.fraction() - 0.5);
        cluster.skew(random.pick(cluster.nodes), random.pick([-HOUR_MS, 0, HOUR_MS, 24 * HOUR_MS]));
        cluster.isolate(away);
        set(cluster, `${turn}`, via!);
        expect([seed, turn, valueAt(cluster, reader!)]).toEqual([seed, turn, `${turn}`]);
        cluster.heal();
        if (random.fraction() < 0.3) cluster.advance(random.below(3_000));
      }
    }
  });
});
