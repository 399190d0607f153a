/**
 * "Appending a movie to the favorites list" (Adrian Cockcroft, five NoSQL questions, 2010, question 3, and Jonathan Ellis' answer
 * for Cassandra): a row a user, a column a movie, so that adding needs no read; and the limits of both.
 */
import { describe, expect, it } from 'vitest';
import { PROBLEMS } from '@app/admin';
import { ERRORS, type ErrorCode, type ListReply } from '@app/contracts';
import { TABLES, VALUE_MAX_BYTES } from '@app/store';
import { addOf, codeOf, testCluster, type TestCluster } from '@app/store/testing';
import { ended } from './schedule.js';

/** Messages between nodes while something is done, by kind, answers not counted. */
function messagesOf(cluster: TestCluster, act: () => void): Record<string, number> {
  const counts: Record<string, number> = {};
  cluster.network.onDelivery = ({ kind, isReply }) => {
    if (!isReply) counts[kind] = (counts[kind] ?? 0) + 1;
  };
  act();
  cluster.advance(5);
  cluster.network.onDelivery = null;
  return counts;
}

const film = (i: number): string => `film-${String(i).padStart(4, '0')}`;

describe('appending a movie to the favorites list (five NoSQL questions, question 3)', () => {
  it('1,000 concurrent blind adds to one user, through all zones at once: all are there, in every zone', () => {
    const cluster = testCluster({ seed: 3 });
    const films = Array.from({ length: 1_000 }, (_, i) => film(i));
    const prepares = films.map((name, i) => cluster.prepare('ann', name, addOf(), { via: cluster.nodes[i % 3]! }));
    const commits = prepares.map((prepare, i) => cluster.commit('ann', ended(cluster, prepare).delta!, { via: cluster.nodes[i % 3]! }));
    for (const commit of commits) ended(cluster, commit);
    for (const via of cluster.nodes) {
      const first = cluster.page('ann', { via });
      const rest = cluster.page('ann', { via, after: first.items.at(-1)! });
      expect([...first.items, ...rest.items].map(({ item }) => item).sort()).toEqual(films);
    }
  });

  it('"columns can be added without needing to read the row first": an add sends the same two messages to a list of 10 as to one of 400, and none of them a read', () => {
    const cluster = testCluster();
    let added = 0;
    for (const length of [10, 400]) {
      while (added < length) cluster.add('ann', film(added++), { via: 'a1', level: 'ONE' });
      cluster.advance(50);
      expect(messagesOf(cluster, () => cluster.add('ann', film(added++), { via: 'a1' }))).toEqual({ apply: 2 });
    }
  });

  it('"columns can be added or modified": an add of what is there already reads a digest before it lets it be, and writes nothing', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    expect(messagesOf(cluster, () => cluster.add('ann', 'x', { via: 'a1', value: 'other' }))).toEqual({ digest: 1 });
  });

  it('"if you wanted to allow duplicates you would use a UUID as the column name": an item is named by whatever its writer likes', () => {
    const cluster = testCluster();
    const uuids = ['3f333df6-90a4-4fda-8dd3-9485d27cee36', '6ecd8c99-4036-403d-bf84-cf8400f67836'];
    for (const uuid of uuids) cluster.add('ann', uuid, { value: 'the same film' });
    expect(cluster.page('ann').items.map(({ item, value }) => [item, Buffer.from(value).toString()])).toEqual(uuids.map((uuid) => [uuid, 'the same film']));
  });

  it('"what limits exist on the size of the value": 64 KiB here, refused before any effect, with a 4xx that says so', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { value: 'v'.repeat(VALUE_MAX_BYTES) });
    expect(cluster.get('ann', 'x')!.value).toHaveLength(64 * 1024);
    expectRefusal('STORE_VALUE_TOO_LARGE', () => cluster.add('ann', 'y', { value: 'v'.repeat(VALUE_MAX_BYTES + 1) }));
    expectRefusal('REQUEST_INVALID', () => cluster.add('ann', 'n'.repeat(129)));
    expect(cluster.list('ann')).toEqual(['x']);
  });

  it('"or number of attribute/values": 10,000 columns a row here, the next one refused before any effect, with a 4xx that says so', () => {
    expect(TABLES.map(({ maxItemsPerRow }) => maxItemsPerRow)).toEqual(TABLES.map(() => 10_000));
    const tables = TABLES.map((table) => ({ ...table, maxItemsPerRow: 3 }));
    const cluster = testCluster({ settings: { tables } });
    for (let i = 0; i < 3; i++) cluster.add('ann', film(i), { via: 'a1' });
    expectRefusal('LIST_FULL', () => cluster.add('ann', film(3), { via: 'a1' }));
    expect(cluster.list('ann')).toHaveLength(3);
    cluster.remove('ann', film(0), { via: 'a1' });
    cluster.add('ann', film(3), { via: 'a1' });
  });
});

describe('queries by attribute (five NoSQL questions, question 3)', () => {
  it('"are queries by attribute/value supported": a list by the genre or device of its films, page by page: just what a scan of the whole list finds', () => {
    const cluster = testCluster();
    const [genres, devices] = [['drama', 'comedy', 'western'], ['tv', 'phone']];
    const attributesOf = (i: number): Record<string, string> => ({ genre: genres[i % 3]!, device: devices[i % 2]! });
    for (let i = 0; i < 40; i++) cluster.add('ann', film(i), { via: cluster.nodes[i % 3]!, value: `\u0001${JSON.stringify(attributesOf(i))}` });
    for (let i = 0; i < 40; i += 7) cluster.remove('ann', film(i), { via: 'b1' });
    const whole = cluster.list('ann');
    const asked: Record<string, string>[] = [{ genre: 'comedy' }, { device: 'tv' }, { genre: 'drama', device: 'phone' }, { genre: 'none' }];
    for (const where of asked) {
      const found: string[] = [];
      for (let after: ListReply['lookedTo'] = undefined, more = true; more; ) {
        const page: ListReply = cluster.run(cluster.node('c1').list({ table: 'favorites', row: 'ann', limit: 4, level: 'QUORUM', where, ...(after && { after }) }, cluster.context()));
        found.push(...page.items.map(({ item }) => item));
        after = page.lookedTo;
        more = page.more;
      }
      const matches = (name: string): boolean => Object.entries(where).every(([attribute, value]) => attributesOf(Number(name.slice(-4)))[attribute] === value);
      expect(found).toEqual(whole.filter(matches));
    }
  });
});

/** The caller's own mistake: told as a 4xx, surely not applied, and nothing that a circuit holds against the store. */
function expectRefusal(code: ErrorCode, act: () => unknown): void {
  expect(codeOf(act)).toBe(code);
  expect(ERRORS[code]).toEqual({ applied: 'no', breaker: 'ignores' });
  expect(Math.floor(PROBLEMS[code].status / 100)).toBe(4);
}
