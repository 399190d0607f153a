/**
 * COMMIT: gives one delta to every replica of the row, exactly as it was prepared, and answers when enough hold it
 * durably. Sends go out beside the own write, not after it; a counter is safe all the same, because a start takes a
 * fresh actor (row model, C1).
 *
 * A write that fails is never taken back: somebody may have read it. It stays what it is, unknown to its caller, and goes
 * forward wherever it reached; leaving early only means that nobody waits. So it may be left when too few replicas are left that
 * are not silent: the caller has the delta, and does better with it elsewhere.
 */
import { TriptychError, type CallContext, type NodeId, type RowKey } from '@app/contracts';
import type { Cancel } from '@app/time';
import type { QuorumOutcome } from '../core/quorum/vote-count.js';
import { WriteQuorum } from '../core/quorum/write-quorum.js';
import { encodeDelta, type Delta } from '../core/row/delta.js';
import type { RowPlacement } from './cluster-view.js';
import type { AskPeer } from './read-repair.js';
import type { RowStore } from './row-store.js';
import { watchSilence, type SilenceWatchPorts } from './silence-watch.js';
import { SloppyQuorum } from './sloppy-quorum.js';

export interface QuorumWritePorts extends SilenceWatchPorts {
  readonly self: NodeId;
  readonly rows: RowStore;
  readonly ask: AskPeer;
  /** A replica did not acknowledge the write: a hint is kept for it. */
  readonly owe: (node: NodeId, key: RowKey, delta: Delta, bytes: Uint8Array) => void;
}

/**
 * No write is waited for longer than this, whatever its caller's deadline: who has to know that all writes of a moment are
 * over (a replica that lost a copy then) waits this long.
 */
export const LONGEST_WRITE_MS = 10_000;

/** A replica that has not answered for this long is stood in for where the table allows that, ms. */
const STAND_IN_AFTER_MS = 100;

/** Who stored it; `isSloppy` where that was fewer than needed, and nodes that keep it for others made it enough. */
type Settled = { readonly replicas: readonly NodeId[]; readonly isSloppy: boolean } | { readonly error: TriptychError };

export class QuorumWrite {
  readonly #quorum: WriteQuorum;
  #isOwnCopyLost = false;
  #isDone = false;
  readonly #failed = new Set<NodeId>();
  #sloppy: SloppyQuorum | null = null;
  #cancelDeadline: Cancel = () => {};
  #cancelStandIns: Cancel = () => {};
  #cancelWatch: Cancel = () => {};

  /**
   * @param placement the row's replicas: every one is sent the write   @param required acknowledgements of each set
   * @param spares nodes that may stand in for replicas; null where they may not
   */
  constructor(
    private readonly ports: QuorumWritePorts,
    private readonly key: RowKey,
    private readonly delta: Delta,
    placement: RowPlacement,
    private readonly required: number,
    private readonly spares: readonly NodeId[] | null,
    private readonly context: CallContext,
    private readonly settle: (settled: Settled) => void,
  ) {
    this.#quorum = new WriteQuorum([ports.self, ...placement.others], required, new Set(), placement.sets);
  }

  start(): void {
    const { self, clock, ask, owe, rows } = this.ports;
    const timeoutMs = Math.min(this.context.deadlineMs - clock.monotonicMs(), LONGEST_WRITE_MS);
    const context = { ...this.context, deadlineMs: clock.monotonicMs() + timeoutMs };
    this.#cancelDeadline = clock.after(timeoutMs, () => this.#end({ error: this.#failure('STORE_WRITE_TIMEOUT', { timeoutMs: Math.round(timeoutMs) }) }));
    const bytes = encodeDelta(this.delta);
    if (this.spares !== null) {
      this.#sloppy = new SloppyQuorum(ask, this.key, bytes, context, this.spares);
      this.#cancelStandIns = clock.after(STAND_IN_AFTER_MS, () => this.#quorum.missing.forEach((node) => this.#standIn(node)));
    }
    for (const node of this.#quorum.toSend()) {
      if (node === self) continue;
      ask(node, this.key, { kind: 'apply', delta: bytes }, context, (reply) => {
        const isStored = reply?.kind === 'applied';
        this.#answered(node, isStored);
        if (!isStored) owe(node, this.key, this.delta, bytes);
      });
    }
    // A replica that has fallen silent has failed so far, and may still answer.
    if (!this.#isDone) this.#cancelWatch = watchSilence(this.ports, () => this.#quorum.missing.filter((node) => node !== self), (node) => this.#isDone || this.#answered(node, false));
    rows.apply(this.key, this.delta, (error) => this.#answered(self, error === undefined && !this.#isOwnCopyLost));
  }

  /** The own copy was found damaged while the write was under way: an acknowledgement of it no longer stands for one (F9). */
  ownCopyDamaged(): void {
    this.#isOwnCopyLost = true;
    this.#end({ error: this.#failure('STORE_WRITE_UNCERTAIN') });
  }

  #answered(node: NodeId, isStored: boolean): void {
    if (isStored) return this.#judge(this.#quorum.answer(node, 'stored'));
    this.#failed.add(node);
    if (this.#sloppy === null || this.#sloppy.hasNoneFor(node)) return this.#judge(this.#quorum.answer(node, 'failed'));
    this.#standIn(node);
  }

  /** For a replica that failed, or has not answered so far: then it may still do so itself. */
  #standIn(node: NodeId): void {
    this.#sloppy!.standInFor(node, (spare) => {
      if (spare !== null) this.#judge(this.#quorum.standIn(node));
      else if (this.#failed.has(node)) this.#judge(this.#quorum.answer(node, 'failed'));
    });
  }

  #judge(outcome: QuorumOutcome): void {
    if (outcome === 'satisfied') this.#end({ replicas: this.#quorum.stored, isSloppy: this.#quorum.isSloppy });
    else if (outcome === 'unreachable') this.#end({ error: this.#failure('STORE_WRITE_UNCERTAIN') });
  }

  #end(settled: Settled): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#cancelDeadline();
    this.#cancelStandIns();
    this.#cancelWatch();
    this.settle(settled);
  }

  #failure(code: 'STORE_WRITE_TIMEOUT' | 'STORE_WRITE_UNCERTAIN', details: { timeoutMs?: number } = {}): TriptychError {
    const acknowledged = this.#quorum.votes;
    return new TriptychError(code, `${this.required} replicas were needed and ${acknowledged} acknowledged; the write may still take effect`, {
      required: this.required,
      acknowledged,
      ...details,
    });
  }
}
