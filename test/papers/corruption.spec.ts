/**
 * "What happens when data is corrupted" (Adrian Cockcroft, five NoSQL questions, 2010, question 4): "corruption is handled the
 * same way as other inconsistencies", by read repair and anti-entropy. That holds only where corruption is noticed: without a checksum
 * a damaged timestamp that happens to be higher wins, and repair spreads it. Here every record carries one.
 */
import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { codeOf, testCluster, type TestCluster, type TestClusterOptions } from '@app/store/testing';
import { SeededRandom } from '@app/time';
import { SCRUB_SETTINGS } from '../../libs/store/src/node/scrubber.js';
import { SimWire } from '../../libs/wire/src/testing/sim-wire.js';
import { LastWriterWins } from './last-writer-wins.js';
import { areEqual, print } from './schedule.js';

const FILMS = ['x', 'y', 'z'];

function clusterWithList(settings: TestClusterOptions['settings'] = {}): TestCluster {
  const cluster = testCluster({ settings });
  for (const film of FILMS) cluster.add('ann', film, { via: 'a1', value: `value of ${film}` });
  cluster.remove('ann', 'z', { via: 'b1' });
  cluster.add('ann', 'z', { via: 'c1', value: 'value of z' });
  cluster.advance(50);
  return cluster;
}

/** Whatever is answered is what was written: by this node alone, and at a quorum through each of the others. */
function expectNothingDamaged(cluster: TestCluster, damaged: string): void {
  for (const level of ['ONE', 'QUORUM'] as const) {
    for (const via of cluster.nodes) {
      const seen = codeOf(() => {
        const { items } = cluster.page('ann', { via, level });
        expect(items.map(({ item, value }) => [item, Buffer.from(value).toString()])).toEqual(FILMS.map((film) => [film, `value of ${film}`]));
      });
      // The damaged node may have to say that it cannot answer; everybody else can.
      expect(seen).toBe(via === damaged && seen !== 'none' ? 'STORE_ROW_DAMAGED' : 'none');
    }
  }
}

describe('corruption (five NoSQL questions, question 4)', () => {
  it('without checksums: a bit that rots in a timestamp wins over what was written, on every replica', () => {
    const replicas = [0, 1, 2].map(() => new LastWriterWins());
    for (const replica of replicas) replica.write('x', 1_000, { value: 'written' });
    replicas[1]!.cells.set('x', { at: 1_000 ^ (1 << 20), isRemoved: false, value: 'wriuten' });
    for (const replica of replicas) for (const other of replicas) replica.merge(other);
    for (const replica of replicas) expect(replica.cells.get('x')!.value).toBe('wriuten');
  });

  it('with them: a bit flipped in any record of a list at one replica is in no answer of any, and the list is whole again', () => {
    const random = new SeededRandom(11);
    const count = clusterWithList().recordsOf('b1', 'ann').length;
    expect(count).toBe(1 + 2 * FILMS.length); // the header, and for each film its cell and its place in the order
    for (let i = 0; i < count; i++) {
      const cluster = clusterWithList();
      const key = cluster.recordsOf('b1', 'ann')[i]!;
      cluster.rotRecord('b1', key, random.below(8 * cluster.table('b1').get(key)!.length));
      expectNothingDamaged(cluster, 'b1');
      cluster.touch('b1', 'ann');
      cluster.advance(30_000);
      expect(cluster.node('b1').stats().damagedRows).toBe(0);
      expect(areEqual(cluster, ['ann'])).toBe(true);
      expectNothingDamaged(cluster, 'none');
    }
  });

  it('"corruption is handled by read repair and anti-entropy", neither of which sees what nobody reads: a scrubber finds it, and the list is whole again without any read', () => {
    const cluster = clusterWithList({ scrub: { ...SCRUB_SETTINGS, startAfterMs: 1_000, passEveryMs: 20_000 } });
    cluster.rot('b1', 'ann', 'x');
    expect(cluster.hasDamagedRecord('b1', 'ann')).toBe(true);
    expect(cluster.clock.runUntil(() => cluster.node('b1').stats().rebuiltRows === 1, 60_000)).toBe(true);
    expect(cluster.hasDamagedRecord('b1', 'ann')).toBe(false);
    expect(areEqual(cluster, ['ann'])).toBe(true);
    print('ms from rot that nobody reads to a whole row, with passes of 20 s', cluster.clock.monotonicMs());
  });

  it('a bit flipped in a frame between two replicas is in no answer: the connection ends, and the sender knows no answer came', () => {
    const taken: unknown[] = [];
    const wire = new SimWire({ handlers: { 'store.peer': (payload) => of(taken.push(payload)) } }).connected();
    const apply = { kind: 'apply', delta: Buffer.from('as written') };
    const random = new SeededRandom(4);
    for (let run = 0; run < 200; run++) {
      wire.network.tap = (bytes, byCaller) => {
        if (byCaller) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      };
      const call = wire.call('store.peer', apply, 500);
      wire.settle();
      wire.network.tap = () => {};
      wire.clock.advance(10_000);
      expect(call.error?.code).toMatch(/^WIRE_/);
      expect(call.values).toEqual([]);
      wire.call('store.peer', apply);
      wire.settle();
    }
    expect(taken.length).toBeGreaterThan(100);
    expect(taken.every((payload) => Buffer.compare((payload as typeof apply).delta, apply.delta) === 0)).toBe(true);
  });

  it('a bit flipped anywhere in the files of a node that is down: it comes back with what was written, or not at all', () => {
    const random = new SeededRandom(12);
    let refusals = 0;
    for (let run = 0; run < 12; run++) {
      const cluster = clusterWithList();
      cluster.crash('b1');
      const files = [...cluster.disk('b1').snapshot().files].filter(([, { length }]) => length > 0);
      const [name, { length }] = random.pick(files);
      cluster.disk('b1').flipBit(name, random.below(length), random.below(8));
      try {
        cluster.start('b1');
      } catch {
        refusals++;
      }
      for (const via of ['a1', 'c1']) expect(cluster.list('ann', { via })).toEqual(FILMS);
      if (!cluster.isUp('b1')) continue;
      cluster.advance(30_000);
      expectNothingDamaged(cluster, 'b1');
    }
    expect(refusals).toBeGreaterThan(0);
  });
});
