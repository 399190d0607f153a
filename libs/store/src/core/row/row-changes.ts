/**
 * What happened to a row between two of its states, as a listener is to be told: by what is visible in both, never by the
 * operations in between. One that changes nothing visible (the second of two removals, a move that a later one outdoes) makes no
 * change, and an item that went and came is told as it is now.
 *
 * The state of a row is a function of its context, so the context of the earlier state is all that need be known of it. Of each
 * item that was touched since, the versions live then are the versions live now that it had seen, and those that the operations since
 * superseded, unless something it had seen had done so before. A body that is not known any more (an old version, removed) was
 * live then, as far as anybody knows; the change is told, and a listener that has it already loses nothing by hearing it again.
 *
 * Refused: keeping each listener's view, or a log of changes at each replica. The first costs memory for each listener; the
 * second is in the order of one replica, and says nothing to a listener who comes from another.
 */
import type { ItemChange } from '@app/contracts';
import type { CausalContext } from '../causality/causal-context.js';
import { dotText, type Dot } from '../causality/dot.js';
import { asItem, showItem, type ShownItem, type SiblingRule } from './causal-map.js';
import type { Delta, LiveDelta } from './delta.js';

/** What is known of a row's operations at its later state. */
export interface KnownOperations {
  /** Operations about one item that are still known one by one. */
  deltasOf(item: string): readonly Delta[];
  /** Live versions of an item at the later state. */
  versionsOf(item: string): readonly LiveDelta[];
}

/**
 * @param seen the context of the earlier state   @param missing every operation that the later state has beyond it
 * @returns each item at most once, in the order of the operations
 */
export function rowChanges(seen: CausalContext, missing: readonly Delta[], known: KnownOperations, siblings: SiblingRule): ItemChange[] {
  const touched = new Map<string, Delta[]>();
  for (const delta of missing.toSorted((a, b) => a.hlc - b.hlc)) {
    const deltas = touched.get(delta.item);
    if (deltas === undefined) touched.set(delta.item, [delta]);
    else deltas.push(delta);
  }
  const changes: ItemChange[] = [];
  for (const [item, deltas] of touched) {
    const versions = known.versionsOf(item);
    const change = changeOf(item, visibleBefore(seen, deltas, versions, known.deltasOf(item), siblings), showItem(versions, siblings), seen);
    if (change !== null) changes.push(change);
  }
  return changes;
}

/** The item as the earlier state showed it; 'unknown' where a version that it may have shown is not known any more. */
function visibleBefore(
  seen: CausalContext,
  missing: readonly Delta[],
  versions: readonly LiveDelta[],
  known: readonly Delta[],
  siblings: SiblingRule,
): ShownItem | null | 'unknown' {
  const live = new Map<string, LiveDelta>();
  for (const version of versions) if (seen.has(version.dot)) live.set(dotText(version.dot), version);
  const seenToo = known.filter(({ dot }) => seen.has(dot));
  const wasSupersededBefore = (dot: Dot): boolean => seenToo.some(({ supersedes }) => supersedes.some((other) => dotText(other) === dotText(dot)));
  for (const { supersedes } of missing) {
    for (const dot of supersedes) {
      if (!seen.has(dot) || wasSupersededBefore(dot)) continue;
      const body = seenToo.find((delta) => dotText(delta.dot) === dotText(dot));
      if (body === undefined) return 'unknown';
      if (body.version !== null) live.set(dotText(dot), body as LiveDelta);
    }
  }
  return showItem([...live.values()], siblings);
}

function changeOf(item: string, before: ShownItem | null | 'unknown', now: ShownItem | null, seen: CausalContext): ItemChange | null {
  if (now === null) return before === null ? null : { kind: 'removed', item };
  const isSameVersion = before === 'unknown' ? seen.has(now.cell.dot) : before !== null && dotText(before.cell.dot) === dotText(now.cell.dot);
  if (!isSameVersion) return { kind: 'added', item, now: asItem(now) };
  if (before !== 'unknown' && before?.position === now.position) return null;
  return { kind: 'moved', item, now: asItem(now) };
}
