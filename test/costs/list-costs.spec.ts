/**
 * What an operation on a list costs follows what it touches, not what the list holds or has behind it. Counted at the ports of
 * the production nodes: records and bytes read and written by all three replicas, and what passes between them.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { CountedCluster, type Cost } from './counted-cluster.js';
import { Films, VALUE } from './films.js';

/** At most this many times as much. */
const TOLERATED = 1.2;

const add = (counted: CountedCluster, user: string, film: string): Cost =>
  counted.costOf(() => counted.cluster.add(user, film, { via: counted.cluster.replicasOf(user)[0]!, value: VALUE.toString() }));
const list = (counted: CountedCluster, user: string): Cost => counted.costOf(() => counted.cluster.list(user, { via: counted.cluster.replicasOf(user)[0]!, limit: 50 }));

function expectAtMost(cost: Cost, reference: Cost): void {
  if (process.env['TRIPTYCH_PRINT']) console.log({ cost, reference });
  for (const [name, count] of Object.entries(reference)) {
    expect({ [name]: cost[name as keyof Cost] <= TOLERATED * count }).toEqual({ [name]: true });
  }
}

/** To build what is measured takes longer than to measure it. */
const BUILDING_MS = 60_000;

describe('[T7] adding a film', () => {
  let counted: CountedCluster;
  beforeAll(() => {
    counted = new CountedCluster();
    counted.give('long', new Films().many(9_998));
    counted.give('short', new Films().many(10));
  }, BUILDING_MS);

  it('to a list of 10,000 costs at most 1.2 times what it costs to a list of 10', () => {
    const [long, short] = [add(counted, 'long', 'one-more'), add(counted, 'short', 'one-more')];
    expect(short.recordsWritten).toBe(3 * 3);
    expectAtMost(long, short);
    expect(counted.cluster.get('long', 'one-more')).not.toBeNull();
  });

  it('that is there already reads the same, however long the list', () => {
    expectAtMost(add(counted, 'long', 'film-000005'), add(counted, 'short', 'film-000005'));
  });

  it('in the middle of the list costs the same too', () => {
    const between = (user: string, after: string): Cost =>
      counted.costOf(() => counted.cluster.add(user, 'between', { via: counted.cluster.replicasOf(user)[0]!, placement: { after }, value: VALUE.toString() }));
    expectAtMost(between('long', 'film-004500'), between('short', 'film-000005'));
  });
});

describe('[T7] listing 50 films of a row with 100,000 adds and removes behind it, through 20 restarts', () => {
  let counted: CountedCluster;
  beforeAll(() => {
    counted = new CountedCluster(1);
    const films = new Films();
    for (let incarnation = 0; incarnation < 20; incarnation++) {
      films.restarted(incarnation);
      const history = films.many(2_500);
      counted.give('old', [...history, ...history.map((added) => films.remove(added))]);
    }
    for (const user of ['old', 'fresh']) counted.give(user, films.many(60));
  }, BUILDING_MS);

  it('costs at most 1.2 times those of a fresh row', () => {
    expectAtMost(list(counted, 'old'), list(counted, 'fresh'));
  });

  it('costs no more than that when the headers have to be read from disk', () => {
    for (let other = 0; other < 10_000; other++) counted.cluster.node('a1').rows.header({ table: 'favorites', row: `other-${other}` });
    const [old, fresh] = [list(counted, 'old'), list(counted, 'fresh')];
    expect(fresh.recordsRead).toBe(51 + 1);
    expectAtMost(old, fresh);
  });
});
