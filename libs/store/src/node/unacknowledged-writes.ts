/**
 * Writes that this node coordinated and no quorum acknowledged: they may be on this replica alone, for as long as it is cut off. A row
 * is taken out once a quorum is known to hold them, by whatever read. Kept in memory and bounded: what is forgotten here is only
 * shown to a session as early as any replica shows what it has.
 */
import type { RowKey } from '@app/contracts';
import { CausalContext } from '../core/causality/causal-context.js';
import type { Dot } from '../core/causality/dot.js';
import { rowId } from './row-records.js';

const ROWS_MAX = 10_000;

export class UnacknowledgedWrites {
  /** By row, the oldest first. */
  readonly #dots = new Map<string, CausalContext>();

  has(key: RowKey): boolean {
    return this.#dots.size > 0 && this.#dots.has(rowId(key));
  }

  add(key: RowKey, dot: Dot): void {
    const id = rowId(key);
    this.#dots.set(id, (this.#dots.get(id) ?? CausalContext.EMPTY).with(dot));
    if (this.#dots.size > ROWS_MAX) this.#dots.delete(this.#dots.keys().next().value!);
  }

  /** A quorum holds all of this. */
  onQuorum(key: RowKey, context: CausalContext): void {
    if (this.#dots.size === 0) return;
    const id = rowId(key);
    const dots = this.#dots.get(id);
    if (dots !== undefined && context.covers(dots)) this.#dots.delete(id);
  }
}
