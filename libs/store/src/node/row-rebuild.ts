/**
 * Brings a damaged row back to its vote. What it may have lost was perhaps acknowledged, so it must hold all that any
 * quorum without it holds: a full sync from N - W + 1 other replicas that have a vote themselves, made durable. From one
 * alone an acknowledged add can be missed (row model, F9b). Or from all the others, vote or no vote, where they lack at most what
 * an unclean stop took from a periodic table: without that such a one would wait for the row, and the row for it (decision 0031).
 *
 * The sync starts only when every write that was in flight at the loss is over: one of those may have counted the lost copy
 * among its acknowledgements, and be on its way to the others only now (F9c). Rows are rebuilt one at a time, in the
 * background, and tried again until it works.
 */
import type { CallContext, NodeId, RowKey } from '@app/contracts';
import type { Clock } from '@app/time';
import { replicasRequired } from '../core/quorum/consistency-level.js';
import { decodeDifference, encodeKnowledge } from '../core/row/row-difference.js';
import type { RowPlacement } from './cluster-view.js';
import { LONGEST_WRITE_MS } from './quorum-write.js';
import type { AskPeer } from './read-repair.js';
import { takeIn } from './replica.js';
import { rowId } from './row-records.js';
import type { RowStore } from './row-store.js';

const RETRY_MS = 1_000;
const PULL_TIMEOUT_MS = 5_000;

export interface RowRebuildPorts {
  readonly rows: RowStore;
  readonly clock: Clock;
  readonly ask: AskPeer;
  readonly placementOf: (key: RowKey) => RowPlacement | null;
  readonly replicationFactor: number;
}

export class RowRebuild {
  readonly #waiting = new Map<string, { key: RowKey; notBeforeMs: number }>();
  #isScheduled = false;
  #isStopped = false;
  #rebuilt = 0;

  constructor(private readonly ports: RowRebuildPorts) {}

  /** Rows of this node that wait for their vote. */
  get waitingCount(): number {
    return [...this.#waiting.values()].filter(({ key }) => this.ports.placementOf(key) !== null).length;
  }

  /** Rows that got it back since the start. */
  get rebuiltCount(): number {
    return this.#rebuilt;
  }

  /** A row was found damaged now, or again: the wait starts from here. */
  damaged(key: RowKey): void {
    this.#waiting.set(rowId(key), { key: { table: key.table, row: key.row }, notBeforeMs: this.ports.clock.monotonicMs() + LONGEST_WRITE_MS });
    this.#schedule(LONGEST_WRITE_MS);
  }

  stop(): void {
    this.#isStopped = true;
  }

  #schedule(delayMs: number): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    this.ports.clock.after(delayMs, () => {
      this.#isScheduled = false;
      this.#next();
    });
  }

  #next(): void {
    const nowMs = this.ports.clock.monotonicMs();
    const [first] = [...this.#waiting.values()].sort((a, b) => a.notBeforeMs - b.notBeforeMs);
    if (first === undefined || this.#isStopped) return;
    if (first.notBeforeMs > nowMs) return this.#schedule(first.notBeforeMs - nowMs);
    const { placementOf, replicationFactor, rows } = this.ports;
    if (!rows.header(first.key).isDamaged) {
      // Dropped since, as another node's (row-release.ts).
      this.#waiting.delete(rowId(first.key));
      return this.#schedule(0);
    }
    const placement = placementOf(first.key);
    // A row that is another node's now waits to be dropped, or to be this node's again. While the membership changes it is the
    // replicas of before that are asked: theirs is the quorum that has all that was acknowledged.
    const others = placement === null ? [] : placement.others.filter((node) => placement.sets[0]!.includes(node));
    const sourcesNeeded = replicationFactor - replicasRequired('QUORUM', replicationFactor) + 1;
    const retry = (): void => {
      // At the end of the queue: one row whose replicas are away must not hold up the others.
      const waiting = this.#waiting.get(rowId(first.key));
      if (waiting !== undefined) waiting.notBeforeMs = Math.max(waiting.notBeforeMs, nowMs + RETRY_MS);
      this.#schedule(0);
    };
    if (others.length === 0) return retry();
    this.#pullFrom(first.key, others, { votes: sourcesNeeded, all: true }, retry, () => {
      const isDamagedAgain = this.#waiting.get(rowId(first.key))?.notBeforeMs !== first.notBeforeMs;
      if (isDamagedAgain) return this.#schedule(0);
      // Some of it came from replicas of another epoch: they need not have known what is acknowledged in this one.
      if (placementOf(first.key)?.epoch !== placement?.epoch) return retry();
      rows.clearDamage(first.key, (error) => {
        if (error !== undefined) return retry();
        this.#rebuilt++;
        this.#waiting.delete(rowId(first.key));
        this.#schedule(0);
      });
    });
  }

  /**
   * Full syncs, one source after another, until enough have been taken in durably.
   * @param needed votes that are still wanted; `all` while every source so far was taken in, and so all of them will do
   */
  #pullFrom(key: RowKey, sources: NodeId[], needed: { readonly votes: number; readonly all: boolean }, fail: () => void, done: () => void): void {
    if (this.#isStopped) return fail();
    if (needed.votes === 0 || (needed.all && sources.length === 0)) return done();
    const source = sources.shift();
    if (source === undefined) return fail();
    const { rows, ask, clock } = this.ports;
    const context: CallContext = {
      deadlineMs: clock.monotonicMs() + PULL_TIMEOUT_MS,
      traceId: 'row-rebuild',
      priority: 'background',
      principal: { kind: 'service', name: 'row-rebuild' },
    };
    ask(source, key, { kind: 'pull', knowledge: encodeKnowledge(rows.header(key)) }, context, (reply) => {
      if (reply?.kind !== 'pulled' || !(reply.vote || reply.isKept)) return this.#pullFrom(key, sources, { ...needed, all: false }, fail, done);
      const taken = { ...needed, votes: needed.votes - Number(reply.vote) };
      if (reply.difference === null) return this.#pullFrom(key, sources, taken, fail, done);
      const difference = decodeDifference(reply.difference);
      takeIn(rows, key, difference, (error) => {
        if (error !== undefined) return fail();
        if (difference.kind === 'deltas' && difference.isPartial) sources.unshift(source);
        const isWhole = difference.kind === 'snapshot' || !difference.isPartial;
        this.#pullFrom(key, sources, isWhole ? taken : needed, fail, done);
      });
    });
  }
}
