/** "Paginate through all columns in a row", a page of ten at a time (Adrian Cockcroft, High Anxiety Availability, 2012: Astyanax). */
import { describe, expect, it } from 'vitest';
import { testCluster } from '@app/store/testing';

describe('pagination (High Anxiety Availability)', () => {
  it('"paginate through all columns in a row, page size 10", through another zone for each page, while others add, remove and move: what was there throughout is met exactly once', () => {
    const cluster = testCluster({ seed: 5 });
    const stays = Array.from({ length: 200 }, (_, i) => `stays-${String(i).padStart(3, '0')}`);
    for (const [i, film] of stays.entries()) {
      cluster.add('ann', film, { level: 'ONE', placement: i % 3 === 0 ? 'first' : 'last' });
      if (i % 2 === 0) cluster.add('ann', `goes-${i}`, { level: 'ONE' });
    }
    cluster.advance(100);
    const seen: string[] = [];
    let after: { position: string; item: string } | undefined;
    for (let round = 0; ; round++) {
      const page = cluster.page('ann', { limit: 10, via: cluster.nodes[round % 3]!, ...(after && { after }) });
      seen.push(...page.items.map(({ item }) => item));
      after = page.items.at(-1);
      if (!page.more) break;
      cluster.remove('ann', `goes-${round * 4}`);
      cluster.move('ann', `goes-${round * 4 + 2}`, round % 2 === 0 ? 'first' : 'last');
      cluster.add('ann', `new-${round}`, { placement: { after: stays[round]! } });
    }
    expect(seen.filter((film) => film.startsWith('stays')).toSorted()).toEqual(stays);
    expect(seen.filter((film) => film.startsWith('new')).length).toBeGreaterThan(0);
  });
});
