/**
 * Which peers answer this node, by what it has lived through with them itself; nobody is believed about anybody else, so of
 * a cut in one direction, or between two nodes only, each holds what is true for it.
 *
 * - Every question to a peer is evidence once it is answered, whatever it was about and however the answer reads. Peers
 *   without other traffic are asked a question that costs nothing, the heartbeat.
 * - A peer is **suspect** while a question has been open for 750 ms and nothing was heard since, and **down** after 1,500 ms of
 *   that, or at once when there is no connection to it. Down is an opinion: such a peer is asked
 *   last, and a quorum is judged by who answered.
 * - A peer is **silent** much sooner, when nothing at all is heard of it for longer than is usual with it (core/snitch/silence.ts).
 *   That is no verdict on the peer: it only ends the waiting of requests that could do with it.
 * - A peer that is down is asked again all the time, at growing intervals up to a second; at once when it calls us, and when
 *   a request could do with it. Its first answer makes it up. That it calls is no answer: it may hear nothing of us.
 * - **Self-doubt**: when the own beat comes late this process stood still, answers may lie unread, and others may have
 *   closed their connections to us. Nobody is suspected for that time: all waits begin anew, and until the next beat a lost
 *   connection proves nothing. Not twice in short order, or a process that limps would never see anybody die.
 *
 * Refused: phi accrual (Hayashibara et al., 2004; Cassandra). It guesses from the rhythm of one-way heartbeats what silence
 * means; here silence is a question without an answer, and needs no guess. What it would adapt to, a peer that is slow, is
 * the snitch's to deal with, and a wrong verdict costs a detour, not a request. Refused too: asking others to ask
 * (SWIM): what they can reach is no use to a coordinator that cannot.
 * Source of the self-doubt: Lifeguard (Dadgar et al., 2018).
 */
import type { Subscription } from 'rxjs';
import type { CallContext, NodeId } from '@app/contracts';
import type { Cancel, Clock, Random } from '@app/time';
import { Silence, STOOD_STILL_MS } from '../core/snitch/silence.js';

export interface FailureDetectorSettings {
  /** Between two looks, ms. */
  readonly beatMs: number;
  /** A peer that was not heard for so long is asked, ms. */
  readonly heartbeatMs: number;
  /** How long a question is open, with nothing heard, before its peer is suspect, and before it is down, ms. */
  readonly suspectAfterMs: number;
  readonly downAfterMs: number;
  /** Between questions to a peer that is down: at first, doubled up to, ms. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

export const FAILURE_DETECTOR_SETTINGS: FailureDetectorSettings = {
  beatMs: 500,
  heartbeatMs: 1_000,
  suspectAfterMs: 750,
  downAfterMs: 1_500,
  retryMinMs: 100,
  retryMaxMs: 1_000,
};

export interface FailureDetectorPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Everybody that is to be watched; this node itself is not. */
  readonly peers: () => readonly NodeId[];
  /** The state of the connection, where one is known to be lost. */
  readonly isUnconnected: (node: NodeId) => boolean;
  /** Asks a peer for a sign of life; whoever sends it tells `asked`, and `heard` or `unreachable`. */
  readonly ping: (node: NodeId, context: CallContext) => Subscription;
  /** Each beat on which this process was not late. */
  readonly onBeat: () => void;
  /** This process stood still for so long, ms. */
  readonly onStall: (lateMs: number) => void;
}

/** `unconnected`: refused or lost. `silent`: does not answer. */
export type DownReason = 'unconnected' | 'silent';

export interface PeerStanding {
  readonly state: 'up' | 'suspect' | 'down';
  readonly reason: DownReason | null;
  /** In this state, ms; of a suspect how long a question has been open. */
  readonly forMs: number;
}

export interface FailureDetectorStats {
  readonly peers: Readonly<Record<NodeId, PeerStanding>>;
  /** Times that this process was found to have stood still, and for how long in all, ms. */
  readonly stalls: number;
  readonly stalledMs: number;
}

interface Peer {
  readonly node: NodeId;
  /** Since when it is up or down, by the own monotonic clock, ms. */
  sinceMs: number;
  readonly silence: Silence;
  /** null while it is up. */
  reason: DownReason | null;
  /** Questions in vain since it is down. */
  failures: number;
  probedAtMs: number;
  cancelRetry: Cancel | null;
}

/** A beat that is late by so much has found the process standing still for so long that nothing heard or unheard counts, ms. */
const STALL_MS = 200;
/** A peer that is down is asked once more for a request's sake, but not more often than this, ms. */
const PROBE_GAP_MS = 100;
const PING_TIMEOUT_MS = 1_000;
/** What is taken for a usual silence of a peer that is not known: one of the two has just started, and a start is no quiet time, ms. */
const PRESUMED_USUAL_MS = 500;
/** A peer that is down was asked in vain so short a time ago that a request may be refused for it, ms. */
const FRESH_MS = 2_000;

export class FailureDetector {
  readonly #peers = new Map<NodeId, Peer>();
  readonly #pings = new Set<Subscription>();
  #cancelBeat: Cancel;
  #beatDueMs: number;
  /** When waits began anew the last time, and up to when a lost connection proves nothing. */
  #doubtedAtMs = -Infinity;
  #doubtUntilMs = -Infinity;
  #stalls = 0;
  #stalledMs = 0;
  #isStopped = false;

  constructor(
    private readonly ports: FailureDetectorPorts,
    private readonly settings: FailureDetectorSettings = FAILURE_DETECTOR_SETTINGS,
  ) {
    this.#beatDueMs = ports.clock.monotonicMs();
    this.#cancelBeat = ports.clock.after(0, () => this.#beat());
  }

  // ---- what happens between this node and a peer

  /** A question was sent. */
  asked(node: NodeId): void {
    this.#peer(node).silence.asked(this.ports.clock.monotonicMs());
  }

  /** An answer came, be it an error: the peer lives. */
  heard(node: NodeId): void {
    const peer = this.#peer(node);
    const nowMs = this.ports.clock.monotonicMs();
    peer.silence.heard(nowMs);
    if (peer.reason === null) return;
    peer.reason = null;
    peer.sinceMs = nowMs;
    peer.cancelRetry?.();
    peer.cancelRetry = null;
  }

  /** There is no connection, or it was lost. */
  unreachable(node: NodeId): void {
    const peer = this.#peer(node);
    if (peer.reason !== null) peer.failures = Math.max(1, peer.failures);
    else if (!this.#isDoubting) this.#down(peer, 'unconnected');
  }

  /** It asked us something. */
  calledBy(node: NodeId): void {
    const peer = this.#peer(node);
    if (peer.reason === null) return;
    peer.failures = Math.min(peer.failures, 1);
    if (!this.#probeSoon(peer)) this.#retryLater(peer);
  }

  // ---- what is thought of it

  isDown(node: NodeId): boolean {
    const peer = this.#peer(node);
    if (peer.reason !== null) return true;
    if (!this.ports.isUnconnected(node)) return false;
    if (!this.#isDoubting) this.#down(peer, 'unconnected');
    return true;
  }

  isSuspect(node: NodeId): boolean {
    const { openSinceMs } = this.#peer(node).silence;
    return openSinceMs !== null && this.ports.clock.monotonicMs() - openSinceMs >= this.settings.suspectAfterMs;
  }

  /**
   * Down, and asked again in vain a moment ago: a request may be refused for it. Whoever asks this could do with the peer, so
   * it is asked again at once, and the next request has its answer.
   */
  isSurelyDown(node: NodeId): boolean {
    if (!this.isDown(node) || this.#isDoubting) return false;
    const peer = this.#peer(node);
    const isSure = peer.failures > 0 && this.ports.clock.monotonicMs() - peer.probedAtMs <= FRESH_MS;
    this.#probeSoon(peer);
    return isSure;
  }

  /** Nothing is heard of it for longer than is usual, a sign of life that was asked for included. */
  isSilent(node: NodeId): boolean {
    const nowMs = this.ports.clock.monotonicMs();
    return !this.#isDoubting && nowMs >= this.#peer(node).silence.fromMs(nowMs);
  }

  /** A request has waited for it for some time: where nothing was heard of it lately, it is asked for a sign of life. */
  doubted(node: NodeId): void {
    const peer = this.#peer(node);
    if (!this.#isStopped && peer.silence.isProbeDue(this.ports.clock.monotonicMs())) this.#ping(peer);
  }

  /** A timer that came late found this process standing still, until now. */
  stoodStill(lateMs: number): void {
    const nowMs = this.ports.clock.monotonicMs();
    for (const { silence } of this.#peers.values()) silence.stoodStill(lateMs, nowMs);
  }

  stats(): FailureDetectorStats {
    const nowMs = this.ports.clock.monotonicMs();
    const peers: Record<NodeId, PeerStanding> = {};
    for (const node of this.ports.peers()) {
      const isDown = this.isDown(node);
      const { reason, sinceMs, silence } = this.#peer(node);
      const isSuspect = !isDown && this.isSuspect(node);
      peers[node] = {
        state: isDown ? 'down' : isSuspect ? 'suspect' : 'up',
        reason: isDown ? (reason ?? 'unconnected') : null,
        forMs: Math.round(nowMs - (isSuspect ? silence.openSinceMs! : sinceMs)),
      };
    }
    return { peers, stalls: this.#stalls, stalledMs: Math.round(this.#stalledMs) };
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelBeat();
    for (const { cancelRetry } of this.#peers.values()) cancelRetry?.();
    for (const ping of [...this.#pings]) ping.unsubscribe();
  }

  // ---- inside

  get #isDoubting(): boolean {
    return this.ports.clock.monotonicMs() < this.#doubtUntilMs;
  }

  #beat(): void {
    const { clock, peers, onBeat } = this.ports;
    const { beatMs, heartbeatMs, downAfterMs } = this.settings;
    const nowMs = clock.monotonicMs();
    const lateMs = nowMs - this.#beatDueMs;
    this.#beatDueMs = nowMs + beatMs;
    this.#cancelBeat = clock.after(beatMs, () => this.#beat());
    if (lateMs >= STALL_MS && this.#stalled(lateMs, nowMs)) return;
    if (lateMs >= STOOD_STILL_MS && lateMs < STALL_MS) this.stoodStill(lateMs);
    const watched = peers();
    for (const node of watched) {
      if (this.isDown(node)) continue;
      const peer = this.#peer(node);
      const { openSinceMs, heardAtMs } = peer.silence;
      const openMs = openSinceMs === null ? 0 : nowMs - openSinceMs;
      if (openMs >= downAfterMs) this.#down(peer, 'silent');
      else if (openMs > 0 || nowMs - heardAtMs >= heartbeatMs - beatMs / 2) this.#ping(peer);
    }
    for (const peer of [...this.#peers.values()]) if (!watched.includes(peer.node)) this.#forget(peer);
    onBeat();
  }

  /** True where no verdict may be passed now. */
  #stalled(lateMs: number, nowMs: number): boolean {
    this.#stalls++;
    this.#stalledMs += lateMs;
    const { beatMs, downAfterMs } = this.settings;
    const mayDoubt = nowMs - this.#doubtedAtMs > 2 * downAfterMs + lateMs;
    for (const peer of this.#peers.values()) {
      // Standing still is not waiting, however often it happens.
      if (peer.silence.openSinceMs === null) continue;
      if (mayDoubt) peer.silence.restart(nowMs);
      else peer.silence.stoodStill(lateMs, nowMs);
      if (peer.reason === null) this.#ping(peer);
    }
    this.ports.onStall(lateMs);
    if (!mayDoubt) return false;
    this.#doubtedAtMs = nowMs;
    this.#doubtUntilMs = nowMs + beatMs;
    return true;
  }

  #down(peer: Peer, reason: DownReason): void {
    peer.reason = reason;
    peer.sinceMs = this.ports.clock.monotonicMs();
    // Silence is a verdict over questions in vain; a connection may be back with the next one.
    peer.failures = reason === 'silent' ? 1 : 0;
    if (reason === 'silent') this.#probe(peer);
    else this.#retryLater(peer);
  }

  /** False where it was asked just before. */
  #probeSoon(peer: Peer): boolean {
    if (this.ports.clock.monotonicMs() - peer.probedAtMs < PROBE_GAP_MS) return false;
    this.#probe(peer);
    return true;
  }

  /** Asks a peer that is down, and once more later, whatever becomes of this question. */
  #probe(peer: Peer): void {
    if (this.#isStopped) return;
    this.#retryLater(peer);
    peer.probedAtMs = this.ports.clock.monotonicMs();
    this.#ping(peer);
  }

  #retryLater(peer: Peer): void {
    const { clock, random } = this.ports;
    const { retryMinMs, retryMaxMs } = this.settings;
    peer.cancelRetry?.();
    const delayMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(peer.failures, 20)) * (0.5 + 0.5 * random.fraction());
    peer.cancelRetry = clock.after(delayMs, () => {
      peer.cancelRetry = null;
      if (peer.probedAtMs >= peer.sinceMs) peer.failures++;
      this.#probe(peer);
    });
  }

  #ping({ node, silence }: Peer): void {
    silence.probed(this.ports.clock.monotonicMs());
    const context: CallContext = {
      deadlineMs: this.ports.clock.monotonicMs() + PING_TIMEOUT_MS,
      traceId: 'failure-detector',
      priority: 'write',
      principal: { kind: 'service', name: 'failure-detector' },
    };
    const ping = this.ports.ping(node, context);
    this.#pings.add(ping);
    ping.add(() => this.#pings.delete(ping));
  }

  #forget(peer: Peer): void {
    peer.cancelRetry?.();
    this.#peers.delete(peer.node);
  }

  #peer(node: NodeId): Peer {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      const nowMs = this.ports.clock.monotonicMs();
      peer = { node, sinceMs: nowMs, silence: new Silence(PRESUMED_USUAL_MS), reason: null, failures: 0, probedAtMs: -Infinity, cancelRetry: null };
      this.#peers.set(node, peer);
    }
    return peer;
  }
}
