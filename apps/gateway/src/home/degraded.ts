/** What of a page is degraded, gathered while it is put together: equal troubles in one entry, in the order of the page. */
import type { Served } from '@app/circuit';
import { causeOf } from '../services/or-missing.js';
import type { DegradedPart, HomePart } from './home-view.js';

export class DegradedParts {
  readonly #entries = new Map<string, DegradedPart>();

  /**
   * Notes a part that is degraded; one that is not is no news.
   * @param where a row's id, or `row/film`; absent: the whole page
   */
  note(part: HomePart, served: Served<unknown>, where?: string): void {
    if (served.degraded) this.add(part, causeOf(served), served.value !== null, where);
  }

  add(part: HomePart, cause: string | null, earlier: boolean, where?: string): void {
    const key = `${part} ${cause} ${earlier}`;
    const entry = this.#entries.get(key) ?? { part, cause, earlier, where: [] };
    if (where !== undefined) entry.where.push(where);
    this.#entries.set(key, entry);
  }

  all(): DegradedPart[] {
    return [...this.#entries.values()];
  }
}
