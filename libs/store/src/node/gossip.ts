/**
 * Spreads the epoch: once a second each node tells one other at random which epoch it is in and who is known to be in it too,
 * and hears the same. Whoever is behind is given the membership, so a new epoch reaches all in about as many rounds as doublings
 * make up the cluster, whatever is lost on the way. Nothing else is decided here: that a node does not answer changes no list.
 *
 * Beside the members it asks the **seeds**, which all nodes are told by configuration. A node that knows no living member of its
 * cluster any more, or none yet, finds it again by these; without them two parts that do not know of each other never
 * meet (a logical partition). A digest is some 60 bytes with names of fields and an eighth of a byte for each member.
 * Sources: DeCandia et al., Dynamo (SOSP 2007), 4.8.1 and 4.8.2; Demers et al., Epidemic algorithms (1987), push and pull.
 */
import type { NodeId } from '@app/contracts';
import type { Cancel, Clock, Random } from '@app/time';
import { adoptedBits, adoptedNodes, type EpochDigest } from '../core/membership/epoch-digest.js';
import { everyone } from '../core/membership/membership.js';
import type { MemberReply, MemberRequestBody } from '../ports/transport.js';
import { ATTEMPT_MS, type AskMember } from './epoch-agreement.js';
import type { KnownEpoch } from './epoch-keeper.js';

export interface GossipPorts {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly random: Random;
  /** Nodes to ask beside the members. */
  readonly seeds: readonly NodeId[];
  readonly known: () => KnownEpoch | null;
  readonly hasVoted: () => boolean;
  /** Takes a decided epoch over; `settle` when that is durable. */
  readonly adopt: (membership: Uint8Array, settle: (error?: Error) => void) => void;
  readonly ask: AskMember;
  /** While this node may have forgotten its vote: told who has none. */
  readonly heardVote: (from: NodeId, hasVoted: boolean) => void;
  readonly isInDoubt: () => boolean;
}

export interface GossipStats {
  readonly rounds: number;
  readonly failedRounds: number;
  /** Nodes that mean another membership by the same epoch: clusters founded apart under one name. */
  readonly strangers: readonly NodeId[];
}

export const GOSSIP_EVERY_MS = 1_000;
/** Attempts of an earlier life are over, and so are their messages. */
const FORGOTTEN_ATTEMPTS_MS = 3 * ATTEMPT_MS;

export class Gossip {
  readonly #startedAtMs: number;
  #adopted = new Set<NodeId>();
  #adoptedEpoch = 0;
  #rounds = 0;
  #failedRounds = 0;
  readonly #strangers = new Set<NodeId>();
  #cancelRound: Cancel = () => {};
  #isStopped = false;

  constructor(private readonly ports: GossipPorts) {
    this.#startedAtMs = ports.clock.monotonicMs();
    this.#later();
  }

  /** Members known to be in this node's epoch, itself included. */
  get adopted(): ReadonlySet<NodeId> {
    const { self, known } = this.ports;
    const epoch = known()?.membership.epoch ?? 0;
    if (epoch !== this.#adoptedEpoch) {
      this.#adoptedEpoch = epoch;
      this.#adopted = new Set([self]);
    }
    return this.#adopted;
  }

  /** A node said that it is in this epoch. */
  heardOf(node: NodeId, epoch: number): void {
    if (this.adopted.size > 0 && epoch === this.#adoptedEpoch) this.#adopted.add(node);
  }

  /** Another node tells its digest. */
  answer(digest: EpochDigest): MemberReply {
    const known = this.ports.known();
    this.#hear(digest);
    const isBehind = known !== null && digest.epoch < known.membership.epoch;
    return { kind: 'gossip', digest: this.#digest(), membership: isBehind ? known.bytes : null };
  }

  stats(): GossipStats {
    return { rounds: this.#rounds, failedRounds: this.#failedRounds, strangers: [...this.#strangers] };
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelRound();
  }

  #later(): void {
    const { clock, random } = this.ports;
    this.#cancelRound = clock.after(GOSSIP_EVERY_MS * (0.9 + 0.2 * random.fraction()), () => {
      this.#later();
      this.#round();
    });
  }

  #round(): void {
    const { random, clock, isInDoubt } = this.ports;
    const others = this.#others();
    if (others.length === 0) return;
    this.#rounds++;
    const isTimeToAsk = isInDoubt() && clock.monotonicMs() - this.#startedAtMs >= FORGOTTEN_ATTEMPTS_MS;
    for (const node of isTimeToAsk ? others : [others[Math.floor(random.fraction() * others.length)]!]) this.talkTo(node, isTimeToAsk);
  }

  /** One exchange, at once. @param isAskingForVote what it says of its vote counts */
  talkTo(node: NodeId, isAskingForVote = false): void {
    const { ask, heardVote, adopt } = this.ports;
    const asked = this.#digest();
    ask(node, { kind: 'gossip', digest: asked }, GOSSIP_EVERY_MS, (reply) => {
      if (this.#isStopped) return;
      if (reply?.kind !== 'gossip') {
        this.#failedRounds++;
        return;
      }
      const { digest, membership } = reply;
      this.#hear(digest, node);
      if (isAskingForVote && digest.epoch === asked.epoch && digest.hash === asked.hash) heardVote(node, digest.hasVoted);
      if (membership !== null) return adopt(membership, () => this.heardOf(node, digest.epoch));
      const known = this.ports.known();
      if (known === null || digest.epoch >= known.membership.epoch) return;
      const body: MemberRequestBody = { kind: 'learn', membership: known.bytes };
      ask(node, body, GOSSIP_EVERY_MS, (learnt) => {
        if (learnt?.kind === 'learnt') this.heardOf(node, learnt.epoch);
      });
    });
  }

  #hear(digest: EpochDigest, from?: NodeId): void {
    const known = this.ports.known();
    if (known === null || digest.epoch !== known.membership.epoch) return;
    if (digest.hash !== known.hash) {
      if (from !== undefined) this.#strangers.add(from);
      return;
    }
    for (const node of adoptedNodes(namesOf(known), digest.adopted)) this.heardOf(node, digest.epoch);
  }

  #digest(): EpochDigest {
    const known = this.ports.known();
    if (known === null) return { epoch: 0, hash: '', adopted: new Uint8Array(0), hasVoted: false };
    const { membership, hash } = known;
    return { epoch: membership.epoch, hash, adopted: adoptedBits(namesOf(known), this.adopted), hasVoted: this.ports.hasVoted() };
  }

  #others(): NodeId[] {
    const { self, seeds, known } = this.ports;
    const current = known();
    const all = new Set([...(current === null ? [] : namesOf(current)), ...seeds]);
    all.delete(self);
    return [...all];
  }
}

const namesOf = ({ membership }: KnownEpoch): NodeId[] => everyone(membership).map(({ node }) => node);
