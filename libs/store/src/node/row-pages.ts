/**
 * First pages of rows, kept while their rows stay as they are: a list is read far more often than it changes, and reading
 * one takes a scan, a checksum and an object for each item. What a page is good for is a header: the durable header of a row
 * is another object after each change of it, whatever changed, so a page that was taken under this very one is the page.
 *
 * Refused: pages under the row's digest. It costs a hash to compare, and tells no more.
 */
import type { RowHeader } from '../core/row/row-header.js';
import type { Page } from './row-records.js';

/** Items in all pages kept, some 300 bytes each. */
const KEPT_ITEMS = 20_000;

interface KeptPage {
  readonly header: RowHeader;
  readonly limit: number;
  readonly page: Page;
}

export class RowPages {
  /** The one used longest ago first. */
  readonly #pages = new Map<string, KeptPage>();
  #items = 0;

  /** @param take reads the page from the durable row, whose header is this one */
  first(id: string, header: RowHeader, limit: number, take: () => Page): Page {
    const kept = this.#pages.get(id);
    if (kept !== undefined && kept.header === header && kept.limit === limit) {
      this.#pages.delete(id);
      this.#pages.set(id, kept);
      return kept.page;
    }
    const page = take();
    this.forget(id);
    this.#pages.set(id, { header, limit, page });
    this.#items += page.items.length;
    for (const oldest of this.#pages.keys()) {
      if (this.#items <= KEPT_ITEMS) break;
      this.forget(oldest);
    }
    return page;
  }

  /** The records of the row were changed under the same header. */
  forget(id: string): void {
    const kept = this.#pages.get(id);
    if (kept === undefined) return;
    this.#pages.delete(id);
    this.#items -= kept.page.items.length;
  }
}
