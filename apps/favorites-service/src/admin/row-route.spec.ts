import type { HeldRow, RowKey } from '@app/contracts';
import { expect, it } from 'vitest';
import { rowRoute } from './row-route.js';

const EMPTY: HeldRow = { digest: '', vote: true, damaged: false, itemCount: 0, context: [], void: [], items: [] };

it('an administrator asks for one row of a table that there is, by a name that a row can have', () => {
  const asked: RowKey[] = [];
  const route = rowRoute({
    heldRow: (key) => {
      asked.push(key);
      return EMPTY;
    },
  });
  expect([route.method, route.path]).toEqual(['GET', 'rows/:table/:row']);
  expect(route.handle(undefined, { table: 'favorites', row: 'ann' })).toBe(EMPTY);
  expect(asked).toEqual([{ table: 'favorites', row: 'ann' }]);
  expect(() => route.handle(undefined, { table: 'nowhere', row: 'ann' })).toThrow('no such table');
  expect(() => route.handle(undefined, { table: 'favorites', row: 'a/b' })).toThrow('a row is named');
  expect(asked).toHaveLength(1);
});
