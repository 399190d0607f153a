/**
 * How often a read, by the level it was made at, missed what had been acknowledged before it began. At quorum levels that is a
 * broken promise (checkers.ts names it); at ONE it is what the level allows, and a figure to know.
 */
import { groupBy } from './group-by.js';
import { isQuorum, isRead, isWrite, lastEffectMs, type Level, type Operation, type ReadOperation, type WriteOperation } from './history.js';

export interface Staleness {
  /** Reads that were answered. */
  readonly reads: number;
  /** Those of them that missed something. */
  readonly stale: number;
  /** How long before the read the oldest write that it missed had been acknowledged, at worst, ms. */
  readonly worstMs: number;
}

/**
 * Stale is a read that does not show a film whose add was acknowledged at a quorum before the read began, with no remove that
 * may have taken effect after that add began and before the read was answered; or that shows one whose remove was, with no
 * such add.
 */
export function staleReads(history: readonly Operation[]): ReadonlyMap<Level, Staleness> {
  const levels = new Map<Level, Staleness>();
  for (const operations of groupBy(history, ({ user }) => user).values()) {
    const writesByFilm = groupBy(operations.filter(isWrite).filter(({ outcome, kind }) => outcome !== 'refused' && kind !== 'move'), ({ film }) => film);
    for (const read of operations.filter(isRead)) {
      if (read.outcome !== 'acknowledged') continue;
      const behindMs = Math.max(0, ...[...writesByFilm].map(([film, writes]) => missedMs(read, read.films.includes(film), writes)));
      const { reads, stale, worstMs } = levels.get(read.level) ?? { reads: 0, stale: 0, worstMs: 0 };
      levels.set(read.level, { reads: reads + 1, stale: stale + Number(behindMs > 0), worstMs: Math.max(worstMs, behindMs) });
    }
  }
  return levels;
}

/** How long ago the oldest write that the read contradicts was acknowledged; 0 where it contradicts none. */
function missedMs(read: ReadOperation, isShown: boolean, writes: readonly WriteOperation[]): number {
  let worstMs = 0;
  for (const write of writes) {
    if (write.outcome !== 'acknowledged' || !isQuorum(write) || write.endMs! >= read.startMs) continue;
    if ((write.kind === 'add') === isShown) continue;
    const isExplained = writes.some((other) => other.kind !== write.kind && lastEffectMs(other) >= write.startMs && other.startMs < read.endMs!);
    if (!isExplained) worstMs = Math.max(worstMs, read.startMs - write.endMs!);
  }
  return worstMs;
}
