/**
 * A read at a quorum: this replica's own row, and the digests of as many others as the level needs. Equal digests mean
 * that all of them hold exactly what is answered; otherwise they are made equal first (read-repair.ts).
 *
 * The quorum is judged by who answered, not by who was thought alive: a replica that is known down is asked last, not never;
 * one that fails, or has no vote because it may lack what it acknowledged, is replaced by the next; one that is late is
 * joined by the next; one that has fallen silent counts as failed, and its vote still counts should it come. When those left cannot
 * make up the quorum the read fails at once, long before its deadline.
 *
 * Two demands go beyond that. An answer to a session covers what the session has seen, whatever its level (row model, F19): a
 * state that does not is not shown, and more replicas are asked, at last all. And a LINEARIZABLE read answers only a state that was equal at
 * all who voted (F15). Repaired states are, unless a write came between, which the acknowledgements of the repair show; then it
 * begins again. Answering after one repair, as for a single register (Attiya, Bar-Noy, Dolev), would show two readers two
 * states of a list neither of which came after the other.
 * Source: Skrzypczak, Schintke, Schütt, Linearizable state machine replication of state-based CRDTs without logs (PODC 2019).
 */
import type { Subscription } from 'rxjs';
import { TriptychError, type CallContext, type NodeId, type RowKey } from '@app/contracts';
import type { Cancel } from '@app/time';
import type { CausalContext } from '../core/causality/causal-context.js';
import { votesBeyond } from '../core/quorum/consistency-level.js';
import type { HedgeBudget } from '../core/quorum/hedge-budget.js';
import { ReadQuorum } from '../core/quorum/read-quorum.js';
import type { RowKnowledge } from '../core/row/causal-map.js';
import type { RowHeader } from '../core/row/row-header.js';
import type { RowPlacement } from './cluster-view.js';
import { asStoreError, ReadRepair, type AskPeer, type RepairPeer } from './read-repair.js';
import { notSynced, rowDamaged, type RowStore } from './row-store.js';
import { watchSilence, type SilenceWatchPorts } from './silence-watch.js';

export interface QuorumReadPorts extends SilenceWatchPorts {
  /** Whether this node's own state of the row may count. */
  readonly hasVote: (key: RowKey) => boolean;
  readonly self: NodeId;
  readonly rows: RowStore;
  readonly ask: AskPeer;
  /** A replica that has not answered after this long is joined by the next one, ms: measured, for each its own. */
  readonly hedgeDelayMs: (node: NodeId) => number;
  /** What all reads of this node share. */
  readonly hedgeBudget: HedgeBudget;
  /** Down, and asked again in vain a moment ago: not asked, and not waited for. */
  readonly isSurelyDown: (node: NodeId) => boolean;
}

export interface ReadDemand {
  /** Votes of each set of replicas, this node's included, to begin with. */
  readonly votes: number;
  /** Copies that the row is meant to have: the votes there are. */
  readonly copies: number;
  /** What the session has seen: no answer may rest on less. */
  readonly seen: CausalContext;
  readonly isLinearizable: boolean;
}

export interface QuorumAnswer<T> {
  readonly value: T;
  /** What the answer rests on. */
  readonly row: RowKnowledge;
  /** Votes of each set that it has. */
  readonly votes: number;
  /** Different states among the voters, when most of them were met. */
  readonly versions: number;
  /** All replicas voted, and what they hold together is less than what the session has seen. */
  readonly isSessionAhead: boolean;
  /** Whose votes the answer rests on, this node first. */
  readonly replicas: readonly NodeId[];
  readonly repaired: boolean;
  /** One more replica was asked because another was late. */
  readonly hedged: boolean;
}

type Settled<T> = { readonly answer: QuorumAnswer<T> } | { readonly error: TriptychError };

/** An answer and the row that it was taken from, at one moment. */
interface Taken<T> {
  readonly value: T;
  readonly row: RowHeader;
}

/** Of the time that is left, so that the caller hears why a LINEARIZABLE read failed and not merely that it did. */
const TIME_TO_TELL = 0.05;

export class QuorumRead<T> {
  #quorum!: ReadQuorum;
  /** The other replicas that may still be of use, in the order in which they are asked. */
  #others: readonly NodeId[];
  readonly #asked = new Map<NodeId, Subscription>();
  readonly #digests = new Map<NodeId, Uint8Array>();
  readonly #timers: Cancel[] = [];
  #repair: ReadRepair<Taken<T>> | null = null;
  /** Those that the repair waits for, or may. */
  #voters: readonly NodeId[] = [];
  #digest!: Uint8Array;
  #taken!: Taken<T>;
  #votes: number;
  #versions = 1;
  /** So many votes as the level needs lacked what the session has seen. */
  #isBehind = false;
  /** Repaired states differed again: the row is being written. */
  #isContended = false;
  #isDone = false;
  #repaired = false;
  #hedged = false;

  /**
   * @param placement the row's other replicas in the order in which they are asked: the preferred first, those known down last
   * @param take takes the answer from the durable row, at the moment it is called
   */
  constructor(
    private readonly ports: QuorumReadPorts,
    private readonly key: RowKey,
    private readonly placement: RowPlacement,
    private readonly demand: ReadDemand,
    private readonly context: CallContext,
    private readonly take: () => T,
    private readonly settle: (settled: Settled<T>) => void,
  ) {
    this.#others = placement.others;
    this.#votes = demand.votes;
  }

  start(): void {
    const untilDeadlineMs = this.context.deadlineMs - this.ports.clock.monotonicMs();
    const leftMs = this.demand.isLinearizable ? untilDeadlineMs * (1 - TIME_TO_TELL) : untilDeadlineMs;
    this.#timers.push(this.ports.clock.after(leftMs, () => this.#end({ error: this.#timedOut() })));
    if (this.#votes > 1) this.ports.hedgeBudget.earn();
    this.#begin();
    if (!this.#isDone) this.#timers.push(watchSilence(this.ports, () => this.#others, (node) => this.#silent(node)));
  }

  /** Drops the read: outstanding questions are called off, no answer will come. */
  cancel(): void {
    this.#isDone = true;
    this.#repair?.cancel();
    for (const subscription of this.#asked.values()) subscription.unsubscribe();
    this.#asked.clear();
    for (const cancel of this.#timers) cancel();
  }

  /** Own state first: the other votes are compared with exactly this moment. */
  #begin(): void {
    try {
      const row = this.ports.rows.header(this.key);
      if (row.isDamaged) throw rowDamaged(this.key);
      if (!this.ports.hasVote(this.key)) throw notSynced(this.key);
      this.#digest = this.ports.rows.digest(this.key);
      this.#taken = { value: this.take(), row };
    } catch (error) {
      return this.#end({ error: asStoreError(error) });
    }
    const { self, isSurelyDown } = this.ports;
    this.#digests.clear();
    // One vote is enough of any set: it is this replica's own.
    const sets = this.#votes === 1 ? [[self]] : this.placement.sets;
    this.#quorum = new ReadQuorum([self, ...this.#others], this.#votes, new Set(this.#others.filter(isSurelyDown)), sets);
    this.#quorum.answer(self, 'value');
    this.#judge();
  }

  #judge(): void {
    if (this.#isDone || this.#repair !== null) return;
    if (this.#quorum.outcome === 'satisfied') return this.#compare();
    if (this.#quorum.outcome === 'unreachable') return this.#end({ error: this.#unavailable() });
    for (const node of this.#quorum.toAsk()) this.#ask(node);
  }

  #ask(node: NodeId): void {
    if (this.#asked.has(node)) return;
    const subscription = this.ports.ask(node, this.key, { kind: 'digest' }, this.context, (reply) => {
      this.#asked.delete(node);
      if (reply?.kind !== 'digest') this.#quorum.answer(node, 'failed');
      else if (!reply.vote) this.#quorum.answer(node, 'no-vote');
      else {
        this.#digests.set(node, reply.digest);
        this.#quorum.answer(node, 'value');
      }
      this.#judge();
    });
    this.#asked.set(node, subscription);
    this.#timers.push(
      this.ports.clock.after(this.ports.hedgeDelayMs(node), () => {
        if (this.#isDone || this.#repair !== null || !this.#asked.has(node)) return;
        if (!this.ports.hedgeBudget.available) return;
        const next = this.#quorum.hedge();
        if (next === undefined) return;
        this.ports.hedgeBudget.spend();
        this.#hedged = true;
        this.#ask(next);
      }),
    );
  }

  #silent(node: NodeId): void {
    if (this.#isDone) return;
    if (this.#repair !== null) {
      if (this.#voters.includes(node)) this.#without(node);
    } else if (this.#asked.has(node)) {
      this.#quorum.answer(node, 'failed');
      this.#judge();
    }
  }

  #compare(): void {
    const voters = [...this.#digests.keys()];
    const differs = (node: NodeId): boolean => !sameBytes(this.#digests.get(node)!, this.#digest);
    if (!voters.some(differs)) return this.#conclude(voters, this.#taken);
    const digests = [this.#digest, ...this.#digests.values()].map((digest) => Buffer.from(digest).toString('latin1'));
    this.#versions = Math.max(this.#versions, new Set(digests).size);
    this.#repaired = true;
    const { rows, ask } = this.ports;
    const peers: RepairPeer[] = voters.map((node) => ({ node, knowledge: differs(node) ? null : this.#taken.row }));
    this.#voters = voters;
    const take = (): Taken<T> => ({ value: this.take(), row: rows.header(this.key) });
    this.#repair = new ReadRepair(rows, ask, this.key, peers, this.context, take, (outcome) => {
      this.#repair = null;
      if (outcome.kind === 'repaired') {
        if (this.demand.isLinearizable && !outcome.isEqual) {
          this.#isContended = true;
          return this.#begin();
        }
        return this.#conclude(voters, outcome.value);
      }
      if (outcome.kind === 'failed') return this.#end({ error: outcome.error });
      this.#without(outcome.node);
    });
    this.#repair.start();
  }

  /** Begins again without one that dropped out of the repair: the votes that are left were cast on an older state of this replica. */
  #without(lost: NodeId): void {
    const repair = this.#repair;
    this.#repair = null;
    repair?.cancel();
    this.#others = this.#others.filter((node) => node !== lost);
    this.#begin();
  }

  /** As many as were needed agree: that is the answer, unless the session has seen more. */
  #conclude(voters: readonly NodeId[], { value, row }: Taken<T>): void {
    const isSessionAhead = !row.context.covers(this.demand.seen);
    const votes = isSessionAhead ? votesBeyond(this.#votes, this.demand.copies) : null;
    if (votes !== null) {
      this.#isBehind = true;
      this.#votes = votes;
      return this.#begin();
    }
    const [replicas, versions] = [[this.ports.self, ...voters], this.#versions];
    this.#end({ answer: { value, row, replicas, votes: this.#votes, versions, isSessionAhead, repaired: this.#repaired, hedged: this.#hedged } });
  }

  #end(settled: Settled<T>): void {
    if (this.#isDone) return;
    this.cancel();
    this.settle(settled);
  }

  #unavailable(): TriptychError {
    const [needed, { alive }] = [this.#votes, this.#quorum];
    if (this.#isBehind) return new TriptychError('STORE_SESSION_AHEAD', `the session has seen more than those hold that can answer, ${alive} of ${needed}`, { needed, alive });
    return new TriptychError('STORE_QUORUM_UNAVAILABLE', `${needed} replicas must vote and ${alive} can`, { needed, alive });
  }

  #timedOut(): TriptychError {
    const [required, answered] = [this.#votes, this.#quorum.votes];
    if (this.#isBehind) return this.#unavailable();
    if (this.#isContended) {
      return new TriptychError('STORE_LINEARIZE_TIMEOUT', `${answered} replicas answered and were not equal at any moment`, { required, answered });
    }
    return new TriptychError('STORE_READ_TIMEOUT', `${required} replicas were needed in time and ${answered} answered`, { required, answered });
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
