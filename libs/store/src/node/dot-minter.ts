/**
 * Mints dots, each once. Counters run per actor and row, so that contexts stay intervals; the next one is above both what
 * the row has applied of this actor and what was prepared here and perhaps never will be: a prepared delta may come back
 * hours later (row model, 3b), so its dot is spent when it is handed out. It is remembered until the row has it on disk: one that
 * is on its way there is forgotten by the row if the disk fails, and may be acknowledged by all other replicas (F10).
 *
 * An actor lives as long as this memory does: a start, and any doubt about what a row held, takes a fresh one. Keeping it
 * over a clean stop would need every counter on disk before PREPARE answers; it would save 12 bytes a restart in rows written.
 */
import type { RowKey } from '@app/contracts';
import type { Random } from '@app/time';
import { actorIdFrom, type ActorId, type Dot } from '../core/causality/dot.js';
import type { CausalContext } from '../core/causality/causal-context.js';
import { rowId } from './row-records.js';

/** Rows with a prepared dot that is not on disk yet. Beyond this a fresh actor costs less than remembering. */
const PREPARED_ROWS_MAX = 100_000;

export class DotMinter {
  #actor: ActorId;
  readonly #prepared = new Map<string, number>();

  constructor(private readonly random: Random) {
    this.#actor = actorIdFrom(random.bytes(8));
  }

  get actor(): ActorId {
    return this.#actor;
  }

  /** @param context the row's latest context here */
  mint(key: RowKey, context: CausalContext): Dot {
    if (this.#prepared.size >= PREPARED_ROWS_MAX) this.renew();
    const id = rowId(key);
    const counter = Math.max(context.highest(this.#actor), this.#prepared.get(id) ?? 0) + 1;
    this.#prepared.set(id, counter);
    return { actor: this.#actor, counter };
  }

  /** The row has this context on disk: what it holds, the row remembers for us. */
  durable(key: RowKey, context: CausalContext): void {
    if (this.#prepared.size === 0) return;
    const id = rowId(key);
    if (context.highest(this.#actor) >= (this.#prepared.get(id) ?? Infinity)) this.#prepared.delete(id);
  }

  /** From now on another actor: nothing that this memory may have forgotten can be minted again. */
  renew(): void {
    this.#actor = actorIdFrom(this.random.bytes(8));
    this.#prepared.clear();
  }
}
