/**
 * What a row has that somebody who knows less of it lacks: a replica, which is sent operations or a snapshot, or a listener, who
 * is told what is to be seen of them. Worked out from the durable records, and from the operations applied here of late: a
 * version is found in the row, a removal leaves nothing behind there.
 */
import type { ItemChange, RowKey } from '@app/contracts';
import { CausalContext } from '../core/causality/causal-context.js';
import { dotText, type Dot } from '../core/causality/dot.js';
import { hasSeen, type RowKnowledge, type SiblingRule } from '../core/row/causal-map.js';
import { encodeDelta, type Delta, type LiveDelta } from '../core/row/delta.js';
import { rowChanges } from '../core/row/row-changes.js';
import type { RowDifference } from '../core/row/row-difference.js';
import type { RecentDeltas } from './recent-deltas.js';
import { rowId, type RowRecords } from './row-records.js';

/** Versions in one message stay below this, well within a frame; more go in several rounds. */
const DIFFERENCE_BYTES = 1024 * 1024;
/** Up to this many missing operations are looked up one by one; a replica that lacks more gets a snapshot. */
const DELTAS_MAX_COUNT = 64;

export class RowDifferences {
  constructor(
    private readonly records: RowRecords,
    private readonly recent: RecentDeltas,
    private readonly siblingRuleOf: (table: string) => SiblingRule,
  ) {}

  /**
   * For a replica that knows `peer` and lacks something. Operations that are still known one by one go as deltas; for the rest a
   * snapshot, whose cost is the row.
   * @param knowledge of the row here   @throws STORE_RECORD_CORRUPT
   */
  between(key: RowKey, knowledge: RowKnowledge, peer: RowKnowledge): RowDifference {
    const missing = knowledge.context.minus(peer.context);
    const unvoided = knowledge.voided.minus(peer.context).minus(peer.voided);
    return this.#missingDeltas(key, missing, unvoided) ?? this.#snapshotFor(key, knowledge, peer);
  }

  /**
   * For a listener who has heard of a state that had `seen`, all of which is here too; null where what became of it is not known
   * any more operation by operation.
   * @param context of the row here   @throws STORE_RECORD_CORRUPT
   */
  visibleSince(key: RowKey, context: CausalContext, seen: CausalContext): ItemChange[] | null {
    const missing = context.minus(seen);
    if (missing.dotCount > DELTAS_MAX_COUNT) return null;
    const recent = this.recent.of(rowId(key));
    const known = new Map(recent.map((delta) => [dotText(delta.dot), delta]));
    const dots = [...missing.dots()].map(dotText);
    // A version is its own delta; which item's is not known, so that all are looked through.
    if (!dots.every((dot) => known.has(dot))) for (const versions of this.records.items(key).values()) for (const version of versions) known.set(dotText(version.dot), version);
    const deltas = dots.map((dot) => known.get(dot));
    if (!deltas.every((delta) => delta !== undefined)) return null;
    const versionsOf = (item: string): readonly LiveDelta[] => this.records.versions(key, item);
    const deltasOf = (item: string): readonly Delta[] => [...recent.filter((delta) => delta.item === item), ...versionsOf(item)];
    return rowChanges(seen, deltas, { versionsOf, deltasOf }, this.siblingRuleOf(key.table));
  }

  #missingDeltas(key: RowKey, missing: CausalContext, unvoided: CausalContext): RowDifference | null {
    if (missing.isEmpty || missing.dotCount > DELTAS_MAX_COUNT) return null;
    const deltas: Delta[] = [];
    let stillUnvoided = unvoided;
    for (const dot of missing.dots()) {
      const delta = this.recent.find(rowId(key), dot);
      if (delta === undefined) return null;
      deltas.push(delta);
      for (const superseded of delta.supersedes) stillUnvoided = stillUnvoided.without(superseded);
    }
    return stillUnvoided.isEmpty ? { kind: 'deltas', deltas, isPartial: false } : null;
  }

  #snapshotFor(key: RowKey, { context, voided }: RowKnowledge, peer: RowKnowledge): RowDifference {
    const live: Dot[] = [];
    const versions: LiveDelta[] = [];
    let bytes = 0;
    for (const held of this.records.items(key).values()) {
      for (const version of held) {
        live.push(version.dot);
        if (hasSeen(peer, version.dot)) continue;
        bytes += encodeDelta(version).length;
        // A version is a whole operation, so some of them can go ahead by themselves; the context goes last, with the rest.
        if (bytes > DIFFERENCE_BYTES && versions.length > 0) return { kind: 'deltas', deltas: versions, isPartial: true };
        versions.push(version);
      }
    }
    const base = { context: peer.context, voided: peer.voided };
    return { kind: 'snapshot', snapshot: { base, context, voided, live: CausalContext.of(live), versions } };
  }
}
