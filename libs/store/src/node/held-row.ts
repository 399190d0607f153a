/**
 * A row as one replica holds it: items with their versions, what each superseded, and what the row knows of operations.
 * For people who want to see why two replicas answer differently; nothing is decided by it. Durable state only, as in every
 * answer, so what is shown here is what this replica would still hold after a power cut.
 */
import type { ContextInterval, HeldItem, HeldRow, HeldVersion, RowKey } from '@app/contracts';
import type { CausalContext } from '../core/causality/causal-context.js';
import { dotText } from '../core/causality/dot.js';
import { physicalMs } from '../core/causality/hybrid-logical-clock.js';
import { isCell, type LiveDelta } from '../core/row/delta.js';
import type { RowStore } from './row-store.js';

const ITEMS_MAX = 200;

/** @param hasVote whether the slot of the row is synced here   @throws STORE_ROW_DAMAGED where reading it finds that out */
export function heldRow(rows: RowStore, key: RowKey, hasVote: boolean): HeldRow {
  const header = rows.header(key);
  return {
    digest: Buffer.from(rows.digest(key)).toString('hex'),
    vote: hasVote && !header.isDamaged,
    damaged: header.isDamaged,
    itemCount: header.itemCount,
    context: intervalsOf(header.context),
    void: intervalsOf(header.voided),
    items: header.isDamaged ? [] : itemsOf(rows, key),
  };
}

const intervalsOf = (context: CausalContext): ContextInterval[] => [...context.intervals()];

const itemsOf = (rows: RowStore, key: RowKey): HeldItem[] =>
  rows.page(key, ITEMS_MAX).items.map(({ item, position }) => ({ item, position, versions: rows.versions(key, item).map(versionOf) }));

function versionOf(delta: LiveDelta): HeldVersion {
  return {
    facet: delta.version.facet,
    dot: dotText(delta.dot),
    atMs: physicalMs(delta.hlc),
    superseded: delta.supersedes.map(dotText),
    value: isCell(delta) ? Buffer.from(delta.version.value).toString() : null,
  };
}
