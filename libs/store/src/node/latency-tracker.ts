/**
 * How long each replica takes to answer this node, from the live traffic: digests, which are what reads ask. Writes are left
 * out: they wait for a disk, are sent to everyone, and would put a replica with a slow disk, or one that is not read just
 * now, behind the others in reads that touch no disk. So are heartbeats, which touch nothing that may be slow.
 *
 * A replica that hangs must look slow at once and not only when it answers: the age of its oldest unanswered question
 * counts as much as its average. A hedge hides what it heals, since the question that lost is called off; so one called off
 * counts as having taken at least so long, and several in a row without an answer as no answer at all.
 *
 * What was under way while this process stood still says nothing of a peer: it is dropped.
 */
import type { NodeId } from '@app/contracts';
import type { Clock } from '@app/time';
import { LatencyEstimate } from '../core/snitch/latency-estimate.js';

/** Of a peer without enough answers, ms. */
const HEDGE_DELAY_UNKNOWN_MS = 30;
/** Below it a hedge costs more than it saves: a pause of the garbage collector would be one, ms. */
const HEDGE_DELAY_MIN_MS = 5;
/** However slow a replica is as a rule, a reader waits for it alone no longer than this, ms. */
const HEDGE_DELAY_MAX_MS = 100;
/**
 * A replica is late when it takes longer than it takes for nearly all of its answers, and than so many times the usual: the
 * quantile knows only answers that were waited for, so that by itself it would creep down, each time a little, to where
 * ever more of them are called late.
 */
const LATE_QUANTILE = 0.99;
const LATE_TIMES_MEDIAN = 2;
/** Late questions in a row, none answered, after which a replica counts as not answering. */
const LATE_IN_A_ROW = 3;
/** Quantiles are taken anew so often at most, ms. */
const QUANTILE_EVERY_MS = 100;

export interface PeerLatency {
  /** Of the last 5 to 10 s, ms; null where there were too few answers. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

interface Peer {
  readonly estimate: LatencyEstimate;
  /** Unanswered questions, the oldest first. */
  readonly pending: Set<Question>;
  lateInARow: number;
  hedgeDelayMs: number;
  hedgeDelayAtMs: number;
}

export class LatencyTracker {
  readonly #peers = new Map<NodeId, Peer>();

  constructor(private readonly clock: Clock) {}

  /** A question is sent. What becomes of it is for the caller to say, once. */
  asked(node: NodeId): Question {
    return new Question(this.#peer(node), this.clock);
  }

  /** How long an answer of it takes just now, ms; Infinity: it does not answer; null: not known. */
  latencyMs(node: NodeId): number | null {
    const peer = this.#peers.get(node);
    if (peer === undefined) return null;
    if (peer.lateInARow >= LATE_IN_A_ROW) return Infinity;
    const { averageMs } = peer.estimate;
    const [oldest] = peer.pending;
    if (oldest === undefined) return averageMs;
    const ageMs = this.clock.monotonicMs() - oldest.startedAtMs;
    if (averageMs === null) return ageMs > HEDGE_DELAY_UNKNOWN_MS ? ageMs : null;
    return Math.max(averageMs, ageMs);
  }

  /** How long after a question its answer is late, ms. */
  hedgeDelayMs(node: NodeId): number {
    const peer = this.#peer(node);
    const nowMs = this.clock.monotonicMs();
    if (nowMs - peer.hedgeDelayAtMs >= QUANTILE_EVERY_MS) {
      const nearlyAllMs = peer.estimate.quantileMs(LATE_QUANTILE, nowMs);
      const usualMs = peer.estimate.quantileMs(0.5, nowMs);
      const lateMs = nearlyAllMs === null || usualMs === null ? HEDGE_DELAY_UNKNOWN_MS : Math.max(nearlyAllMs, LATE_TIMES_MEDIAN * usualMs);
      peer.hedgeDelayMs = Math.min(HEDGE_DELAY_MAX_MS, Math.max(HEDGE_DELAY_MIN_MS, lateMs));
      peer.hedgeDelayAtMs = nowMs;
    }
    return peer.hedgeDelayMs;
  }

  isLate(node: NodeId): boolean {
    return (this.#peers.get(node)?.lateInARow ?? 0) >= LATE_IN_A_ROW;
  }

  latency(node: NodeId): PeerLatency {
    const nowMs = this.clock.monotonicMs();
    const estimate = this.#peers.get(node)?.estimate;
    return { p50Ms: estimate?.quantileMs(0.5, nowMs) ?? null, p99Ms: estimate?.quantileMs(0.99, nowMs) ?? null };
  }

  /** This process stood still until now. */
  stalled(): void {
    for (const { pending } of this.#peers.values()) for (const question of pending) question.restart();
  }

  #peer(node: NodeId): Peer {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      peer = { estimate: new LatencyEstimate(), pending: new Set(), lateInARow: 0, hedgeDelayMs: HEDGE_DELAY_UNKNOWN_MS, hedgeDelayAtMs: -Infinity };
      this.#peers.set(node, peer);
    }
    return peer;
  }
}

/** One question under way. Its end is told once; what is told later is ignored. */
export class Question {
  #isOver = false;
  #isTainted = false;
  readonly #lateAfterMs: number;

  constructor(
    private readonly peer: Peer,
    private readonly clock: Clock,
    public startedAtMs = clock.monotonicMs(),
  ) {
    this.#lateAfterMs = peer.hedgeDelayMs;
    peer.pending.add(this);
  }

  answered(): void {
    if (!this.#end()) return;
    const nowMs = this.clock.monotonicMs();
    this.peer.lateInARow = 0;
    if (!this.#isTainted) this.peer.estimate.answered(nowMs - this.startedAtMs, nowMs);
  }

  /** It timed out, or its asker no longer waits. */
  unanswered(): void {
    if (!this.#end()) return;
    const nowMs = this.clock.monotonicMs();
    const waitedMs = nowMs - this.startedAtMs;
    if (waitedMs >= this.#lateAfterMs) this.peer.lateInARow++;
    this.peer.estimate.unanswered(waitedMs, nowMs);
  }

  /** It ended in a way that says nothing of how fast the peer is: there was no way to it. */
  dropped(): void {
    this.#end();
  }

  /** The asker stood still meanwhile: the wait begins anew, and the answer will not be timed. */
  restart(): void {
    this.#isTainted = true;
    this.startedAtMs = this.clock.monotonicMs();
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.peer.pending.delete(this);
    return true;
  }
}
