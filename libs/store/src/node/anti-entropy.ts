/**
 * Keeps replicas equal where nobody reads. Again and again each node compares its Merkle tree with that of one peer, over the
 * slots that both hold, and repairs what differs, in both directions. Equal trees cost one message and its answer.
 *
 * Peers are taken in turn, one about every ten seconds, one at a time. A peer is **owed** a comparison at once when it
 * is back after it was down, when a comparison with it failed, or when a hint for it was given up. What is owed to a
 * peer that is down waits until it is up.
 *
 * Read repair heals what is read and hints what was missed while somebody kept book; this one needs no luck and no
 * memory. Nothing depends on a clock: there are no tombstones to collect before a deadline, so how long a replica was away
 * makes no difference.
 * Source: DeCandia et al., Dynamo (SOSP 2007), 4.7.
 */
import type { NodeId } from '@app/contracts';
import type { Cancel, Random } from '@app/time';
import { decodeLeaves, encodeLeafRows } from '../core/merkle/leaf-rows.js';
import { answerDiff } from '../core/merkle/merkle-diff.js';
import { slotOfLeaf } from '../core/merkle/merkle-tree.js';
import type { PeerReplyBody, TreeRequestBody } from '../ports/transport.js';
import { Pace } from './pace.js';
import { TreeExchange, type ExchangeCounts, type ExchangeOutcome, type TreeExchangePorts } from './tree-exchange.js';

export interface AntiEntropySettings {
  /** Between rounds, a fifth more or less, ms. */
  readonly roundEveryMs: number;
  /** How often to look whether a peer is back, ms. */
  readonly lookEveryMs: number;
  /** What a node sends and fetches for repair, payload. */
  readonly bytesPerSecond: number;
}

export const ANTI_ENTROPY_SETTINGS: AntiEntropySettings = {
  roundEveryMs: 10_000,
  lookEveryMs: 1_000,
  bytesPerSecond: 2 * 1024 * 1024,
};

export interface AntiEntropyPorts extends TreeExchangePorts {
  readonly random: Random;
  /** See ClusterView. */
  readonly sharedSlots: () => ReadonlyMap<NodeId, Uint8Array>;
  readonly isDown: (node: NodeId) => boolean;
  /** Whether this node has a vote in all of some slots: else it is no source, and compares nothing. */
  readonly hasVoteForAll: (slots: Uint8Array) => boolean;
}

export interface AntiEntropyStats extends Readonly<ExchangeCounts> {
  readonly isReady: boolean;
  readonly rounds: number;
  /** Rounds that ended with the first answer: the trees were equal. */
  readonly equalRounds: number;
  /** Rounds without an answer. */
  readonly failedRounds: number;
  /** For each peer how long ago its tree was found equal to ours, ms; null where it never was since the start. */
  readonly agreedAgoMs: Readonly<Record<NodeId, number | null>>;
}

interface Peer {
  readonly node: NodeId;
  wasDown: boolean;
  isOwed: boolean;
  /** After a failure, monotonic ms. */
  notBeforeMs: number;
  /** Counts rounds: whose turn was longest ago comes first. */
  lastRound: number;
  agreedAtMs: number | null;
}

const ROWS_PER_ANSWER = 256;
const LEAVES_PER_ANSWER = 64;
const RETRY_MS = 5_000;

export class AntiEntropy {
  readonly #peers = new Map<NodeId, Peer>();
  readonly #counts: ExchangeCounts = { rowsCompared: 0, rowsRepaired: 0, messages: 0, bytes: 0 };
  readonly #pace: Pace;
  #rounds = 0;
  #equalRounds = 0;
  #failedRounds = 0;
  #nextRoundMs: number;
  #exchange: TreeExchange | null = null;
  #cancelLook: Cancel = () => {};

  constructor(
    private readonly ports: AntiEntropyPorts,
    private readonly settings: AntiEntropySettings = ANTI_ENTROPY_SETTINGS,
  ) {
    this.#pace = new Pace(settings.bytesPerSecond);
    this.#nextRoundMs = ports.clock.monotonicMs() + settings.roundEveryMs * ports.random.fraction();
    this.#lookLater();
  }

  /** A peer may lack something: compare with it as soon as it is up. */
  owe(node: NodeId): void {
    this.#peer(node).isOwed = true;
  }

  /** Answers a peer that compares its tree with ours. Shows durable state. @throws STORE_RECORD_CORRUPT on a malformed question */
  answer(request: TreeRequestBody): PeerReplyBody {
    const { tree } = this.ports;
    const slots = this.ports.sharedSlots().get(request.from) ?? NO_SLOTS;
    if (request.kind === 'tree') return { kind: 'tree', answer: tree.isReady && this.ports.hasVoteForAll(slots) ? answerDiff(tree.over(slots), request.question) : null };
    const leaves = decodeLeaves(request.leaves).slice(0, LEAVES_PER_ANSWER);
    const shared = leaves.filter((leaf) => slots[slotOfLeaf(leaf)] === 1);
    const { rows, more } = tree.list(shared, request.after, null, ROWS_PER_ANSWER);
    return { kind: 'leaves', rows: encodeLeafRows(rows), more };
  }

  stats(): AntiEntropyStats {
    const nowMs = this.ports.clock.monotonicMs();
    const agreedAgoMs: Record<NodeId, number | null> = {};
    for (const node of this.ports.sharedSlots().keys()) {
      const agreedAtMs = this.#peers.get(node)?.agreedAtMs ?? null;
      agreedAgoMs[node] = agreedAtMs === null ? null : nowMs - agreedAtMs;
    }
    return {
      ...this.#counts,
      isReady: this.ports.tree.isReady,
      rounds: this.#rounds,
      equalRounds: this.#equalRounds,
      failedRounds: this.#failedRounds,
      agreedAgoMs,
    };
  }

  stop(): void {
    this.#cancelLook();
    this.#exchange?.stop();
  }

  #lookLater(): void {
    this.#cancelLook = this.ports.clock.after(this.settings.lookEveryMs, () => {
      this.#lookLater();
      this.#look();
    });
  }

  #look(): void {
    const { tree, clock, random, isDown, sharedSlots, hasVoteForAll } = this.ports;
    const nowMs = clock.monotonicMs();
    const peers = [...sharedSlots().keys()].map((node) => this.#peer(node));
    for (const peer of peers) {
      const isDownNow = isDown(peer.node);
      if (peer.wasDown && !isDownNow) {
        peer.isOwed = true;
        peer.notBeforeMs = 0;
      }
      peer.wasDown = isDownNow;
    }
    if (this.#exchange !== null || !tree.isReady) return;
    const isDue = nowMs >= this.#nextRoundMs;
    const waiting = peers.filter((peer) => !peer.wasDown && nowMs >= peer.notBeforeMs && hasVoteForAll(sharedSlots().get(peer.node)!)).sort((a, b) => a.lastRound - b.lastRound);
    const next = waiting.find((peer) => peer.isOwed) ?? (isDue ? waiting[0] : undefined);
    if (isDue) this.#nextRoundMs = nowMs + this.settings.roundEveryMs * (0.8 + 0.4 * random.fraction());
    if (next !== undefined) this.#compareWith(next, sharedSlots().get(next.node)!);
  }

  #compareWith(peer: Peer, slots: Uint8Array): void {
    this.#rounds++;
    peer.lastRound = this.#rounds;
    peer.isOwed = false;
    const { clock } = this.ports;
    const ended = (outcome: ExchangeOutcome): void => {
      this.#exchange = null;
      if (outcome === 'equal') {
        this.#equalRounds++;
        peer.agreedAtMs = clock.monotonicMs();
      } else if (outcome !== 'compared') {
        if (outcome === 'failed') this.#failedRounds++;
        peer.isOwed = true;
        peer.notBeforeMs = clock.monotonicMs() + RETRY_MS;
      }
    };
    try {
      this.#exchange = new TreeExchange(this.ports, peer.node, slots, this.#pace, this.#counts, ended);
    } catch {
      return ended('failed'); // the table cannot be read, which others deal with
    }
    this.#exchange.start();
  }

  #peer(node: NodeId): Peer {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      peer = { node, wasDown: false, isOwed: false, notBeforeMs: 0, lastRound: 0, agreedAtMs: null };
      this.#peers.set(node, peer);
    }
    return peer;
  }
}

const NO_SLOTS = new Uint8Array(0);
