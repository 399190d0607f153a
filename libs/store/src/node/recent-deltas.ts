/**
 * The operations applied here of late, so that a replica that lacks only those is sent only those. Versions can be found
 * in the row; a removal leaves nothing behind, and without this every missing one would cost a comparison of whole rows
 * (row model, C6). An optimisation in memory: it may forget at any time.
 */
import { sameDot, type Dot } from '../core/causality/dot.js';
import type { Delta } from '../core/row/delta.js';

const ROW_MAX_COUNT = 64;
const TOTAL_MAX_COUNT = 20_000;

export class RecentDeltas {
  readonly #rows = new Map<string, Delta[]>();
  #count = 0;

  add(rowId: string, deltas: readonly Delta[]): void {
    let row = this.#rows.get(rowId);
    if (row === undefined) row = [];
    else this.#rows.delete(rowId);
    this.#rows.set(rowId, row); // last in the map's order: the row used last is forgotten last
    for (const delta of deltas) {
      if (row.some(({ dot }) => sameDot(dot, delta.dot))) continue;
      row.push(delta);
      if (row.length > ROW_MAX_COUNT) row.shift();
      else this.#count++;
    }
    while (this.#count > TOTAL_MAX_COUNT) this.forget(this.#rows.keys().next().value!);
  }

  find(rowId: string, dot: Dot): Delta | undefined {
    return this.#rows.get(rowId)?.find((delta) => sameDot(delta.dot, dot));
  }

  /** Those of a row, in the order in which they came. */
  of(rowId: string): readonly Delta[] {
    return [...(this.#rows.get(rowId) ?? [])];
  }

  forget(rowId: string): void {
    const row = this.#rows.get(rowId);
    if (row === undefined) return;
    this.#count -= row.length;
    this.#rows.delete(rowId);
  }
}
