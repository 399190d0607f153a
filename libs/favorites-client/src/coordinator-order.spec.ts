import { describe, expect, it } from 'vitest';
import { zoneId } from '@app/contracts';
import { coordinatorOrder, nearestFirst, type Standing } from './coordinator-order.js';
import { member } from './testing/client-scene.js';

const client = { zone: zoneId('zone-a'), region: 'region-1' };
/** c1, b1 and a1 hold the row, in this preference order; x1 is in another region. */
const replicas = [member('x1', 'zone-x', 'region-2'), member('c1'), member('b1'), member('a1')];

describe('the order of coordinators', () => {
  const table: [title: string, standings: Record<string, Standing>, order: string][] = [
    ['own zone, own region in preference order, then the rest', {}, 'a1 c1 b1 x1'],
    ['one that was overtaken comes after all that were not', { a1: 'late' }, 'c1 b1 x1 a1'],
    ['one to be avoided comes after one that was overtaken', { a1: 'avoided', c1: 'late' }, 'b1 x1 c1 a1'],
    ['nobody is left out, however bad', { a1: 'avoided', b1: 'avoided', c1: 'avoided', x1: 'avoided' }, 'a1 c1 b1 x1'],
  ];
  it.each(table)('%s', (_, standings, order) => {
    const ordered = coordinatorOrder(nearestFirst(replicas, client), ({ node }) => standings[node] ?? 'good');
    expect(ordered.map(({ node }) => node).join(' ')).toBe(order);
  });

  it('leaves the replicas as they were given', () => {
    const given = [...replicas];
    coordinatorOrder(nearestFirst(given, client), () => 'late');
    expect(given).toEqual(replicas);
  });

  it('without a region known for the client, puts its zone first and keeps the rest', () => {
    const order = coordinatorOrder(nearestFirst(replicas, { zone: zoneId('zone-b'), region: null }), () => 'good');
    expect(order.map(({ node }) => node)).toEqual(['b1', 'x1', 'c1', 'a1']);
  });
});
