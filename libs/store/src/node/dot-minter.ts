/**
 * Mints dots, each once. Counters run per actor and row, so that contexts stay intervals; the next one is above both what
 * the row has applied of this actor and what was prepared here and perhaps never will be: a prepared delta may come back
 * hours later (row model, 3b), so its dot is spent when it is handed out.
 *
 * An actor lives as long as this memory does: a start, and any doubt about what a row held, takes a fresh one. Keeping it
 * over a clean stop would need every counter on disk before PREPARE answers; it would save 12 bytes a restart in rows written.
 */
import { actorIdFrom, type ActorId, type Dot } from '../core/causality/dot.js';
import type { CausalContext } from '../core/causality/causal-context.js';
import type { Random } from '@app/time';

/** Rows with a prepared dot that is not applied yet. Beyond this a fresh actor costs less than remembering. */
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
  mint(rowId: string, context: CausalContext): Dot {
    if (this.#prepared.size >= PREPARED_ROWS_MAX) this.renew();
    const counter = Math.max(context.highest(this.#actor), this.#prepared.get(rowId) ?? 0) + 1;
    this.#prepared.set(rowId, counter);
    return { actor: this.#actor, counter };
  }

  /** A dot came back as a delta to apply: once the row's context holds it, the row remembers for us. */
  applied(rowId: string, dot: Dot): void {
    if (dot.actor === this.#actor && this.#prepared.get(rowId) === dot.counter) this.#prepared.delete(rowId);
  }

  /** From now on another actor: nothing that this memory may have forgotten can be minted again. */
  renew(): void {
    this.#actor = actorIdFrom(this.random.bytes(8));
    this.#prepared.clear();
  }
}
