/**
 * The row as a causal map: an add-wins map in which removals leave no tombstone. What makes that safe is the row's
 * context, the set of operations applied here: whoever holds a version whose dot is in my context, while I do not, holds
 * something that I have seen and dropped; a version whose dot is not in it is news to me.
 *
 * Two sets, not one. `context` holds dots whose operation was **applied** here; `voided` holds dots that something
 * applied here superseded though they themselves have not arrived (and so must never take effect). Counting the
 * second kind as applied would be false knowledge: a replica would claim to have what it never saw (row model, F2).
 *
 * Everything here is a pure function of (row header, one item's versions, delta); whoever stores rows supplies both and
 * keeps what comes back. The dumb version that the tests hold this against keeps every operation for ever.
 * Sources: Bieniusa et al., An optimized conflict-free replicated set (2012); Almeida et al., Delta state replicated data
 * types (2016); Brown et al., Big(ger) sets (2016), for keeping the row decomposed.
 */
import type { Item } from '@app/contracts';
import { CausalContext } from '../causality/causal-context.js';
import { compareDots, sameDot, type Dot } from '../causality/dot.js';
import { physicalMs } from '../causality/hybrid-logical-clock.js';
import { isCell, isPlace, type CellDelta, type Delta, type LiveDelta } from './delta.js';

/** What a row knows of operations, without its versions. */
export interface RowKnowledge {
  readonly context: CausalContext;
  readonly voided: CausalContext;
}

export const NOTHING_KNOWN: RowKnowledge = { context: CausalContext.EMPTY, voided: CausalContext.EMPTY };

export const hasSeen = (row: RowKnowledge, dot: Dot): boolean => row.context.has(dot) || row.voided.has(dot);

/** The change that one delta makes to a row: to its knowledge, and to the versions of the delta's item. */
export interface DeltaEffect {
  readonly knowledge: RowKnowledge;
  readonly versions: readonly LiveDelta[];
}

/**
 * Drops the versions that the delta supersedes, remembers as void those that have not arrived yet, keeps the delta's own
 * version unless its dot was applied or voided before, and puts its dot in the context.
 * Idempotent, commutative, associative. Null when the delta was applied before: there is nothing to do.
 * @param versions live versions of `delta.item` here
 */
export function applyDelta(row: RowKnowledge, versions: readonly LiveDelta[], delta: Delta): DeltaEffect | null {
  if (row.context.has(delta.dot)) return null;
  let voided = row.voided;
  for (const dot of delta.supersedes) if (!row.context.has(dot)) voided = voided.with(dot);
  const kept = versions.filter((version) => !delta.supersedes.some((dot) => sameDot(dot, version.dot)));
  if (delta.version !== null && !voided.has(delta.dot)) kept.push(delta as LiveDelta);
  return {
    knowledge: { context: row.context.with(delta.dot), voided: voided.without(delta.dot) },
    versions: kept,
  };
}

/**
 * A row as much as its receiver lacks it, taken at one moment. `live` names every live version of the sender; `versions`
 * brings those of them that are not in `base`, which is what the receiver said it had seen. A receiver that no longer
 * covers `base` (its row was found damaged meanwhile) must refuse the snapshot: it would take on the sender's context
 * without the versions that go with it.
 */
export interface RowSnapshot extends RowKnowledge {
  readonly base: RowKnowledge;
  readonly live: CausalContext;
  readonly versions: readonly LiveDelta[];
}

/**
 * Whether the first row has taken in all that the second has. Only applied operations count: a dot that is merely voided
 * here may have superseded something that is still live here (F2).
 */
export const coversKnowledge = (mine: RowKnowledge, other: RowKnowledge): boolean =>
  mine.context.covers(other.context) && other.voided.minus(mine.context).minus(mine.voided).isEmpty;

export const sameKnowledge = (a: RowKnowledge, b: RowKnowledge): boolean =>
  a === b || (a.context.equals(b.context) && a.voided.equals(b.voided));

/** Knowledge after a merge. Only a whole-row snapshot may extend the context: part of the cells proves nothing (F6). */
export function mergeKnowledge(mine: RowKnowledge, theirs: RowKnowledge): RowKnowledge {
  const context = mine.context.union(theirs.context);
  return { context, voided: mine.voided.union(theirs.voided).minus(context) };
}

/**
 * The versions of one item after merging a snapshot of the whole row: mine, less those that the sender has seen and no
 * longer has; and the sender's, less those that I have seen and no longer have.
 * @param arriving the snapshot's versions of this item
 */
export function mergeVersions(
  mine: RowKnowledge,
  held: readonly LiveDelta[],
  snapshot: RowSnapshot,
  arriving: readonly LiveDelta[],
): readonly LiveDelta[] {
  const kept = held.filter((version) => !hasSeen(snapshot, version.dot) || snapshot.live.has(version.dot));
  const news = arriving.filter((version) => !hasSeen(mine, version.dot));
  return kept.length === held.length && news.length === 0 ? held : [...kept, ...news];
}

/**
 * What a row may still claim to know when some of its records turned out to be damaged: the operations whose versions are
 * intact, and what those superseded. Keeping the rest of the context would make the damage spread as a removal (F8).
 */
export function knowledgeOfIntact(intact: readonly LiveDelta[]): RowKnowledge {
  const context = CausalContext.of(intact.map((version) => version.dot));
  const superseded = CausalContext.of(intact.flatMap((version) => version.supersedes));
  return { context, voided: superseded.minus(context) };
}

/** Which of several concurrent cell versions is shown. Never whether the item is there: any live version means it is. */
export type SiblingRule = 'earliest' | 'latest';

/** An item as its live versions show it. */
export interface ShownItem {
  readonly cell: CellDelta;
  readonly position: string;
}

/**
 * Null where the item is not in the row. The cell shown is the earliest or latest by (hlc, dot), as the table says; the
 * place is that of the latest move that is based on a live version, or else the cell's own.
 */
export function showItem(versions: readonly LiveDelta[], siblings: SiblingRule): ShownItem | null {
  let cell: CellDelta | null = null;
  for (const version of versions) {
    if (!isCell(version)) continue;
    if (cell === null || (siblings === 'latest') === isLater(version, cell)) cell = version;
  }
  if (cell === null) return null;
  let place: LiveDelta | null = null;
  for (const version of versions) {
    if (!isPlace(version)) continue;
    const isBased = version.version.bases.some((base) => versions.some((other) => isCell(other) && sameDot(other.dot, base)));
    if (isBased && (place === null || isLater(version, place))) place = version;
  }
  return { cell, position: (place ?? cell).version.position };
}

/** The item as a reader is told of it. */
export const asItem = (shown: ShownItem): Item => ({
  item: shown.cell.item,
  position: shown.position,
  value: shown.cell.version.value,
  writtenAtMs: physicalMs(shown.cell.hlc),
});

const isLater = (a: Delta, b: Delta): boolean => a.hlc > b.hlc || (a.hlc === b.hlc && compareDots(a.dot, b.dot) > 0);
