/**
 * How an epoch gets its value: one decision for each epoch number, made once and never again, by a majority of the members of
 * the epoch before (of each set of them, where that one is joint). Two administrators at once, a proposer that dies half-way,
 * messages lost, late or doubled: whatever happens, no two nodes hold different values of one epoch.
 *
 * Single-decree Paxos, as it is in the paper. A proposer draws a ballot and asks for promises; a member that promises takes no
 * lower ballot from then on, and tells the value it has accepted, if any. With promises of a majority the proposer asks to
 * accept: the accepted value of the highest ballot it was told of, or its own where there is none. A majority that accepts
 * has decided. So whoever comes after a proposer that vanished finishes what that one may have decided.
 *
 * A node keeps its vote durably before it answers, and for one epoch at a time: the one after its own. Refused: a leader, whose
 * election is the same problem again for a change made twice a year; and gossip alone, which lets each side of a cut
 * network make its own next epoch.
 * Source: Lamport, Paxos made simple (2001); the members of one decision vote on the next one as in its section 3.
 */
import { TriptychError, type NodeId } from '@app/contracts';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import { isMajorityOfEach } from './membership.js';

/** Ordered by round, then by attempt. */
export interface Ballot {
  /** >= 1. */
  readonly round: number;
  /** 16 hex digits, drawn at random for each attempt: no ballot is used twice, whatever its proposer has forgotten. */
  readonly attempt: string;
}

export const isAbove = (a: Ballot, b: Ballot | null): boolean =>
  b === null || a.round > b.round || (a.round === b.round && a.attempt > b.attempt);
const isSame = (a: Ballot, b: Ballot | null): boolean => b !== null && a.round === b.round && a.attempt === b.attempt;

export interface Acceptance {
  readonly ballot: Ballot;
  readonly value: Uint8Array;
}

/** What a member keeps of the decision about one epoch. */
export interface Vote {
  readonly promised: Ballot | null;
  readonly accepted: Acceptance | null;
}

export const NO_VOTE: Vote = { promised: null, accepted: null };

/** Names an epoch beyond doubt: two clusters founded under one name mean different things by a number. */
export interface EpochName {
  readonly epoch: number;
  readonly hash: string;
}

export type VoteAnswer =
  | { readonly kind: 'granted'; readonly vote: Vote }
  /** Another ballot was promised already. */
  | { readonly kind: 'refused'; readonly promised: Ballot | null }
  /** This node is in another epoch than the one whose successor is voted on. */
  | { readonly kind: 'elsewhere' }
  /** No vote is to be had here now. */
  | { readonly kind: 'abstains' };

/** The vote with a promise for this ballot; null where it is refused, since a higher one was promised. */
export function promise(vote: Vote, ballot: Ballot): Vote | null {
  if (isSame(ballot, vote.promised)) return vote;
  return isAbove(ballot, vote.promised) ? { ...vote, promised: ballot } : null;
}

/** The vote with this value accepted; null where it is refused, since a higher ballot was promised. */
export function accept(vote: Vote, ballot: Ballot, value: Uint8Array): Vote | null {
  if (!isAbove(ballot, vote.promised) && !isSame(ballot, vote.promised)) return null;
  return { promised: ballot, accepted: { ballot, value } };
}

export type ProposalOutcome = 'waiting' | 'majority' | 'lost';

/** One attempt at a decision: counts the answers of its two phases. */
export class Proposal {
  readonly #promises = new Set<NodeId>();
  readonly #acceptances = new Set<NodeId>();
  readonly #refusals = new Set<NodeId>();
  #highest: Acceptance | null = null;

  /**
   * @param electorates sets of which each needs a majority   @param value what this proposer wants; null where it only finishes
   *   what another may have begun
   */
  constructor(
    readonly ballot: Ballot,
    private readonly electorates: readonly (readonly NodeId[])[],
    private readonly value: Uint8Array | null,
  ) {}

  get voters(): NodeId[] {
    return [...new Set(this.electorates.flat())];
  }

  /** Promises after the first majority change nothing: what is proposed then stays the same. */
  promised(node: NodeId, accepted: Acceptance | null): ProposalOutcome {
    if (this.#outcome(this.#promises) === 'majority') return 'majority';
    this.#promises.add(node);
    if (accepted !== null && (this.#highest === null || isAbove(accepted.ballot, this.#highest.ballot))) this.#highest = accepted;
    return this.#outcome(this.#promises);
  }

  accepted(node: NodeId): ProposalOutcome {
    this.#acceptances.add(node);
    return this.#outcome(this.#acceptances);
  }

  /** It refused, or did not answer: nothing is to be expected of it. */
  refused(node: NodeId): ProposalOutcome {
    this.#refusals.add(node);
    const possible = new Set(this.voters.filter((voter) => !this.#refusals.has(voter)));
    return isMajorityOfEach(this.electorates, possible) ? 'waiting' : 'lost';
  }

  /** What a majority of promises allows to be proposed: another's value where one may have been decided already. */
  get choice(): Uint8Array | null {
    return this.#highest?.value ?? this.value;
  }

  #outcome(voters: ReadonlySet<NodeId>): ProposalOutcome {
    return isMajorityOfEach(this.electorates, voters) ? 'majority' : 'waiting';
  }
}

const FORMAT = 1;

/** @param follows the epoch that the vote is about the successor of */
export function encodeVote(follows: number, { promised, accepted }: Vote): Uint8Array {
  const writer = new ByteWriter(256);
  writer.u8(FORMAT);
  writer.varint(follows);
  writeBallot(writer, promised);
  writeBallot(writer, accepted?.ballot ?? null);
  if (accepted !== null) writer.bytes(accepted.value);
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT on bytes that are no vote of a known format */
export function decodeVote(bytes: Uint8Array): { readonly follows: number; readonly vote: Vote } {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== FORMAT) throw new TriptychError('STORE_RECORD_CORRUPT', `vote format ${format} is not known`);
  const follows = reader.varint();
  const promised = readBallot(reader);
  const ballot = readBallot(reader);
  const accepted = ballot === null ? null : { ballot, value: new Uint8Array(reader.bytes()) };
  reader.end();
  return { follows, vote: { promised, accepted } };
}

/** Rounds count from 1: a 0 stands for no ballot. */
function writeBallot(writer: ByteWriter, ballot: Ballot | null): void {
  writer.varint(ballot?.round ?? 0);
  if (ballot !== null) writer.hex(ballot.attempt);
}

function readBallot(reader: ByteReader): Ballot | null {
  const round = reader.varint();
  return round === 0 ? null : { round, attempt: reader.hex(8) };
}
