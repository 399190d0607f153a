/** Of the contract of a ListStore: many items of a row by one read. */
import { expect, it } from 'vitest';
import type { ListStoreDriver } from './list-store-driver.js';

export function getContract(run: (test: (list: ListStoreDriver) => void) => void): void {
  it('gives many items by one read: in the order asked, null for what is not there, at every level', () =>
    run((list) => {
      list.added('a', 'b', 'c');
      for (const level of ['ONE', 'SESSION', 'QUORUM', 'ALL', 'LINEARIZABLE'] as const) {
        list.terms = { level };
        const { items } = list.answer(list.get('c', 'ghost', 'a'));
        expect(items).toEqual([list.found('c'), null, list.found('a')]);
        expect(items.map((item) => item?.item)).toEqual(['c', undefined, 'a']);
      }
    }));

  it('refuses to get no item, one twice, or more than 200', () =>
    run((list) => {
      const names = Array.from({ length: 201 }, (_, at) => `film-${at}`);
      for (const wanted of [[], ['a', 'b', 'a'], names]) expect(list.endingOf(list.get(...wanted))).toEqual(['REQUEST_INVALID']);
      expect(list.answer(list.get(...names.slice(1))).items).toEqual(Array.from({ length: 200 }, () => null));
    }));

  it('gets items as of one state of the row: none is older than another', () =>
    run((list) => {
      const names = Array.from({ length: 12 }, (_, at) => `film-${at}`);
      const readings: boolean[][] = [];
      let written = 0;
      const writeNext = (): void => {
        if (written < names.length) list.write(names[written]!, list.add()).subscribe(() => (written++, writeNext()));
      };
      writeNext();
      for (let ms = 0; ms < 200; ms++) {
        // The earliest first: read one by one, it would be missing where a later one is there.
        list.get(...names).subscribe(({ items }) => readings.push(items.map((item) => item !== null)));
        list.clock.advance(1);
      }
      list.rest();
      expect([written, readings.length]).toEqual([names.length, 200]);
      for (const found of readings) expect(found).toEqual(found.toSorted((a, b) => Number(b) - Number(a)));
    }));
}
