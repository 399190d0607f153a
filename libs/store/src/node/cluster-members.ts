/**
 * Membership as one node takes part in it: its epoch and vote (epoch-keeper.ts), decisions (epoch-agreement.ts), gossip
 * (gossip.ts), changes (member-changes.ts), put together; and the **fence**: what is about rows is asked and answered within
 * one epoch only. Whoever of the two is behind takes over the epoch of the other first, durably. So a replica that has heard
 * of a change answers nobody who has not, which is what makes two neighbouring epochs safe beside each other (row model, F18).
 */
import { Subscription } from 'rxjs';
import { TriptychError, type CallContext, type NodeId } from '@app/contracts';
import type { Clock, Random } from '@app/time';
import type { VoteAnswer } from '../core/membership/epoch-vote.js';
import type { HistoryEntry, MemberChange, Membership } from '../core/membership/membership.js';
import type { Mutation, StorageEngine } from '../ports/storage-engine.js';
import type { MemberReply, MemberRequestBody, PeerMessage, PeerReply } from '../ports/transport.js';
import { slotsGained, type ClusterView } from './cluster-view.js';
import { EpochAgreement, type AskMember } from './epoch-agreement.js';
import { EpochKeeper } from './epoch-keeper.js';
import { Gossip, type GossipStats } from './gossip.js';
import { MemberChanges, type ChangeAnswer } from './member-changes.js';

/** One message to a peer, one reply or error. Not settled once it is unsubscribed. */
export type SendToPeer = (to: NodeId, message: PeerMessage, context: CallContext, settle: (reply: PeerReply | null, error?: TriptychError) => void) => Subscription;

export interface ClusterMembersPorts {
  readonly view: ClusterView;
  readonly engine: StorageEngine;
  readonly clock: Clock;
  readonly random: Random;
  /** What this node was told of a cluster that it helps to found; null for one that is to join. */
  readonly founding: Membership | null;
  /** Nodes that are asked beside the members, by configuration. */
  readonly seeds: readonly NodeId[];
  /** Past the fence: as it is. */
  readonly send: SendToPeer;
  readonly isDown: (node: NodeId) => boolean;
  readonly isDirectoryKnown: () => boolean;
  /** Slots of this node that wait for their rows. */
  readonly waitingSlots: () => number;
  /** Rows in these slots are not all here: durable in one batch with `record`. */
  readonly beginSync: (slots: readonly number[], record: Mutation, settled: (error?: Error) => void) => void;
  /** The view is another one from here on. `from` is null for a node that had not heard of its cluster. */
  readonly onEpoch: (from: Membership | null, to: Membership) => void;
}

export interface MembershipStatus {
  readonly epoch: number;
  readonly phase: 'unknown' | 'stable' | 'joint';
  readonly survive: Membership['survive'] | null;
  readonly members: Membership['members'];
  readonly next: Membership['next'];
  /** Members known to be in this epoch. */
  readonly adopted: readonly NodeId[];
  /** Slots that gaining nodes wait for, as far as this node has heard. */
  readonly slotsLeft: Readonly<Record<NodeId, number>>;
  readonly isInDoubt: boolean;
  readonly gossip: GossipStats;
}

const CONTEXT = { traceId: 'membership', priority: 'background', principal: { kind: 'service', name: 'membership' } } as const;

export class ClusterMembers {
  readonly #keeper: EpochKeeper;
  readonly #agreement: EpochAgreement;
  readonly #gossip: Gossip;
  readonly #changes: MemberChanges;
  /** Peers that are being told of this epoch: the requests that wait for it. */
  readonly #teaching = new Map<NodeId, ((isTaught: boolean) => void)[]>();

  constructor(private readonly ports: ClusterMembersPorts) {
    const { view, engine, clock, random, founding, seeds, isDown, isDirectoryKnown, waitingSlots } = ports;
    const { self } = view;
    this.#keeper = new EpochKeeper({
      engine,
      self,
      founding,
      isDirectoryKnown,
      store: (record, from, to, settled) => {
        const gained = slotsGained(self, from, to);
        if (gained.length > 0) ports.beginSync(gained, record, settled);
        else engine.write([record], settled);
      },
      onAdopted: (from, to) => {
        view.adopt(to);
        ports.onEpoch(from, to);
      },
    });
    if (this.#keeper.known !== null) view.adopt(this.#keeper.known.membership);
    const keeper = this.#keeper;
    const shared = { self, clock, random, keeper, ask: this.#ask };
    this.#gossip = new Gossip({
      ...shared,
      seeds,
      known: () => keeper.known,
      hasVoted: () => keeper.vote.promised !== null,
      adopt: (membership, settle) => keeper.adopt(membership, settle),
      heardVote: (from, hasVoted) => keeper.heardVote(from, hasVoted),
      isInDoubt: () => keeper.isInDoubt,
    });
    const gossip = this.#gossip;
    this.#agreement = new EpochAgreement({ ...shared, onAdoptedBy: (node, epoch) => gossip.heardOf(node, epoch) });
    this.#changes = new MemberChanges({ ...shared, agreement: this.#agreement, gossip, isDown, gaining: () => view.gaining, waitingSlots });
  }

  // ---- for administrators

  /** @param by who asks   @param timeoutMs until when a majority has to agree */
  change(change: MemberChange, by: string, timeoutMs: number, settle: (answer: ChangeAnswer) => void): void {
    this.#changes.change(change, by, timeoutMs, settle);
  }

  /** Calls the change off that is under way. */
  cancelChange(timeoutMs: number, settle: (answer: ChangeAnswer) => void): void {
    this.#changes.cancel(timeoutMs, settle);
  }

  /** Oldest first. */
  get history(): readonly HistoryEntry[] {
    return this.#keeper.known?.membership.history ?? [];
  }

  status(): MembershipStatus {
    const membership = this.#keeper.known?.membership;
    return {
      epoch: this.#keeper.epoch,
      phase: membership === undefined ? 'unknown' : membership.next === null ? 'stable' : 'joint',
      survive: membership?.survive ?? null,
      members: membership?.members ?? [],
      next: membership?.next ?? null,
      adopted: [...this.#gossip.adopted].sort(),
      slotsLeft: this.#changes.slotsLeft,
      isInDoubt: this.#keeper.isInDoubt,
      gossip: this.#gossip.stats(),
    };
  }

  /** Null in a node that has not heard of its cluster yet. */
  get membership(): Membership | null {
    return this.#keeper.known?.membership ?? null;
  }

  // ---- for the node

  /** Its disk was lost, or is an old one: it may have voted and not know it. */
  forgot(): void {
    this.#keeper.forgot();
  }

  /** Answers what is about membership: at once, or when it is durable. */
  answer(request: MemberRequestBody, settle: (reply: MemberReply | null, error?: Error) => void): void {
    const keeper = this.#keeper;
    switch (request.kind) {
      case 'gossip':
        return settle(this.#gossip.answer(request.digest));
      case 'learn':
        return keeper.adopt(request.membership, (error) => {
          if (error !== undefined) settle(null, error);
          else settle({ kind: 'learnt', epoch: keeper.epoch });
        });
      case 'progress': {
        const slotsLeft = this.ports.waitingSlots();
        return settle({ kind: 'progress', epoch: keeper.epoch, isSynced: slotsLeft === 0, slotsLeft });
      }
      case 'promise':
      case 'accept': {
        const { follows, ballot } = request;
        const answer = (vote: VoteAnswer): void => {
          const membership = keeper.known !== null && keeper.epoch > follows.epoch ? keeper.known.bytes : null;
          settle({ kind: 'vote', epoch: keeper.epoch, vote, membership });
        };
        if (request.kind === 'promise') keeper.promise(follows, ballot, answer);
        else keeper.accept(follows, ballot, request.value, answer);
      }
    }
  }

  /** Whether a request about rows is of another epoch than this node's, and so not to be answered. */
  refusal(epoch: number): TriptychError | null {
    const own = this.#keeper.epoch;
    if (epoch === own) return null;
    return new TriptychError('STORE_EPOCH_OLD', `asked in epoch ${epoch}, and this node is in ${own}`, { epoch: own });
  }

  /**
   * Sends what is about rows. Where the peer is behind, it is told of this epoch, then asked again; where this node is behind, it
   * takes the peer's epoch over before the request fails, so that whoever sent it can begin anew.
   */
  send: SendToPeer = (to, message, context, settle) => {
    const { send } = this.ports;
    const all = new Subscription();
    const attempt = (isAgain: boolean): void => {
      all.add(
        send(to, message, context, (reply, error) => {
          const theirs = error?.code === 'STORE_EPOCH_OLD' ? Number(error.details['epoch']) : null;
          if (theirs === null) return settle(reply, error);
          const fail = (): void => {
            if (!all.closed) settle(null, error);
          };
          if (theirs > this.#keeper.epoch) return this.#learnFrom(to, fail);
          if (isAgain) return fail();
          this.#teach(to, (isTaught) => {
            if (all.closed) return;
            if (isTaught) attempt(true);
            else fail();
          });
        }),
      );
    };
    attempt(false);
    return all;
  };

  stop(): void {
    this.#gossip.stop();
    this.#agreement.stop();
    this.#changes.stop();
  }

  /** The peer is ahead: its epoch becomes ours, or it cannot be had. */
  #learnFrom(peer: NodeId, done: () => void): void {
    const keeper = this.#keeper;
    const { known } = keeper;
    const digest = { epoch: keeper.epoch, hash: known?.hash ?? '', adopted: new Uint8Array(0), hasVoted: keeper.vote.promised !== null };
    this.#ask(peer, { kind: 'gossip', digest }, LEARN_TIMEOUT_MS, (reply) => {
      if (reply?.kind === 'gossip' && reply.membership !== null) keeper.adopt(reply.membership, done);
      else done();
    });
  }

  /** The peer is behind. Requests that wait for the same peer are told together. */
  #teach(peer: NodeId, done: (isTaught: boolean) => void): void {
    const waiting = this.#teaching.get(peer);
    if (waiting !== undefined) return void waiting.push(done);
    const { known } = this.#keeper;
    if (known === null) return done(false);
    const all = [done];
    this.#teaching.set(peer, all);
    this.#ask(peer, { kind: 'learn', membership: known.bytes }, LEARN_TIMEOUT_MS, (reply) => {
      this.#teaching.delete(peer);
      const isTaught = reply?.kind === 'learnt';
      if (isTaught) this.#gossip.heardOf(peer, reply.epoch);
      for (const told of all) told(isTaught);
    });
  }

  #ask: AskMember = (to, body, timeoutMs, settle) =>
    this.ports.send(to, body, { ...CONTEXT, deadlineMs: this.ports.clock.monotonicMs() + timeoutMs }, (reply) => {
      settle(reply !== null && MEMBER_REPLIES.has(reply.kind) ? (reply as MemberReply) : null);
    });
}

const LEARN_TIMEOUT_MS = 1_000;
const MEMBER_REPLIES: ReadonlySet<PeerReply['kind']> = new Set<MemberReply['kind']>(['gossip', 'learnt', 'vote', 'progress']);
export const MEMBER_REQUESTS: ReadonlySet<PeerMessage['kind']> = new Set<MemberRequestBody['kind']>(['gossip', 'learn', 'promise', 'accept', 'progress']);
