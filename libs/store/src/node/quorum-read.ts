/**
 * A read at a quorum: this replica's own row, and the digests of as many others as the level needs. Equal digests mean
 * that all of them hold exactly what is answered; otherwise they are made equal first (read-repair.ts).
 *
 * The quorum is judged by who answered, not by who was thought alive: a replica that is known down is asked last, not never;
 * one that fails, or has no vote because it may lack what it acknowledged, is replaced by the next; one that is late is
 * joined by the next. When those left cannot make up the quorum the read fails at once, long before its deadline.
 */
import type { Subscription } from 'rxjs';
import { TriptychError, type CallContext, type NodeId, type RowKey } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import { ReadQuorum } from '../core/quorum/read-quorum.js';
import type { RowHeader } from '../core/row/row-header.js';
import type { RowPlacement } from './cluster-view.js';
import { asStoreError, ReadRepair, type AskPeer, type RepairPeer } from './read-repair.js';
import { rowDamaged, type RowStore } from './row-store.js';

export interface QuorumReadPorts {
  readonly self: NodeId;
  readonly rows: RowStore;
  readonly clock: Clock;
  readonly ask: AskPeer;
  /** A replica that has not answered after this long is joined by the next one, ms. */
  readonly hedgeDelayMs: number;
}

export interface QuorumAnswer<T> {
  readonly value: T;
  /** Whose votes the answer rests on, this node first. */
  readonly replicas: readonly NodeId[];
  readonly repaired: boolean;
}

type Settled<T> = { readonly answer: QuorumAnswer<T> } | { readonly error: TriptychError };

export class QuorumRead<T> {
  #quorum!: ReadQuorum;
  /** The other replicas that may still be of use, in the order in which they are asked. */
  #others: readonly NodeId[];
  readonly #asked = new Map<NodeId, Subscription>();
  readonly #digests = new Map<NodeId, Uint8Array>();
  readonly #timers: Cancel[] = [];
  #repair: ReadRepair<T> | null = null;
  #header!: RowHeader;
  #digest!: Uint8Array;
  #value!: T;
  #isDone = false;
  #repaired = false;

  /**
   * @param placement the row's other replicas in the order in which they are asked: the preferred first, those known down last
   * @param required votes of each set, this node's included
   * @param take takes the answer from the durable row, at the moment it is called
   */
  constructor(
    private readonly ports: QuorumReadPorts,
    private readonly key: RowKey,
    private readonly placement: RowPlacement,
    private readonly required: number,
    private readonly context: CallContext,
    private readonly take: () => T,
    private readonly settle: (settled: Settled<T>) => void,
  ) {
    this.#others = placement.others;
  }

  start(): void {
    const leftMs = this.context.deadlineMs - this.ports.clock.monotonicMs();
    this.#timers.push(this.ports.clock.after(leftMs, () => this.#end({ error: this.#timedOut() })));
    this.#begin();
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
      this.#header = this.ports.rows.header(this.key);
      if (this.#header.isDamaged) throw rowDamaged(this.key);
      this.#digest = this.ports.rows.digest(this.key);
      this.#value = this.take();
    } catch (error) {
      return this.#end({ error: asStoreError(error) });
    }
    const { self } = this.ports;
    this.#digests.clear();
    this.#quorum = new ReadQuorum([self, ...this.#others], this.required, NONE, this.placement.sets);
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
      this.ports.clock.after(this.ports.hedgeDelayMs, () => {
        if (this.#isDone || this.#repair !== null || !this.#asked.has(node)) return;
        const next = this.#quorum.hedge();
        if (next !== undefined) this.#ask(next);
      }),
    );
  }

  #compare(): void {
    const voters = [...this.#digests.keys()];
    const differs = (node: NodeId): boolean => !sameBytes(this.#digests.get(node)!, this.#digest);
    if (!voters.some(differs)) return this.#end({ answer: this.#answer(voters, this.#value) });
    this.#repaired = true;
    const peers: RepairPeer[] = voters.map((node) => ({ node, knowledge: differs(node) ? null : this.#header }));
    this.#repair = new ReadRepair(this.ports.rows, this.ports.ask, this.key, peers, this.context, this.take, (outcome) => {
      this.#repair = null;
      if (outcome.kind === 'repaired') return this.#end({ answer: this.#answer(voters, outcome.value) });
      if (outcome.kind === 'failed') return this.#end({ error: outcome.error });
      // Begin again without the one that dropped out: the votes that are left were cast on an older state of this replica.
      this.#others = this.#others.filter((node) => node !== outcome.node);
      this.#begin();
    });
    this.#repair.start();
  }

  #answer(voters: readonly NodeId[], value: T): QuorumAnswer<T> {
    return { value, replicas: [this.ports.self, ...voters], repaired: this.#repaired };
  }

  #end(settled: Settled<T>): void {
    if (this.#isDone) return;
    this.cancel();
    this.settle(settled);
  }

  #unavailable(): TriptychError {
    const { alive } = this.#quorum;
    return new TriptychError('STORE_QUORUM_UNAVAILABLE', `${this.required} replicas are needed and ${alive} can answer`, {
      needed: this.required,
      alive,
    });
  }

  #timedOut(): TriptychError {
    const answered = this.#quorum.votes;
    return new TriptychError('STORE_READ_TIMEOUT', `${this.required} replicas were needed in time and ${answered} answered`, {
      required: this.required,
      answered,
    });
  }
}

const NONE: ReadonlySet<NodeId> = new Set();

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
