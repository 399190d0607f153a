/**
 * The other dumb model: a row of cells with a timestamp each, removals as tombstones with one too; the highest timestamp wins,
 * and tombstones may be collected. Nothing tells an intact timestamp from a damaged one.
 * Source: Jonathan Ellis on Cassandra's reconciliation, five NoSQL questions (2010).
 */
export class LastWriterWins {
  readonly cells = new Map<string, { readonly at: number; readonly isRemoved: boolean; readonly value: string }>();

  write(item: string, at: number, { isRemoved = false, value = '' } = {}): void {
    const held = this.cells.get(item);
    if (held === undefined || at > held.at || (at === held.at && isRemoved)) this.cells.set(item, { at, isRemoved, value });
  }

  merge(other: LastWriterWins): void {
    for (const [item, cell] of other.cells) this.write(item, cell.at, cell);
  }

  /** Forgets removals of before this date. */
  collectTombstones(before: number): void {
    for (const [item, { at, isRemoved }] of this.cells) if (isRemoved && at < before) this.cells.delete(item);
  }

  items(): string[] {
    return [...this.cells].filter(([, { isRemoved }]) => !isRemoved).map(([item]) => item);
  }
}
