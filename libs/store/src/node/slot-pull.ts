/**
 * One step of a sync: some slots that have the same sources, gone through at one source after another, page by page, until
 * enough sources have been taken in. A row that is equal by its digest costs its name; another is pulled until nothing is missing.
 * Nothing is pushed: this node has no vote in these slots and is no source.
 */
import type { Subscription } from 'rxjs';
import { TriptychError, type CallContext, type NodeId, type RowKey } from '@app/contracts';
import type { Cancel } from '@app/time';
import { decodeLeafRows } from '../core/merkle/leaf-rows.js';
import { coversKnowledge } from '../core/row/causal-map.js';
import { decodeDifference, decodeKnowledge, encodeKnowledge } from '../core/row/row-difference.js';
import type { PeerReply } from '../ports/transport.js';
import type { Pace } from './pace.js';
import { takeIn } from './replica.js';
import type { SlotSyncPorts } from './slot-sync.js';

export interface SlotBatch {
  /** Ascending. */
  readonly slots: readonly number[];
  /** In the order in which they are asked. */
  readonly sources: readonly NodeId[];
  /** With a vote; or all sources, with a vote or without. */
  readonly needed: number;
  readonly question: Uint8Array;
}

const PULLS_AT_ONCE = 8;
const ANSWER_TIMEOUT_MS = 2_000;

export class SlotPull {
  readonly #calls = new Set<Subscription>();
  readonly #sources: NodeId[];
  #taken = 0;
  #voters = 0;
  #source!: NodeId;
  /** All that the source has said so far came with its vote. */
  #hasVoted = true;
  #waiting: RowKey[] = [];
  #pulling = 0;
  #hasFailed = false;
  #afterPage: () => void = () => {};
  #cancelTimer: Cancel = () => {};
  #isDone = false;

  constructor(
    private readonly ports: SlotSyncPorts,
    private readonly batch: SlotBatch,
    private readonly pace: Pace,
    private readonly counts: { rowsCompared: number; rowsPulled: number; bytes: number },
    private readonly settle: (isComplete: boolean) => void,
  ) {
    this.#sources = [...batch.sources];
  }

  start(): void {
    this.#nextSource();
  }

  /** Settles no more. What is on its way to disk gets there. */
  stop(): void {
    this.#isDone = true;
    this.#cancelTimer();
    for (const call of this.#calls) call.unsubscribe();
  }

  #nextSource(): void {
    if (this.#voters >= this.batch.needed || this.#taken === this.batch.sources.length) return this.#end(true);
    const source = this.#sources.shift();
    if (source === undefined) return this.#end(false);
    this.#source = source;
    this.#hasVoted = true;
    this.#hasFailed = false;
    this.#nextPage(null);
  }

  #nextPage(after: RowKey | null): void {
    const call = this.ports.askSlots(this.#source, { kind: 'slots', slots: this.batch.question, after }, this.#context(), (reply) => {
      this.#calls.delete(call);
      if (this.#isDone) return;
      if (reply?.kind !== 'slots') return this.#nextSource();
      this.#attempt(() => {
        this.#hear(reply, reply.rows.length);
        const rows = decodeLeafRows(reply.rows);
        const last = rows.at(-1)?.key ?? null;
        this.counts.rowsCompared += rows.length;
        for (const { key, digest } of rows) {
          // A row that is damaged there cannot be had from there: the source will do when it has rebuilt it.
          if (digest === null) this.#hasFailed = true;
          else if (!this.#holds(key, digest)) this.#waiting.push(key);
        }
        this.#afterPage = () => {
          if (this.#hasFailed) this.#nextSource();
          else if (reply.more && last !== null) this.#nextPage(last);
          else this.#sourceTaken();
        };
        this.#pullSome();
      });
    });
    this.#calls.add(call);
  }

  #holds(key: RowKey, digest: Uint8Array): boolean {
    const { rows } = this.ports;
    return !rows.header(key).isDamaged && Buffer.compare(digest, rows.digest(key)) === 0;
  }

  #sourceTaken(): void {
    this.#taken++;
    if (this.#hasVoted) this.#voters++;
    this.#nextSource();
  }

  #pullSome(): void {
    if (this.#isDone) return;
    this.#cancelTimer();
    while (this.#waiting.length > 0 && this.#pulling < PULLS_AT_ONCE) {
      const delayMs = this.pace.delayMs(this.ports.clock.monotonicMs());
      if (delayMs > 0) {
        this.#cancelTimer = this.ports.clock.after(delayMs, () => this.#pullSome());
        return;
      }
      this.#pulling++;
      this.#pull(this.#waiting.shift()!);
    }
    if (this.#pulling === 0) this.#afterPage();
  }

  #pull(key: RowKey): void {
    const { rows, ask } = this.ports;
    const call = ask(this.#source, key, { kind: 'pull', knowledge: encodeKnowledge(rows.header(key)) }, this.#context(), (reply) => {
      this.#calls.delete(call);
      if (this.#isDone) return;
      if (reply?.kind !== 'pulled') return this.#pulled(false);
      this.#attempt(() => {
        this.#hear(reply, reply.difference?.length ?? 0);
        if (reply.difference === null) return this.#pulled(reply.vote || coversKnowledge(rows.header(key), decodeKnowledge(reply.knowledge)));
        const difference = decodeDifference(reply.difference);
        takeIn(rows, key, difference, (error) => {
          if (this.#isDone) return;
          if (error !== undefined) return this.#pulled(false);
          if (difference.kind === 'deltas' && difference.isPartial) return this.#pull(key);
          this.counts.rowsPulled++;
          this.#pulled(true);
        });
      });
    });
    this.#calls.add(call);
  }

  #pulled(isTaken: boolean): void {
    if (!isTaken) this.#hasFailed = true;
    this.#pulling--;
    // Out of the callback of the engine or the transport that it ended in: the next may end at once too.
    if (this.#pulling === 0 || this.#waiting.length > 0) {
      this.#cancelTimer();
      this.#cancelTimer = this.ports.clock.after(0, () => this.#pullSome());
    }
  }

  #hear(reply: Extract<PeerReply, { vote: boolean }>, byteCount: number): void {
    if (!reply.vote) this.#hasVoted = false;
    this.counts.bytes += byteCount;
    this.pace.sent(byteCount, this.ports.clock.monotonicMs());
  }

  /** Bytes that are none of ours, or a table that cannot be read here, end the step: it is tried again later. */
  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof TriptychError)) throw error;
      this.#end(false);
    }
  }

  #context(): CallContext {
    return {
      deadlineMs: this.ports.clock.monotonicMs() + ANSWER_TIMEOUT_MS,
      traceId: 'slot-sync',
      priority: 'background',
      principal: { kind: 'service', name: 'slot-sync' },
    };
  }

  #end(isComplete: boolean): void {
    if (this.#isDone) return;
    this.stop();
    this.settle(isComplete);
  }
}
