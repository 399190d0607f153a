/** Lists by attribute, in clusters of production nodes: the same as reading the whole list and choosing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConsistencyLevel, ListReply } from '@app/contracts';
import { actorIdFrom } from '../core/causality/dot.js';
import type { Delta } from '../core/row/delta.js';
import { MemoryRow } from '../testing/memory-row.js';
import { favorites } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';

const DEVICES = ['tv', 'phone', 'tablet'];
const valueOf = (device: string, genre = 'drama', padding = ''): string => `\u0001${JSON.stringify({ device, genre, padding })}`;

type Where = Readonly<Record<string, string>>;
interface Asked {
  readonly via?: string;
  readonly level?: ConsistencyLevel;
  readonly limit?: number;
  readonly after?: NonNullable<ListReply['lookedTo']>;
}

function ask(cluster: TestCluster, user: string, where: Where, { via = 'a1', level = 'QUORUM', limit = 50, after }: Asked = {}): ListReply {
  return cluster.run(cluster.node(via).list({ ...favorites(user), limit, level, where, ...(after && { after }) }, cluster.context()));
}

const names = ({ items }: ListReply): string[] => items.map(({ item }) => item);

/** All pages, and how many items each had. */
function pages(cluster: TestCluster, user: string, where: Where, limit: number): { found: string[]; sizes: number[] } {
  const found: string[] = [];
  const sizes: number[] = [];
  for (let after: Asked['after'] = undefined, more = true; more; ) {
    const page: ListReply = ask(cluster, user, where, { limit, ...(after && { after }) });
    found.push(...names(page));
    sizes.push(page.items.length);
    more = page.more;
    after = page.lookedTo;
    expect(after !== undefined).toBe(more);
  }
  return { found, sizes };
}

describe('[T6] a list by attribute', () => {
  it('is the list, whole, less what does not match: in its order, in pages that are full until it ends', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(40), fc.nat(2), fc.nat(9), fc.boolean()), { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (acts, limit) => {
        const cluster = testCluster();
        const devices = new Map<string, string>();
        for (const [film, device, kind, isLarge] of acts) {
          const name = `film-${film}`;
          const via = cluster.nodes[film % 3]!;
          if (kind === 0) {
            cluster.remove('ann', name, { via });
            devices.delete(name);
          } else if (kind === 1 && devices.has(name)) cluster.move('ann', name, 'first', { via });
          else {
            cluster.add('ann', name, { via, value: valueOf(DEVICES[device]!, 'drama', isLarge ? 'x'.repeat(300) : '') });
            if (!devices.has(name)) devices.set(name, DEVICES[device]!);
          }
        }
        const all = cluster.list('ann');
        expect([...devices.keys()].sort()).toEqual([...all].sort());
        for (const device of DEVICES) {
          const { found, sizes } = pages(cluster, 'ann', { device }, limit);
          expect(found).toEqual(all.filter((film) => devices.get(film) === device));
          expect(sizes.slice(0, -1).every((size) => size === limit)).toBe(true);
        }
      }),
      { numRuns: 12 },
    );
  });

  it('takes several attributes together, and finds nothing where nobody is so', () => {
    const cluster = testCluster();
    cluster.add('ann', 'a', { value: valueOf('tv', 'drama') });
    cluster.add('ann', 'b', { value: valueOf('tv', 'comedy') });
    cluster.add('ann', 'c', { value: valueOf('phone', 'comedy') });
    cluster.add('ann', 'd', { value: 'of another form' });
    const by = (where: Where): string[] => names(ask(cluster, 'ann', where));
    expect(by({ genre: 'comedy' })).toEqual(['b', 'c']);
    expect(by({ genre: 'comedy', device: 'tv' })).toEqual(['b']);
    expect(by({ genre: 'western' })).toEqual([]);
  });

  it('rests on the same quorum as any list: a film that one replica missed is in it, one that was removed is not', () => {
    for (const level of ['QUORUM', 'ALL'] as const) {
      const cluster = testCluster({ settings: { hints: { maxBytes: 0, maxBytesPerTarget: 0, maxInFlight: 1, bytesPerSecond: 1 } } });
      cluster.add('ann', 'x', { via: 'a1', value: valueOf('tv') });
      cluster.add('ann', 'z', { via: 'a1', value: valueOf('tv') });
      cluster.advance(100);
      cluster.isolate('c1');
      cluster.add('ann', 'y', { via: 'a1', value: valueOf('tv') });
      cluster.remove('ann', 'x', { via: 'b1' });
      cluster.heal();
      expect(names(ask(cluster, 'ann', { device: 'tv' }, { via: 'c1', level: 'ONE' }))).toEqual(['x', 'z']);
      const reply = ask(cluster, 'ann', { device: 'tv' }, { via: 'c1', level });
      expect(names(reply)).toEqual(['z', 'y']);
      expect(reply.achieved.repaired).toBe(true);
    }
  });

  it('at LINEARIZABLE and SESSION too', () => {
    const cluster = testCluster();
    for (const [film, device] of [['x', 'tv'], ['y', 'phone'], ['z', 'tv']] as const) cluster.add('ann', film, { value: valueOf(device) });
    for (const level of ['LINEARIZABLE', 'SESSION', 'TWO'] as const) {
      expect(names(ask(cluster, 'ann', { device: 'tv' }, { level, via: 'b1' }))).toEqual(['x', 'z']);
    }
  });

  it('looks at 2,000 items for one page and no more, and the next page goes on from there', () => {
    const cluster = testCluster();
    const made = new MemoryRow(actorIdFrom(new Uint8Array(8).fill(3)));
    const deltas = Array.from({ length: 4_300 }, (_, number) => {
      const delta = made.add(`film-${String(number).padStart(4, '0')}`);
      return { ...delta, version: { ...delta.version, value: Buffer.from(valueOf(number === 4_200 ? 'tv' : 'phone')) } } as Delta;
    });
    for (const name of cluster.nodes) cluster.node(name).rows.applyAll(favorites('ann'), deltas, () => {});
    cluster.advance(1_000);
    const first = ask(cluster, 'ann', { device: 'tv' });
    expect(first).toMatchObject({ items: [], more: true, lookedTo: { item: 'film-1999' } });
    const second = ask(cluster, 'ann', { device: 'tv' }, { after: first.lookedTo! });
    expect(second).toMatchObject({ items: [], more: true, lookedTo: { item: 'film-3999' } });
    const third = ask(cluster, 'ann', { device: 'tv' }, { after: second.lookedTo! });
    expect(names(third)).toEqual(['film-4200']);
    expect(third.more).toBe(false);
    expect(ask(cluster, 'ann', { device: 'phone' }, { limit: 500 }).items).toHaveLength(500);
  });

  it('is refused where a table has no attributes, and where the question is none', () => {
    const cluster = testCluster();
    const refused = (where: unknown, table = 'favorites'): unknown => {
      const asked = cluster.begin(cluster.node('a1').list({ table, row: 'ann', limit: 5, level: 'QUORUM', where } as never, cluster.context()));
      cluster.advance(1_000);
      return asked.error?.code;
    };
    for (const where of [{}, { device: 1 }, null, 'tv', { a: '', b: '', c: '', d: '', e: '' }]) expect(refused(where)).toBe('REQUEST_INVALID');
    expect(refused({ genre: 'drama' }, 'catalog')).toBe('REQUEST_INVALID');
    expect(refused({ device: '' })).toBeUndefined();
  });
});
