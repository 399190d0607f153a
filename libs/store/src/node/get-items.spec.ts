/**
 * Reads of many items by their names, over a simulated cluster: one read of the row, whatever their number, and no work for a
 * caller who has left. Replicas a1, b1, c1; W = R = 2.
 */
import { describe, expect, it } from 'vitest';
import type { GetReply } from '@app/contracts';
import { codeOf } from '../testing/code-of.js';
import { favorites, type Pending } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';

const FILMS = Array.from({ length: 200 }, (_, at) => `film-${at}`);

const get = (cluster: TestCluster, items: readonly string[], via: string): Pending<GetReply> =>
  cluster.begin(cluster.node(via).get({ ...favorites('ann'), items }, cluster.context()));

function ended<T>(cluster: TestCluster, operation: Pending<T>): T {
  expect(cluster.clock.runUntil(() => operation.state !== 'waiting', 60_000)).toBe(true);
  return operation.result;
}

const names = ({ items }: GetReply): (string | null)[] => items.map((item) => item && item.item);

describe('[L9] items of a row, by their names', () => {
  it('come in the order asked, null for what is not there, by one digest of one other replica', () => {
    const cluster = testCluster();
    const messages: string[] = [];
    for (const film of FILMS.filter((_, at) => at % 2 === 0)) cluster.add('ann', film);
    cluster.advance(1_000);
    cluster.network.onDelivery = ({ kind }) => void messages.push(kind);
    const reply = ended(cluster, get(cluster, FILMS, 'b1'));
    expect(names(reply)).toEqual(FILMS.map((film, at) => (at % 2 === 0 ? film : null)));
    expect(messages.filter((kind) => kind === 'digest')).toHaveLength(2); // the question and its answer
    expect(messages.filter((kind) => kind === 'pull' || kind === 'push')).toEqual([]);
    expect(reply.achieved.replicas).toHaveLength(2);
  });

  it('are those of the state that the quorum agreed on, not of the one that its coordinator had before', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x');
    cluster.advance(50);
    cluster.network.hold = ({ to, kind }) => to === 'c1' && kind === 'apply';
    cluster.add('ann', 'y', { via: 'a1' });
    cluster.remove('ann', 'x', { via: 'b1' });
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
    const reply = ended(cluster, get(cluster, ['x', 'y'], 'c1'));
    expect(names(reply)).toEqual([null, 'y']);
    expect(reply.achieved.repaired).toBe(true);
  });

  it('fail with the row where one of them is damaged: none is shown as missing', () => {
    const cluster = testCluster();
    for (const film of ['x', 'y', 'z']) cluster.add('ann', film, { via: 'a1' });
    cluster.advance(50);
    expect(cluster.rot('b1', 'ann', 'y')).toBe(true);
    expect(codeOf(() => ended(cluster, get(cluster, ['x', 'y', 'z'], 'b1')))).toBe('STORE_ROW_DAMAGED');
    expect(names(ended(cluster, get(cluster, ['x', 'y', 'z'], 'c1')))).toEqual(['x', 'y', 'z']);
  });

  it.each([
    ['no item', []],
    ['one twice', ['x', 'y', 'x']],
    ['more than 200', [...FILMS, 'one-more']],
    ['what is no name', ['x', 'not a name']],
    ['no array', 'x' as never],
  ])('are refused before anybody is asked: %s', (_, items) => {
    const cluster = testCluster();
    let messages = 0;
    cluster.network.onDelivery = () => void messages++;
    expect(codeOf(() => ended(cluster, get(cluster, items, 'a1')))).toBe('REQUEST_INVALID');
    expect(messages).toBe(0);
  });
});

describe('[L11] a caller who leaves', () => {
  const begun = (cluster: TestCluster): Record<string, () => Pending<unknown>> => ({
    get: () => get(cluster, FILMS, 'a1'),
    list: () => cluster.begin(cluster.node('a1').list({ ...favorites('ann'), limit: 500, level: 'ALL' }, cluster.context())),
    'a linearizable get': () => cluster.begin(cluster.node('a1').get({ ...favorites('ann'), items: ['x'], level: 'LINEARIZABLE' }, cluster.context())),
    prepare: () => cluster.prepare('ann', 'x', { kind: 'remove' }, { via: 'a1' }),
  });

  it.each(['get', 'list', 'a linearizable get', 'prepare'])('calls off what his %s had asked of other replicas, at once, and leaves no timer', (what) => {
    for (const phase of ['digest', 'pull', 'push'] as const) {
      const cluster = testCluster();
      // Each replica lacks something that the other has, so that a read has to pull and to push.
      for (const [film, away] of [['x', 'a1'], ['y', 'b1'], ['z', 'c1']] as const) {
        cluster.network.hold = ({ to, kind }) => to === away && kind === 'apply';
        cluster.add('ann', film, { via: cluster.nodes.find((node) => node !== away)!, level: 'TWO' });
      }
      cluster.network.hold = ({ kind }) => kind === phase;
      cluster.advance(1);
      const [callsBefore, timersBefore] = [cluster.network.openCalls, cluster.clock.pending];
      const operation = begun(cluster)[what]!();
      cluster.advance(25);
      expect([what, phase, operation.state, cluster.network.openCalls > callsBefore]).toEqual([what, phase, 'waiting', true]);
      operation.cancel();
      expect([what, phase, cluster.network.openCalls - callsBefore]).toEqual([what, phase, 0]);
      expect(cluster.clock.pending).toBeLessThanOrEqual(timersBefore);
    }
  });
});
