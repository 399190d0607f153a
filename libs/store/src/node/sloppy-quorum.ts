/**
 * Sloppy quorum: where a replica does not answer a write, the next healthy node of the row's preference list past its replicas
 * keeps the write for it, as a hint with its owner's name, and hands it over when the owner is back (hinted-handoff.ts). Only
 * in tables that allow it, and never at a level whose promise it would break: a read of the replicas knows nothing of
 * stand-ins, so an add that one of them acknowledged is missed by the next quorum and not found by the next remove (row
 * model, F17). The reply says when one counted.
 *
 * Each stand-in keeps a write for one replica, so that as many nodes hold it as the level says.
 * Source: DeCandia et al., Dynamo (SOSP 2007), 4.6.
 */
import type { CallContext, ConsistencyLevel, NodeId, RowKey } from '@app/contracts';
import type { TableSchema } from '../core/row/table-schema.js';
import type { AskPeer } from './read-repair.js';

const STRICT: ReadonlySet<ConsistencyLevel> = new Set<ConsistencyLevel>(['SESSION', 'ALL', 'LINEARIZABLE']);

export const mayBeSloppy = (schema: TableSchema, level: ConsistencyLevel): boolean => schema.sloppy === true && !STRICT.has(level);

/** Finds stand-ins for one write. */
export class SloppyQuorum {
  readonly #spares: NodeId[];
  /** Replicas for which a stand-in was looked for, and whether there was none. */
  readonly #sought = new Map<NodeId, 'looking' | 'none'>();

  /** @param spares nodes past the row's replicas, in the order in which they are to be asked, those known down left out */
  constructor(
    private readonly ask: AskPeer,
    private readonly key: RowKey,
    private readonly delta: Uint8Array,
    private readonly context: CallContext,
    spares: readonly NodeId[],
  ) {
    this.#spares = [...spares];
  }

  hasNoneFor(owner: NodeId): boolean {
    return this.#sought.get(owner) === 'none';
  }

  /** Asks one after another, once for each replica, until one has the write for it on its disk; null when none is left. */
  standInFor(owner: NodeId, settle: (spare: NodeId | null) => void): void {
    if (this.#sought.has(owner)) return;
    this.#sought.set(owner, 'looking');
    this.#askNext(owner, settle);
  }

  #askNext(owner: NodeId, settle: (spare: NodeId | null) => void): void {
    const spare = this.#spares.shift();
    if (spare === undefined) {
      this.#sought.set(owner, 'none');
      return settle(null);
    }
    this.ask(spare, this.key, { kind: 'keep', owner, delta: this.delta }, this.context, (reply) => {
      if (reply?.kind === 'kept') settle(spare);
      else this.#askNext(owner, settle);
    });
  }
}
