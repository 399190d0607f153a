/**
 * Takes rows off a node that holds no copy of them any more: after a change of the members, and when a late message brought it
 * one. What such a row knows and its owners lack is handed over first, since it may be known nowhere else (a write that
 * was acknowledged at ONE, a hint on its way); the row is dropped when a quorum of its owners has all of it. A row that
 * cannot be handed over stays, and is tried again.
 *
 * In the background, row by row, at no time while a change is under way. Rows that stay for long do no harm: nobody asks for
 * them, and a slot that is given back is synced anew whatever is still there.
 */
import type { Subscription } from 'rxjs';
import type { CallContext, NodeId, RowKey } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import { replicasRequired } from '../core/quorum/consistency-level.js';
import { SLOT_COUNT, slotOf } from '../core/ring/token-allocator.js';
import { tokenOf } from '../core/ring/token.js';
import { coversKnowledge } from '../core/row/causal-map.js';
import { decodeKnowledge, encodeDifference, encodeKnowledge } from '../core/row/row-difference.js';
import type { RowHeader } from '../core/row/row-header.js';
import type { ClusterView } from './cluster-view.js';
import type { AskPeer } from './read-repair.js';
import { isEmpty, type RowStore } from './row-store.js';

export interface RowReleasePorts {
  readonly rows: RowStore;
  readonly clock: Clock;
  readonly ask: AskPeer;
  readonly view: Pick<ClusterView, 'epoch' | 'membership' | 'ownSlots' | 'replicasOf' | 'replicationFactor'>;
}

export interface RowReleaseStats {
  /** Since the start. */
  readonly releasedRows: number;
  /** Of these, rows of which an owner lacked something. */
  readonly handedOverRows: number;
}

/** After a change; others may still be taking rows over. */
const AFTER_CHANGE_MS = 5_000;
const EVERY_MS = 600_000;
const ROWS_AT_ONCE = 64;
const PAUSE_MS = 10;
const ANSWER_TIMEOUT_MS = 2_000;
/** A row that is too large for one message takes several. */
const ROUNDS_MAX = 64;
const SLOT_TOKENS = (1n << 64n) / BigInt(SLOT_COUNT);

export class RowRelease {
  #cancelTimer: Cancel;
  #call: Subscription | null = null;
  #isStopped = false;
  readonly #counts = { releasedRows: 0, handedOverRows: 0 };

  constructor(private readonly ports: RowReleasePorts) {
    this.#cancelTimer = ports.clock.after(AFTER_CHANGE_MS, () => this.#pass());
  }

  epochChanged(): void {
    this.#later(AFTER_CHANGE_MS, () => this.#pass());
  }

  stats(): RowReleaseStats {
    return { ...this.#counts };
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#call?.unsubscribe();
  }

  #later(delayMs: number, task: () => void): void {
    this.#cancelTimer();
    if (!this.#isStopped) this.#cancelTimer = this.ports.clock.after(delayMs, task);
  }

  /** Goes once round the ring. */
  #pass(): void {
    this.#page(null);
  }

  #page(from: RowKey | null): void {
    const { view } = this.ports;
    if (view.membership === null || view.membership.next !== null) return this.#later(AFTER_CHANGE_MS, () => this.#pass());
    let keys: RowKey[];
    try {
      keys = this.#foreignRows(from);
    } catch {
      return this.#later(EVERY_MS, () => this.#pass()); // the table cannot be read, which others deal with
    }
    const last = keys.at(-1);
    if (last === undefined) return this.#later(EVERY_MS, () => this.#pass());
    this.#next(keys, () => this.#later(PAUSE_MS, () => this.#page(last)));
  }

  /** Some rows here of slots that are not this node's, in the order of their tokens. @param from begin after this row */
  #foreignRows(from: RowKey | null): RowKey[] {
    const { rows, view } = this.ports;
    const own = view.ownSlots;
    const fromSlot = from === null ? -1 : slotOf(tokenOf(from.table, from.row));
    const keys: RowKey[] = [];
    for (let slot = 0, end = 0; slot < SLOT_COUNT && keys.length < ROWS_AT_ONCE; slot = end) {
      while (end < SLOT_COUNT && own[end] === own[slot]) end++;
      if (own[slot] === 1 || end <= fromSlot) continue;
      const start = from !== null && slot <= fromSlot ? from : BigInt(slot) * SLOT_TOKENS;
      rows.rowsByToken(start, BigInt(end) * SLOT_TOKENS, (key) => keys.push(key) < ROWS_AT_ONCE);
    }
    return keys;
  }

  #next(keys: RowKey[], done: () => void): void {
    const key = keys.shift();
    if (key === undefined || this.#isStopped) return done();
    this.#release(key, () => this.#later(0, () => this.#next(keys, done)));
  }

  #release(key: RowKey, done: () => void): void {
    const { rows, view } = this.ports;
    const { epoch } = view;
    const header = rows.header(key);
    if (isEmpty(header)) return done();
    const owners = [...view.replicasOf(key)];
    const needed = replicasRequired('QUORUM', view.replicationFactor);
    let covered = 0;
    let lacked = false;
    const nextOwner = (): void => {
      const owner = owners.shift();
      if (owner !== undefined) {
        return this.#handOver(owner, key, header, ROUNDS_MAX, (isCovered, hasLacked) => {
          covered += Number(isCovered);
          lacked ||= hasLacked;
          nextOwner();
        });
      }
      // It may have been written to meanwhile, or be this node's again.
      if (covered < needed || view.epoch !== epoch || rows.header(key) !== header) return done();
      rows.drop(key, (error) => {
        if (error === undefined) {
          this.#counts.releasedRows++;
          this.#counts.handedOverRows += Number(lacked);
        }
        done();
      });
    };
    nextOwner();
  }

  /** Makes one owner have all that this row knows, durably. */
  #handOver(owner: NodeId, key: RowKey, header: RowHeader, roundsLeft: number, settle: (isCovered: boolean, hasLacked: boolean) => void): void {
    this.#ask(owner, key, { kind: 'pull', knowledge: encodeKnowledge(header) }, (reply) => {
      if (reply?.kind !== 'pulled') return settle(false, false);
      const push = (knowledge: Uint8Array, rounds: number): void => {
        const theirs = decodeKnowledge(knowledge);
        if (coversKnowledge(theirs, header)) return settle(true, rounds < roundsLeft);
        let difference;
        try {
          difference = this.ports.rows.difference(key, theirs);
        } catch {
          return settle(false, false); // damaged: what is lost here cannot be handed over
        }
        if (difference === null || rounds === 0) return settle(false, false);
        this.#ask(owner, key, { kind: 'push', difference: encodeDifference(difference) }, (pushed) => {
          if (pushed?.kind === 'pushed') push(pushed.knowledge, rounds - 1);
          else settle(false, false);
        });
      };
      push(reply.knowledge, roundsLeft);
    });
  }

  #ask(to: NodeId, key: RowKey, body: Parameters<AskPeer>[2], settle: Parameters<AskPeer>[4]): void {
    const context: CallContext = {
      deadlineMs: this.ports.clock.monotonicMs() + ANSWER_TIMEOUT_MS,
      traceId: 'row-release',
      priority: 'background',
      principal: { kind: 'service', name: 'row-release' },
    };
    this.#call = this.ports.ask(to, key, body, context, (reply) => {
      if (!this.#isStopped) settle(reply);
    });
  }
}
