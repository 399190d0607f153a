/**
 * One comparison with one peer: down the two trees to the leaves that differ, their rows listed on both sides, and each
 * row that differs made equal on both. Everything in turn and bounded: a page of rows, a few repairs at a time, so
 * many bytes a second. It takes what it finds as a hint where to look and decides nothing by it.
 *
 * A write on its way to the peer is no divergence, so between finding and repairing there is a pause in which it arrives.
 * After it, a repair begins with what the peer knows of the row by then, and where nothing is missing it ends there. If a
 * write is still on its way, the peer gets it twice and applies it once.
 *
 * The repair is read repair's own: pull what this node lacks, make it durable, push what the peer lacks. Both directions
 * carry removals as they carry adds: what was removed is not sent back by the side that missed it. A row that is
 * damaged on either side is left to row-rebuild.ts.
 */
import type { Subscription } from 'rxjs';
import { TriptychError, type CallContext, type NodeId, type RowKey } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import { decodeLeafRows, encodeLeaves, type LeafRow } from '../core/merkle/leaf-rows.js';
import { MerkleDiff } from '../core/merkle/merkle-diff.js';
import type { PeerReply, RowRequestBody, TreeRequestBody } from '../ports/transport.js';
import type { Pace } from './pace.js';
import { ReadRepair, type AskPeer } from './read-repair.js';
import { rowId } from './row-records.js';
import type { RowStore } from './row-store.js';
import type { RowTree } from './row-tree.js';

/** One message about trees; settles once, unless it is unsubscribed before. */
export type AskTree = (to: NodeId, body: TreeRequestBody, context: CallContext, settle: (reply: PeerReply | null, error?: TriptychError) => void) => Subscription;

export interface TreeExchangePorts {
  readonly self: NodeId;
  readonly rows: RowStore;
  readonly tree: RowTree;
  readonly clock: Clock;
  readonly ask: AskPeer;
  readonly askTree: AskTree;
}

export interface ExchangeCounts {
  rowsCompared: number;
  /** Rows made equal on both sides. */
  rowsRepaired: number;
  /** Requests sent. */
  messages: number;
  /** Payload of requests and answers, both ways: keys, hashes, knowledge and differences, without envelopes. */
  bytes: number;
}

/**
 * `equal`: the roots were. `compared`: all that differed was looked at, and what could be repaired was. `unready`: the peer is
 * building its tree. `failed`: no answer, or this node cannot go on.
 */
export type ExchangeOutcome = 'equal' | 'compared' | 'unready' | 'failed';

const LEAVES_PER_PAGE = 16;
const REPAIRS_AT_ONCE = 4;
const SECOND_LOOK_MS = 500;
const ANSWER_TIMEOUT_MS = 2_000;
const REPAIR_TIMEOUT_MS = 10_000;

export class TreeExchange {
  readonly #diff: MerkleDiff;
  #leaves: number[] = [];
  #call: Subscription | null = null;
  #cancelTimer: Cancel = () => {};
  readonly #repairs = new Set<ReadRepair<void>>();
  #differing: RowKey[] = [];
  #afterRepairs: () => void = () => {};
  #isDone = false;
  #hasDiffered = false;

  /** @param slots those that both hold */
  constructor(
    private readonly ports: TreeExchangePorts,
    private readonly peer: NodeId,
    slots: Uint8Array,
    private readonly pace: Pace,
    private readonly counts: ExchangeCounts,
    private readonly settle: (outcome: ExchangeOutcome) => void,
  ) {
    this.#diff = new MerkleDiff(ports.tree.over(slots));
  }

  start(): void {
    this.#descend();
  }

  /** Settles no more. What was asked to be written is written. */
  stop(): void {
    this.#isDone = true;
    this.#cancelTimer();
    this.#call?.unsubscribe();
    for (const repair of this.#repairs) repair.cancel();
  }

  #descend(): void {
    const question = this.#diff.ask();
    if (question === null) return this.#end(this.#hasDiffered ? 'compared' : 'equal');
    this.#ask({ kind: 'tree', from: this.ports.self, question }, (reply) => {
      if (reply.kind !== 'tree') return this.#end('failed');
      if (reply.answer === null) return this.#end('unready');
      if (reply.answer.length > 0) this.#hasDiffered = true;
      this.#leaves = this.#diff.hear(reply.answer);
      this.#nextLeaves();
    });
  }

  #nextLeaves(): void {
    if (this.#leaves.length === 0) return this.#descend();
    this.#listRows(this.#leaves.splice(0, LEAVES_PER_PAGE), null);
  }

  #listRows(leaves: readonly number[], after: RowKey | null): void {
    this.#ask({ kind: 'leaves', from: this.ports.self, leaves: encodeLeaves(leaves), after }, (reply) => {
      if (reply.kind !== 'leaves') return this.#end('failed');
      const theirs = decodeLeafRows(reply.rows);
      const last = reply.more ? (theirs.at(-1)?.key ?? null) : null;
      const next = last === null ? (): void => this.#nextLeaves() : (): void => this.#listRows(leaves, last);
      this.#differing = this.#differingRows(theirs, this.ports.tree.list(leaves, after, last, Infinity).rows);
      this.#afterRepairs = next;
      if (this.#differing.length === 0) next();
      else this.#after(SECOND_LOOK_MS, () => this.#repairSome());
    });
  }

  #differingRows(theirs: readonly LeafRow[], ours: readonly LeafRow[]): RowKey[] {
    const listed = new Map(ours.map((row) => [rowId(row.key), row]));
    const differing: RowKey[] = [];
    for (const { key, digest } of theirs) {
      const id = rowId(key);
      // One that the index does not list may be here all the same, should its entry have been lost.
      const ourDigest = listed.has(id) ? listed.get(id)!.digest : this.ports.tree.digest(key);
      listed.delete(id);
      if (digest !== null && ourDigest !== null && Buffer.compare(digest, ourDigest) !== 0) differing.push(key);
    }
    for (const { key, digest } of listed.values()) if (digest !== null) differing.push(key);
    this.counts.rowsCompared += theirs.length + listed.size;
    return differing;
  }

  #repairSome(): void {
    while (this.#differing.length > 0 && this.#repairs.size < REPAIRS_AT_ONCE) {
      const delayMs = this.pace.delayMs(this.ports.clock.monotonicMs());
      if (delayMs > 0) return this.#after(delayMs, () => this.#repairSome());
      this.#repair(this.#differing.shift()!);
    }
    if (this.#repairs.size === 0) this.#afterRepairs();
  }

  #repair(key: RowKey): void {
    const { rows, ask } = this.ports;
    const counted: AskPeer = (to, row, body, context, settle) => {
      this.counts.messages++;
      this.#count(body, row.table.length + row.row.length);
      return ask(to, row, body, context, (reply, error) => {
        if (reply !== null) this.#count(reply);
        settle(reply, error);
      });
    };
    const repair = new ReadRepair<void>(rows, counted, key, [{ node: this.peer, knowledge: null }], this.#context(REPAIR_TIMEOUT_MS), () => {}, (outcome) => {
      this.#repairs.delete(repair);
      if (this.#isDone) return;
      if (outcome.kind === 'repaired') this.counts.rowsRepaired++;
      // Out of the callback of the engine or the transport that it ended in: the next may end at once too.
      this.#after(0, () => this.#repairSome());
    });
    this.#repairs.add(repair);
    repair.start();
  }

  #ask(body: TreeRequestBody, onReply: (reply: PeerReply) => void): void {
    this.counts.messages++;
    this.#count(body);
    this.#call = this.ports.askTree(this.peer, body, this.#context(ANSWER_TIMEOUT_MS), (reply) => {
      if (this.#isDone) return;
      if (reply === null) return this.#end('failed');
      this.#count(reply);
      try {
        onReply(reply);
      } catch (error) {
        // Bytes that are none of ours, or a table that cannot be read here, which others deal with.
        if (!(error instanceof TriptychError)) throw error;
        this.#end('failed');
      }
    });
  }

  #count(body: RowRequestBody | TreeRequestBody | PeerReply, keyBytes = 0): void {
    const bytes = payloadBytes(body) + keyBytes;
    this.counts.bytes += bytes;
    this.pace.sent(bytes, this.ports.clock.monotonicMs());
  }

  #context(timeoutMs: number): CallContext {
    return {
      deadlineMs: this.ports.clock.monotonicMs() + timeoutMs,
      traceId: 'anti-entropy',
      priority: 'background',
      principal: { kind: 'service', name: 'anti-entropy' },
    };
  }

  #after(delayMs: number, task: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.ports.clock.after(delayMs, task);
  }

  #end(outcome: ExchangeOutcome): void {
    if (this.#isDone) return;
    this.stop();
    this.settle(outcome);
  }
}

/** Bytes of the fields that carry bytes. */
function payloadBytes(body: object): number {
  let bytes = 0;
  for (const value of Object.values(body)) if (value instanceof Uint8Array) bytes += value.length;
  return bytes;
}
