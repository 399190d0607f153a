import { describe, expect, it } from 'vitest';
import { EMPTY_HEADER, type RowHeader } from '../core/row/row-header.js';
import { RowPages } from './row-pages.js';
import type { Page } from './row-records.js';

const header = (): RowHeader => ({ ...EMPTY_HEADER });
const pageOf = (count: number): Page => ({ items: Array.from({ length: count }, (_, index) => ({ item: `film-${index}`, position: 'p', value: Uint8Array.of(1), writtenAtMs: 1 })), more: false });

/** Pages, and how many of them were read from the row. */
class Counted {
  readonly pages = new RowPages();
  taken = 0;

  first(id: string, under: RowHeader, limit = 20, count = 3): Page {
    return this.pages.first(id, under, limit, () => {
      this.taken++;
      return pageOf(count);
    });
  }
}

describe('the first pages of rows', () => {
  it('are read once for as long as the row stays as it is, and anew after any change of it', () => {
    const counted = new Counted();
    const before = header();
    const page = counted.first('ann', before);
    expect(counted.first('ann', before)).toBe(page);
    expect(counted.taken).toBe(1);
    expect(counted.first('ann', header())).not.toBe(page);
    expect(counted.taken).toBe(2);
  });

  it('of another length are other pages', () => {
    const counted = new Counted();
    const under = header();
    counted.first('ann', under, 20);
    counted.first('ann', under, 50);
    expect(counted.taken).toBe(2);
  });

  it('are read anew where the records were changed under the same header', () => {
    const counted = new Counted();
    const under = header();
    counted.first('ann', under);
    counted.pages.forget('ann');
    counted.pages.forget('bob');
    counted.first('ann', under);
    expect(counted.taken).toBe(2);
  });

  it('are kept up to 20,000 items, those used last', () => {
    const counted = new Counted();
    const under = header();
    for (let row = 0; row < 40; row++) counted.first(`row-${row}`, under, 500, 500);
    counted.first('row-0', under, 500, 500);
    expect(counted.taken).toBe(40);
    counted.first('row-40', under, 500, 500); // in place of row-1
    counted.first('row-0', under, 500, 500);
    expect(counted.taken).toBe(41);
    counted.first('row-1', under, 500, 500);
    expect(counted.taken).toBe(42);
  });
});
