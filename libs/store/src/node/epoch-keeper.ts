/**
 * The epoch that this node is in, and its vote on the next one, both on disk before anybody hears of them. A node never goes
 * back to a lower epoch, and never takes a promise back, however it stops and starts.
 *
 * A node that lost its disk, or runs on an old one, may have forgotten a vote. It is **in doubt**, and casts none until every other
 * member has said that it is in the same epoch and has none either: then nothing is under way that this node could have had a
 * part in. It asks only when the attempts of its earlier life must be over (gossip.ts). That a disk is lost or old is for
 * witness.ts to find out, and until it has, no vote is cast either.
 */
import type { NodeId } from '@app/contracts';
import { accept, decodeVote, encodeVote, NO_VOTE, promise, type Ballot, type EpochName, type Vote, type VoteAnswer } from '../core/membership/epoch-vote.js';
import { everyone, type Membership } from '../core/membership/membership.js';
import { decodeMembership, encodeMembership, membershipHash } from '../core/membership/membership-record.js';
import { nodeKey } from '../core/row/row-keys.js';
import type { Mutation, StorageEngine } from '../ports/storage-engine.js';

/** A membership with its bytes. */
export interface KnownEpoch {
  readonly membership: Membership;
  readonly bytes: Uint8Array;
  /** Of the bytes: 16 hex digits. */
  readonly hash: string;
}

export interface EpochKeeperPorts {
  readonly engine: StorageEngine;
  readonly self: NodeId;
  /** What this node was told of a cluster that it helps to found; null for one that is to join. A record on disk goes before it. */
  readonly founding: Membership | null;
  /** Whether it is known if this directory holds what the node said before. */
  readonly isDirectoryKnown: () => boolean;
  /** Writes the record of the epoch that is entered, in one batch with what has to go with it: which rows are not here yet. */
  readonly store: (record: Mutation, from: Membership | null, to: Membership, settled: (error?: Error) => void) => void;
  /** The node is in another epoch from here on. */
  readonly onAdopted: (from: Membership | null, to: Membership) => void;
}

const MEMBERSHIP_KEY = nodeKey('membership');
const VOTE_KEY = nodeKey('epoch-vote');
const DOUBT_KEY = nodeKey('epoch-doubt');

export class EpochKeeper {
  #known: KnownEpoch | null = null;
  #vote: Vote = NO_VOTE;
  #isInDoubt: boolean;
  /** Others that have said, in this epoch, that they have not voted: kept while in doubt. */
  readonly #withoutVote = new Set<NodeId>();
  #entering: KnownEpoch | null = null;
  /** Decided while another was being entered: the highest. */
  #next: KnownEpoch | null = null;
  #waiting: { epoch: number; settle: (error?: Error) => void }[] = [];

  constructor(private readonly ports: EpochKeeperPorts) {
    const { engine, founding } = ports;
    const stored = engine.get(MEMBERSHIP_KEY);
    this.#isInDoubt = engine.get(DOUBT_KEY) !== undefined;
    if (stored !== undefined) this.#known = knownFrom(stored);
    else if (founding !== null) {
      this.#known = knownFrom(encodeMembership(founding));
      // Nobody needs to wait for it: until it is there, the next start is told the same.
      engine.write([{ key: MEMBERSHIP_KEY, value: this.#known.bytes }], () => {});
    }
    const vote = engine.get(VOTE_KEY);
    const decoded = vote === undefined ? null : decodeVote(vote);
    if (decoded?.follows === this.epoch) this.#vote = decoded.vote;
  }

  /** Null in a node that has not heard of its cluster yet. */
  get known(): KnownEpoch | null {
    return this.#known;
  }

  /** 0 where none is known. */
  get epoch(): number {
    return this.#known?.membership.epoch ?? 0;
  }

  /** Its vote on the epoch after its own. */
  get vote(): Vote {
    return this.#vote;
  }

  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** The disk turned out to be an old one: what was said since is not on it. */
  forgot(): void {
    this.#isInDoubt = true;
    this.#withoutVote.clear();
    this.ports.engine.write([{ key: DOUBT_KEY, value: new Uint8Array(1) }], () => {});
  }

  /** Another member has answered a question asked in this epoch. @param hasVoted whether it has voted on the next one */
  heardVote(from: NodeId, hasVoted: boolean): void {
    if (!this.#isInDoubt) return;
    if (hasVoted) this.#withoutVote.delete(from);
    else this.#withoutVote.add(from);
    this.#endDoubt();
  }

  /** Goes to a decided epoch, unless it is there or beyond. `settle` comes when that is durable; within the call where nothing is to do. */
  adopt(bytes: Uint8Array, settle: (error?: Error) => void): void {
    const known = knownFrom(bytes);
    const { epoch } = known.membership;
    if (epoch <= this.epoch) return settle();
    this.#waiting.push({ epoch, settle });
    if (this.#entering === null) this.#enter(known);
    else if (epoch > this.#entering.membership.epoch && epoch > (this.#next?.membership.epoch ?? 0)) this.#next = known;
  }

  /** Asked for a promise. @param follows the epoch whose successor is voted on */
  promise(follows: EpochName, ballot: Ballot, answer: (answer: VoteAnswer) => void): void {
    this.#cast(follows, (vote) => promise(vote, ballot), answer);
  }

  /** Asked to accept a value. */
  accept(follows: EpochName, ballot: Ballot, value: Uint8Array, answer: (answer: VoteAnswer) => void): void {
    this.#cast(follows, (vote) => accept(vote, ballot, value), answer);
  }

  #cast(follows: EpochName, decide: (vote: Vote) => Vote | null, answer: (answer: VoteAnswer) => void): void {
    if (follows.epoch !== this.epoch || follows.hash !== this.#known?.hash) return answer({ kind: 'elsewhere' });
    this.#endDoubt();
    if (this.#isInDoubt || !this.ports.isDirectoryKnown()) return answer({ kind: 'abstains' });
    const vote = decide(this.#vote);
    if (vote === null) return answer({ kind: 'refused', promised: this.#vote.promised });
    this.#vote = vote;
    this.ports.engine.write([{ key: VOTE_KEY, value: encodeVote(follows.epoch, vote) }], (error) => {
      answer(error === undefined ? { kind: 'granted', vote } : { kind: 'abstains' });
    });
  }

  #endDoubt(): void {
    const { self, engine } = this.ports;
    if (!this.#isInDoubt || this.#known === null) return;
    const others = everyone(this.#known.membership).filter(({ node }) => node !== self);
    if (!others.every(({ node }) => this.#withoutVote.has(node))) return;
    this.#isInDoubt = false;
    engine.write([{ key: DOUBT_KEY, value: null }], () => {});
  }

  #enter(known: KnownEpoch): void {
    const from = this.#known?.membership ?? null;
    const to = known.membership;
    this.#entering = known;
    const fail = (error: Error): void => {
      this.#entering = this.#next = null;
      for (const { settle } of this.#waiting.splice(0)) settle(error);
    };
    this.ports.store({ key: MEMBERSHIP_KEY, value: known.bytes }, from, to, (error) => {
      if (error !== undefined) return fail(error);
      this.#known = known;
      this.#vote = NO_VOTE;
      this.#withoutVote.clear();
      const next = this.#next;
      this.#entering = this.#next = null;
      if (next !== null) this.#enter(next);
      this.ports.onAdopted(from, to);
      const settled = this.#waiting.filter(({ epoch }) => epoch <= to.epoch);
      this.#waiting = this.#waiting.filter(({ epoch }) => epoch > to.epoch);
      for (const { settle } of settled) settle();
    });
  }
}

export function knownFrom(bytes: Uint8Array): KnownEpoch {
  const copy = new Uint8Array(bytes);
  return { membership: decodeMembership(copy), bytes: copy, hash: membershipHash(copy) };
}
