/**
 * Makes replicas of a row equal before a read answers, so that successive quorum reads never go backwards: what the next
 * one finds on any quorum includes what this one showed. Repair in the background, after the answer, would not do: a write
 * seen once on one replica could then be unseen (row model, A4; non-blocking repair).
 *
 * From each replica that voted for another digest this one pulls what it lacks; once that is durable here, the answer is
 * taken from the state of that moment, and every voter is pushed what it lacks of the same state; when all have it
 * durably the answer is given. Contexts are repaired with the cells, or a removal that one replica has applied would stay
 * unknown to the rest (F3). Adds and removals travel as the operations that they are while those are remembered.
 */
import type { Subscription } from 'rxjs';
import { TriptychError, type CallContext, type NodeId, type RowKey } from '@app/contracts';
import { coversKnowledge, sameKnowledge, type RowKnowledge } from '../core/row/causal-map.js';
import { decodeDifference, decodeKnowledge, encodeDifference, encodeKnowledge } from '../core/row/row-difference.js';
import type { PeerReply, RowRequestBody } from '../ports/transport.js';
import { takeIn } from './replica.js';
import type { RowStore } from './row-store.js';

/** One replica to be made equal. `knowledge` is null while it is not known: it voted for another digest. */
export interface RepairPeer {
  readonly node: NodeId;
  knowledge: RowKnowledge | null;
}

export type RepairOutcome<T> =
  /** `isEqual`: every voter acknowledged with just the state that the value was taken from. */
  | { readonly kind: 'repaired'; readonly value: T; readonly isEqual: boolean }
  /** A voter dropped out: the read has to look for another one. */
  | { readonly kind: 'lost'; readonly node: NodeId }
  /** This replica itself cannot go on: its disk failed, or the row was found damaged. */
  | { readonly kind: 'failed'; readonly error: TriptychError };

/** Sends one request to one peer: what a coordinator lends to its mechanisms. */
export type AskPeer = (
  to: NodeId,
  key: RowKey,
  body: RowRequestBody,
  context: CallContext,
  settle: (reply: PeerReply | null, error?: TriptychError) => void,
) => Subscription;

export class ReadRepair<T> {
  readonly #subscriptions = new Set<Subscription>();
  #left = 0;
  #isDone = false;
  #value!: T;
  #isEqual = true;

  /** @param take takes the answer from the durable row, at the moment it is called */
  constructor(
    private readonly rows: RowStore,
    private readonly ask: AskPeer,
    private readonly key: RowKey,
    private readonly peers: readonly RepairPeer[],
    private readonly context: CallContext,
    private readonly take: () => T,
    private readonly settle: (outcome: RepairOutcome<T>) => void,
  ) {}

  start(): void {
    const different = this.peers.filter((peer) => peer.knowledge === null);
    this.#left = different.length;
    if (this.#left === 0) this.#push();
    for (const peer of different) this.#pull(peer);
  }

  /** Drops the read. What was already asked to be written is written. */
  cancel(): void {
    this.#isDone = true;
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#subscriptions.clear();
  }

  #pull(peer: RepairPeer): void {
    const mine = this.rows.header(this.key);
    this.#send(peer, { kind: 'pull', knowledge: encodeKnowledge(mine) }, (reply) => {
      if (reply.kind !== 'pulled' || !reply.vote) return this.#end({ kind: 'lost', node: peer.node });
      peer.knowledge = decodeKnowledge(reply.knowledge);
      if (reply.difference === null) return this.#pulled();
      const difference = decodeDifference(reply.difference);
      takeIn(this.rows, this.key, difference, (error) => {
        if (this.#isDone) return;
        if (error !== undefined) return this.#end({ kind: 'failed', error: asStoreError(error) });
        if (difference.kind === 'deltas' && difference.isPartial) this.#pull(peer);
        else this.#pulled();
      });
    });
  }

  #pulled(): void {
    if (--this.#left === 0) this.#push();
  }

  /** Everything that the voters had is durable here. */
  #push(): void {
    try {
      if (this.rows.header(this.key).isDamaged) throw new TriptychError('STORE_ROW_DAMAGED', 'the row was found damaged during its repair');
      this.#value = this.take();
    } catch (error) {
      return this.#end({ kind: 'failed', error: asStoreError(error) });
    }
    this.#left = this.peers.length;
    const mine = this.rows.header(this.key);
    for (const peer of this.peers) this.#pushTo(peer, mine);
  }

  /** @param target the knowledge that the answer rests on: what the peer must come to cover */
  #pushTo(peer: RepairPeer, target: RowKnowledge): void {
    if (this.#isDone) return;
    if (coversKnowledge(peer.knowledge!, target)) return this.#pushed(sameKnowledge(peer.knowledge!, target));
    let difference;
    try {
      difference = this.rows.difference(this.key, peer.knowledge!);
    } catch (error) {
      return this.#end({ kind: 'failed', error: asStoreError(error) });
    }
    if (difference === null) return this.#pushed(false);
    this.#send(peer, { kind: 'push', difference: encodeDifference(difference) }, (reply) => {
      if (reply.kind !== 'pushed' || !reply.vote) return this.#end({ kind: 'lost', node: peer.node });
      peer.knowledge = decodeKnowledge(reply.knowledge);
      this.#pushTo(peer, target);
    });
  }

  #pushed(isEqual: boolean): void {
    if (!isEqual) this.#isEqual = false;
    if (--this.#left === 0) this.#end({ kind: 'repaired', value: this.#value, isEqual: this.#isEqual });
  }

  #send(peer: RepairPeer, body: RowRequestBody, onReply: (reply: PeerReply) => void): void {
    const subscription = this.ask(peer.node, this.key, body, this.context, (reply) => {
      this.#subscriptions.delete(subscription);
      if (this.#isDone) return;
      if (reply === null) this.#end({ kind: 'lost', node: peer.node });
      else onReply(reply);
    });
    this.#subscriptions.add(subscription);
  }

  #end(outcome: RepairOutcome<T>): void {
    if (this.#isDone) return;
    this.cancel();
    this.settle(outcome);
  }
}

export const asStoreError = (error: unknown): TriptychError =>
  error instanceof TriptychError ? error : new TriptychError('STORE_FAILED', 'the store failed here', {}, { cause: error });
