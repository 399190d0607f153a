/**
 * Hinted handoff: what a replica did not acknowledge is kept for it, and given to it when it is back.
 *
 * The node that sent a COMMIT owes each replica whose answer did not come, or was no acknowledgement, a hint: the delta as it
 * was sent, on disk at once when that is known and not only when the write is over, because the holder may die meanwhile.
 * The replay is the same `apply` message, at background priority, paced, a few at a time; a hint is removed when its owner
 * has said that the delta is durable there. A delta commutes with all others and is applied once, however late it comes, so a
 * hint has no date of expiry and a stale one undoes nothing (row model, F2).
 *
 * Here hints only hasten what read repair and anti-entropy do anyway: they count towards no level (F17). So they are
 * bounded in bytes, and one over the budget is dropped, counted, and its row left to repair. A healthy write costs none. The
 * exception is a hint kept by a stand-in of a sloppy quorum, which counts: it is refused when there is no room.
 * Source: DeCandia et al., Dynamo (SOSP 2007), 4.6. Refused: hints with a lifetime (Cassandra: 3 h), since a clock would decide.
 */
import type { Subscription } from 'rxjs';
import type { CallContext, NodeId, RowKey } from '@app/contracts';
import type { Cancel, Clock, Random } from '@app/time';
import { physicalMs } from '../core/causality/hybrid-logical-clock.js';
import { targetOf } from '../core/hints/hint-record.js';
import { decodeDelta, type Delta } from '../core/row/delta.js';
import type { StorageEngine } from '../ports/storage-engine.js';
import { HintQueue, type HintBudget, type QueuedHint } from './hint-queue.js';
import { Pace } from './pace.js';
import type { AskPeer } from './read-repair.js';

export interface HintSettings extends HintBudget {
  /** Hints under way to one target. */
  readonly maxInFlight: number;
  /** Replay to all targets together. */
  readonly bytesPerSecond: number;
}

export const HINT_SETTINGS: HintSettings = {
  maxBytes: 64 * 1024 * 1024,
  maxBytesPerTarget: 32 * 1024 * 1024,
  maxInFlight: 8,
  bytesPerSecond: 1024 * 1024,
};

export interface HintedHandoffPorts {
  readonly engine: StorageEngine;
  readonly clock: Clock;
  readonly random: Random;
  readonly ask: AskPeer;
  readonly isMember: (node: NodeId) => boolean;
  readonly self: NodeId;
  /** Who holds a row now. */
  readonly replicasOf: (key: RowKey) => readonly NodeId[];
  /** Applies a delta to the own copy; settled when that is durable, or has failed. */
  readonly applyHere: (key: RowKey, delta: Delta, settled: (error?: Error) => void) => void;
  readonly isDown: (node: NodeId) => boolean;
  /** A hint was given up: the row, or with null any row of this target, is left to repair. */
  readonly onDropped: (target: NodeId, key: RowKey | null) => void;
}

export interface HintCounts {
  /** Since the start of this process. */
  readonly stored: number;
  readonly replayed: number;
  readonly dropped: number;
  /** On disk now, an earlier run's included. */
  readonly waitingCount: number;
  readonly waitingBytes: number;
  /** Since the date of the oldest waiting operation, ms, as far as clocks can be trusted; 0 where none waits. */
  readonly oldestAgeMs: number;
}

export interface HintStats extends HintCounts {
  readonly targets: Readonly<Record<NodeId, HintCounts>>;
}

interface Target {
  readonly node: NodeId;
  stored: number;
  replayed: number;
  dropped: number;
  /** Where the next replay begins: after this record, so that one hint that its owner refuses does not hold up the rest. */
  after: Uint8Array | null;
  replay: HintReplay | null;
  /** Its owner has left, and its hints are being passed on. */
  isReaddressed: boolean;
  /**
   * To whom, of each of the first hints: where there is not room for all at once, the next round goes on with those that are left,
   * or it would send the same ones on again and again. In memory: forgotten, it begins anew.
   */
  readonly passedTo: Map<string, Set<NodeId>>;
  /** Replays in a row that ended without an acknowledgement. */
  failures: number;
  notBeforeMs: number;
}

const POLL_MS = 1_000;
const RETRY_MAX_MS = 10_000;
const REPLAY_TIMEOUT_MS = 2_000;
const PAGE_MAX_COUNT = 64;
const PAGE_MAX_BYTES = 256 * 1024;

export class HintedHandoff {
  readonly #queue: HintQueue;
  readonly #targets = new Map<NodeId, Target>();
  readonly #pace: Pace;
  #cancelTimer: Cancel | null = null;
  #isStopped = false;

  constructor(
    private readonly ports: HintedHandoffPorts,
    private readonly settings: HintSettings = HINT_SETTINGS,
  ) {
    this.#queue = new HintQueue(ports.engine, settings);
    this.#pace = new Pace(settings.bytesPerSecond);
    this.#schedule(0);
  }

  /** @param bytes the delta, encoded, as it was sent */
  owe(target: NodeId, key: RowKey, delta: Delta, bytes: Uint8Array): void {
    this.#keep(target, key, delta, bytes, (isKept) => {
      if (!isKept) this.#dropped(this.#target(target), key);
    });
  }

  /**
   * As a stand-in for a replica: the write counts by this. `settle` is told, once the hint is durable, whether it is kept; one
   * over the budget is refused, and what is kept is never dropped.
   */
  keep(owner: NodeId, key: RowKey, delta: Delta, bytes: Uint8Array, settle: (isKept: boolean) => void): void {
    if (this.#isStopped) return settle(false);
    this.#keep(owner, key, delta, bytes, settle);
  }

  #keep(target: NodeId, key: RowKey, delta: Delta, bytes: Uint8Array, settle: (isKept: boolean) => void): void {
    if (this.#isStopped) return;
    this.#queue.put(target, { key, delta: bytes }, delta, (outcome) => {
      if (outcome === 'stored') {
        this.#target(target).stored++;
        this.#schedule(POLL_MS);
      }
      settle(outcome !== 'dropped');
    });
  }

  /** Gives up a hint that was found damaged where it lies. One that is being replayed is left to that. */
  damaged(recordKey: Uint8Array): void {
    const target = this.#target(targetOf(recordKey));
    if (this.#isStopped || target.replay !== null || !this.#queue.countSome()) return;
    this.#queue.remove(target.node, [{ recordKey, hint: null, byteCount: recordKey.length }], () => {});
    this.#dropped(target, null);
  }

  stats(): HintStats {
    const all = { stored: 0, replayed: 0, dropped: 0, waitingCount: 0, waitingBytes: 0, oldestAgeMs: 0 };
    const targets: Record<NodeId, HintCounts> = {};
    for (const { node, stored, replayed, dropped } of this.#targets.values()) {
      const { count, bytes } = this.#queue.waiting(node);
      const oldestHlc = count === 0 ? null : this.#queue.oldestHlc(node);
      const oldestAgeMs = oldestHlc === null ? 0 : Math.max(0, this.ports.clock.wallMs() - physicalMs(oldestHlc));
      targets[node] = { stored, replayed, dropped, waitingCount: count, waitingBytes: bytes, oldestAgeMs };
      all.stored += stored;
      all.replayed += replayed;
      all.dropped += dropped;
      all.waitingCount += count;
      all.waitingBytes += bytes;
      all.oldestAgeMs = Math.max(all.oldestAgeMs, oldestAgeMs);
    }
    return { ...all, targets };
  }

  /** Leaves hints where they are. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    for (const { replay } of this.#targets.values()) replay?.stop();
  }

  /** One timer for all, and none where nothing waits. */
  #schedule(delayMs: number): void {
    if (this.#isStopped || this.#cancelTimer !== null) return;
    this.#cancelTimer = this.ports.clock.after(delayMs, () => {
      this.#cancelTimer = null;
      this.#poll();
    });
  }

  #poll(): void {
    const { engine, clock, isMember, isDown } = this.ports;
    if (engine.state !== 'open') return;
    try {
      if (!this.#queue.countSome()) return this.#schedule(0);
    } catch {
      return this.#schedule(RETRY_MAX_MS); // the table cannot be read, which others deal with
    }
    for (const node of this.#queue.targets) {
      const target = this.#target(node);
      if (target.replay !== null || target.isReaddressed || this.#queue.waiting(node).count === 0) continue;
      if (!isMember(node)) {
        this.#readdress(target);
        continue;
      }
      if (isDown(node)) target.notBeforeMs = target.failures = 0;
      else if (clock.monotonicMs() >= target.notBeforeMs) this.#replay(target);
    }
    if (this.#queue.waiting().count > 0) this.#schedule(POLL_MS);
  }

  /** Its owner is no member any more: what it missed is owed to those that hold the row now, a page at a time. */
  #readdress(target: Target): void {
    const { replicasOf, applyHere, self } = this.ports;
    const page = this.#queue.page(target.node, null, PAGE_MAX_COUNT, PAGE_MAX_BYTES);
    const replicas = page.map(({ hint }) => (hint === null ? [] : replicasOf(hint.key)));
    if (page.some(({ hint }, i) => hint !== null && replicas[i]!.length === 0)) return; // nobody is known to hold it
    if (page.length === 0) return;
    target.isReaddressed = true;
    const passedOn: QueuedHint[] = [];
    let left = page.length;
    const settled = (queued: QueuedHint, isPassedOn: boolean): void => {
      if (isPassedOn) {
        target.passedTo.delete(nameOf(queued));
        passedOn.push(queued);
      }
      if (--left > 0 || this.#isStopped) return;
      // Over the budget it stays where it is, under the old name: it may be one that a write counted.
      if (passedOn.length === 0) target.isReaddressed = false;
      else {
        this.#queue.remove(target.node, passedOn, () => {
          target.isReaddressed = false;
          this.#schedule(0);
        });
      }
    };
    page.forEach((queued, i) => {
      const { hint } = queued;
      if (hint === null) {
        this.#dropped(target, null);
        return settled(queued, true);
      }
      const delta = decodeDelta(hint.delta);
      const passedTo = target.passedTo.get(nameOf(queued)) ?? new Set();
      target.passedTo.set(nameOf(queued), passedTo);
      const owed = replicas[i]!.filter((node) => !passedTo.has(node));
      if (owed.length === 0) return settled(queued, true);
      let unsettled = owed.length;
      for (const node of owed) {
        const keptOrNot = (isKept: boolean): void => {
          if (isKept) passedTo.add(node);
          if (--unsettled === 0) settled(queued, owed.every((each) => passedTo.has(each)));
        };
        if (node === self) applyHere(hint.key, delta, (error) => keptOrNot(error === undefined));
        else this.#keep(node, hint.key, delta, hint.delta, keptOrNot);
      }
    });
  }

  #replay(target: Target): void {
    const { clock, random } = this.ports;
    target.replay = new HintReplay(this.ports, this.#queue, target.node, this.settings.maxInFlight, this.#pace, target.after, {
      delivered: (count) => {
        target.replayed += count;
        target.failures = 0;
      },
      damaged: () => this.#dropped(target, null),
      ended: (after) => {
        target.replay = null;
        target.after = after;
        if (after === null) return;
        const delayMs = Math.min(POLL_MS * 2 ** target.failures, RETRY_MAX_MS);
        target.failures++;
        target.notBeforeMs = clock.monotonicMs() + delayMs * (0.5 + 0.5 * random.fraction());
      },
    });
    target.replay.start();
  }

  #dropped(target: Target, key: RowKey | null): void {
    target.dropped++;
    this.ports.onDropped(target.node, key);
  }

  #target(node: NodeId): Target {
    let target = this.#targets.get(node);
    if (target === undefined) {
      target = { node, stored: 0, replayed: 0, dropped: 0, after: null, replay: null, isReaddressed: false, passedTo: new Map(), failures: 0, notBeforeMs: 0 };
      this.#targets.set(node, target);
    }
    return target;
  }
}

const nameOf = ({ recordKey }: QueuedHint): string => Buffer.from(recordKey).toString('latin1');

interface ReplayEvents {
  /** Acknowledged by the owner and removed here, durably. */
  readonly delivered: (count: number) => void;
  readonly damaged: () => void;
  /** @param after null when the queue was gone through to its end, else the last record tried: somebody has to wait */
  readonly ended: (after: Uint8Array | null) => void;
}

/** One pass through a target's queue, page by page, up to its end or to the first hint that is not acknowledged. */
class HintReplay {
  readonly #calls = new Set<Subscription>();
  #page: QueuedHint[] = [];
  #next = 0;
  #done: QueuedHint[] = [];
  #hasFailed = false;
  #cancelTimer: Cancel = () => {};
  #isStopped = false;

  constructor(
    private readonly ports: HintedHandoffPorts,
    private readonly queue: HintQueue,
    private readonly target: NodeId,
    private readonly maxInFlight: number,
    private readonly pace: Pace,
    private after: Uint8Array | null,
    private readonly events: ReplayEvents,
  ) {}

  start(): void {
    try {
      this.#page = this.queue.page(this.target, this.after, PAGE_MAX_COUNT, PAGE_MAX_BYTES);
    } catch {
      return this.events.ended(this.after);
    }
    if (this.#page.length === 0) return this.events.ended(null);
    this.#next = 0;
    this.#done = [];
    this.#pump();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    for (const call of this.#calls) call.unsubscribe();
  }

  #pump(): void {
    this.#cancelTimer();
    while (!this.#hasFailed && this.#next < this.#page.length && this.#calls.size < this.maxInFlight) {
      const nowMs = this.ports.clock.monotonicMs();
      const delayMs = this.pace.delayMs(nowMs);
      if (delayMs > 0) {
        this.#cancelTimer = this.ports.clock.after(delayMs, () => this.#pump());
        return;
      }
      const queued = this.#page[this.#next++]!;
      this.after = queued.recordKey;
      this.pace.sent(queued.byteCount, nowMs);
      this.#send(queued);
    }
    if (this.#calls.size === 0) this.#endPage();
  }

  #send(queued: QueuedHint): void {
    const { hint } = queued;
    if (hint === null) {
      this.events.damaged();
      this.#done.push(queued);
      return;
    }
    const context: CallContext = {
      deadlineMs: this.ports.clock.monotonicMs() + REPLAY_TIMEOUT_MS,
      traceId: 'hinted-handoff',
      priority: 'background',
      principal: { kind: 'service', name: 'hinted-handoff' },
    };
    const call = this.ports.ask(this.target, hint.key, { kind: 'apply', delta: hint.delta }, context, (reply) => {
      this.#calls.delete(call);
      if (reply?.kind === 'applied') this.#done.push(queued);
      else this.#hasFailed = true;
      this.#pump();
    });
    this.#calls.add(call);
  }

  #endPage(): void {
    const done = this.#done;
    if (done.length === 0) return this.events.ended(this.after);
    this.queue.remove(this.target, done, (error) => {
      if (this.#isStopped) return;
      if (error !== undefined) return this.events.ended(this.after);
      this.events.delivered(done.filter(({ hint }) => hint !== null).length);
      if (this.#hasFailed) this.events.ended(this.after);
      else this.start();
    });
  }
}
