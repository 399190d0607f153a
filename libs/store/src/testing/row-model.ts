/**
 * The dumb version of a row: it keeps every operation that it ever heard of, and works out what is live from all of them.
 * No context, no void set, no merging rule to get wrong: what the causal map must equal, at any moment and in any order.
 */
import { dotText } from '../core/causality/dot.js';
import type { Delta } from '../core/row/delta.js';

export class RowModel {
  readonly #applied = new Map<string, Delta>();

  apply(delta: Delta): void {
    this.#applied.set(dotText(delta.dot), delta);
  }

  merge(other: RowModel): void {
    for (const delta of other.#applied.values()) this.apply(delta);
  }

  /** Names of all operations applied, sorted. */
  context(): string[] {
    return [...this.#applied.keys()].sort();
  }

  /** Names of the versions that nothing applied supersedes, sorted. */
  live(): string[] {
    const superseded = this.#superseded();
    return [...this.#applied.values()].filter((delta) => delta.version !== null && !superseded.has(dotText(delta.dot))).map((delta) => dotText(delta.dot)).sort();
  }

  /** Names of what was superseded before it arrived, sorted. */
  voided(): string[] {
    return [...this.#superseded()].filter((dot) => !this.#applied.has(dot)).sort();
  }

  #superseded(): Set<string> {
    return new Set([...this.#applied.values()].flatMap((delta) => delta.supersedes.map(dotText)));
  }
}
