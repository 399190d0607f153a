/**
 * "The highest timestamp will win" (Jonathan Ellis for Cassandra, five NoSQL questions, 2010): so the clocks of machines decide
 * what is in a list. Dynamo's carts offer "last write wins" as well. A row of last-writer-wins cells is the dumb model here: it
 * loses acknowledged adds and brings removed films back when a clock is wrong. In the store clocks decide between
 * concurrent values only, and a replica whose clock has jumped 30 days does neither.
 */
import { describe, expect, it } from 'vitest';
import { testCluster, type TestCluster } from '@app/store/testing';
import { LastWriterWins } from './last-writer-wins.js';
import { areEqual, NO_HINTS } from './schedule.js';

const DAY_MS = 24 * 3_600_000;
const JUMPS = { 'ahead': 30 * DAY_MS, 'behind': -30 * DAY_MS };

/** Every replica shows these films, by itself and at a quorum. */
function expectEverywhere(cluster: TestCluster, films: readonly string[]): void {
  expect(areEqual(cluster, ['ann'])).toBe(true);
  for (const name of cluster.nodes) {
    expect(cluster.locally(name, 'ann').sort()).toEqual(films);
    expect(cluster.list('ann', { via: name }).sort()).toEqual(films);
  }
}

describe('"the highest timestamp will win" (five NoSQL questions, question 2)', () => {
  it('with timestamps: a film added by a machine 30 days ahead cannot be removed, one added by a machine behind is lost', () => {
    const [one, other] = [new LastWriterWins(), new LastWriterWins()];
    one.write('x', 30 * DAY_MS);
    other.write('x', 1_000, { isRemoved: true });
    other.write('y', 1_000, { isRemoved: true });
    one.write('y', -30 * DAY_MS); // y was removed, then added again
    one.merge(other);
    expect(one.items()).toEqual(['x']);
  });

  it('with tombstones that are collected: a replica that was away for longer brings what was removed back', () => {
    const [here, away] = [new LastWriterWins(), new LastWriterWins()];
    for (const replica of [here, away]) replica.write('x', 0);
    here.write('x', 1_000, { isRemoved: true });
    here.collectTombstones(20 * DAY_MS);
    here.merge(away);
    expect(here.items()).toEqual(['x']);
  });

  for (const [how, skewMs] of Object.entries(JUMPS)) {
    it(`not here: a replica whose clock jumps 30 days ${how} while it is away brings nothing back and takes nothing away`, () => {
      const cluster = testCluster();
      for (const film of ['removed', 'kept', 'again']) cluster.add('ann', film, { via: 'c1' });
      cluster.advance(50);
      cluster.crash('c1');
      for (const film of ['removed', 'again']) cluster.remove('ann', film, { via: 'a1' });
      cluster.add('ann', 'again', { via: 'b1' });
      cluster.add('ann', 'new', { via: 'a1' });
      cluster.skew('c1', skewMs);
      cluster.start('c1');
      expect(cluster.locally('c1', 'ann')).toContain('removed');
      cluster.advance(30_000);
      expectEverywhere(cluster, ['again', 'kept', 'new']);
    });

    it(`nor does what it writes with that clock, cut off from the others: each film it adds is there, and can be removed; 30 days ${how}`, () => {
      const cluster = testCluster();
      for (const film of ['x', 'y']) cluster.add('ann', film, { via: 'a1' });
      cluster.advance(50);
      cluster.isolate('c1');
      cluster.skew('c1', skewMs);
      cluster.remove('ann', 'x', { via: 'c1', level: 'ONE' });
      cluster.add('ann', 'z', { via: 'c1', level: 'ONE' });
      cluster.remove('ann', 'y', { via: 'a1' });
      cluster.heal();
      cluster.advance(30_000);
      expectEverywhere(cluster, ['z']);
      cluster.remove('ann', 'z', { via: 'a1' });
      cluster.add('ann', 'x', { via: 'b1' });
      cluster.advance(1_000);
      expectEverywhere(cluster, ['x']);
    });
  }

  it('a replica is away for three times the ten days after which Cassandra collects tombstones: nothing was collected, nothing comes back', () => {
    const cluster = testCluster({ settings: { hints: NO_HINTS } });
    cluster.add('ann', 'x', { via: 'c1' });
    cluster.advance(50);
    cluster.crash('c1');
    cluster.remove('ann', 'x', { via: 'a1' });
    // Nobody lives through the month: what runs every second would take long in virtual time too.
    for (const name of ['a1', 'b1']) cluster.crash(name);
    cluster.advance(30 * DAY_MS);
    for (const name of cluster.nodes) cluster.start(name);
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
    cluster.advance(30_000);
    expectEverywhere(cluster, []);
  });
});
