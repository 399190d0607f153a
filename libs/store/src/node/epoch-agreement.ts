/**
 * Brings about the value of the next epoch: asks the members for promises, then to accept, again and again with higher ballots
 * until there is a decision or the time is over (epoch-vote.ts has the rules). Whatever is decided is adopted here, then told
 * to everybody; gossip reaches whom that misses.
 *
 * A proposer that gives up leaves nothing locked: the next one, here or anywhere, begins where the votes are. A member
 * that has accepted a value and hears of no decision becomes that next one itself, so a proposer that dies half-way is made up for.
 */
import type { Subscription } from 'rxjs';
import type { NodeId } from '@app/contracts';
import type { Cancel, Clock, Random } from '@app/time';
import { Proposal, type Ballot, type VoteAnswer } from '../core/membership/epoch-vote.js';
import { electorates, everyone } from '../core/membership/membership.js';
import type { MemberReply, MemberRequestBody } from '../ports/transport.js';
import { knownFrom, type EpochKeeper, type KnownEpoch } from './epoch-keeper.js';

/** One attempt takes no longer, so that a node which forgot its votes knows when those of its earlier life are over. */
export const ATTEMPT_MS = 1_000;

/** One message about membership, one reply; null where none came. Not settled once it is unsubscribed. */
export type AskMember = (to: NodeId, body: MemberRequestBody, timeoutMs: number, settle: (reply: MemberReply | null) => void) => Subscription;

export interface EpochAgreementPorts {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly random: Random;
  readonly keeper: EpochKeeper;
  readonly ask: AskMember;
  /** Told who is in an epoch, from their answers. */
  readonly onAdoptedBy: (node: NodeId, epoch: number) => void;
}

export type Decision =
  /** The epoch after has this value, which may be another's. */
  | { readonly kind: 'decided'; readonly known: KnownEpoch }
  /** Nobody had begun anything, and nothing was asked for. */
  | { readonly kind: 'nothing' }
  /** No majority was to be had. It may still be decided later. */
  | { readonly kind: 'failed'; readonly reason: string };

export class EpochAgreement {
  readonly #attempts = new Set<Attempt>();

  constructor(private readonly ports: EpochAgreementPorts) {}

  /**
   * @param follows the epoch that it comes after   @param value what is proposed; null to finish what another began, if anything
   * @param timeoutMs after which it gives up; a decision may come all the same
   */
  decide(follows: KnownEpoch, value: Uint8Array | null, timeoutMs: number, settle: (decision: Decision) => void): void {
    const attempt = new Attempt(this.ports, follows, value, timeoutMs, (decision) => {
      this.#attempts.delete(attempt);
      if (decision.kind === 'decided') this.#spread(follows, decision.known);
      settle(decision);
    });
    this.#attempts.add(attempt);
    attempt.start();
  }

  stop(): void {
    for (const attempt of this.#attempts) attempt.stop();
    this.#attempts.clear();
  }

  /** Everybody of either epoch is told: those that leave, too. */
  #spread(follows: KnownEpoch, { membership, bytes }: KnownEpoch): void {
    const { self, ask, onAdoptedBy } = this.ports;
    const all = new Set([...everyone(follows.membership), ...everyone(membership)].map(({ node }) => node));
    for (const node of all) {
      if (node === self) continue;
      ask(node, { kind: 'learn', membership: bytes }, ATTEMPT_MS, (reply) => {
        if (reply?.kind === 'learnt') onAdoptedBy(node, reply.epoch);
      });
    }
  }
}

const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 800;

class Attempt {
  /** Null between attempts: what is answered then belongs to one that is over. */
  #proposal: Proposal | null = null;
  #phase: 'promise' | 'accept' = 'promise';
  #round = 0;
  #tries = 0;
  readonly #endMs: number;
  readonly #calls = new Set<Subscription>();
  #cancelTimer: Cancel = () => {};
  #isDone = false;
  /** What was in the way last, by node: for whoever is told that there was no majority. */
  readonly #obstacles = new Map<NodeId, string>();

  constructor(
    private readonly ports: EpochAgreementPorts,
    private readonly follows: KnownEpoch,
    private readonly value: Uint8Array | null,
    timeoutMs: number,
    private readonly settle: (decision: Decision) => void,
  ) {
    this.#endMs = ports.clock.monotonicMs() + timeoutMs;
  }

  start(): void {
    const { keeper, random } = this.ports;
    if (keeper.epoch > this.follows.membership.epoch) return this.#end({ kind: 'decided', known: keeper.known! });
    this.#tries++;
    this.#phase = 'promise';
    const ballot: Ballot = { round: Math.max(this.#round, keeper.vote.promised?.round ?? 0) + 1, attempt: Buffer.from(random.bytes(8)).toString('hex') };
    this.#round = ballot.round;
    const proposal = new Proposal(ballot, electorates(this.follows.membership), this.value);
    this.#proposal = proposal;
    this.#later(ATTEMPT_MS, () => this.#again());
    for (const node of proposal.voters) this.#ask(proposal, node);
  }

  stop(): void {
    this.#isDone = true;
    this.#dropAttempt();
  }

  /** Asks one member for what this phase is about. */
  #ask(proposal: Proposal, node: NodeId): void {
    if (proposal !== this.#proposal) return;
    const { self, keeper, ask } = this.ports;
    const phase = this.#phase;
    const { membership, hash } = this.follows;
    const follows = { epoch: membership.epoch, hash };
    const isCurrent = (): boolean => !this.#isDone && proposal === this.#proposal && phase === this.#phase;
    const value = phase === 'accept' ? proposal.choice! : null;
    if (node === self) {
      const answer = (vote: VoteAnswer): void => {
        if (isCurrent()) this.#hear(proposal, node, vote);
      };
      if (value === null) keeper.promise(follows, proposal.ballot, answer);
      else keeper.accept(follows, proposal.ballot, value, answer);
      return;
    }
    const body: MemberRequestBody =
      value === null ? { kind: 'promise', follows, ballot: proposal.ballot } : { kind: 'accept', follows, ballot: proposal.ballot, value };
    const call = ask(node, body, ATTEMPT_MS, (reply) => {
      this.#calls.delete(call);
      if (!isCurrent()) return;
      if (reply?.kind !== 'vote') return this.#refused(proposal, node, 'did not answer');
      if (reply.membership !== null) return this.#overtaken(reply.membership);
      if (reply.vote.kind === 'elsewhere' && reply.epoch < follows.epoch) return this.#teach(proposal, node, isCurrent);
      this.#hear(proposal, node, reply.vote);
    });
    this.#calls.add(call);
  }

  /** It is behind: it is told of this epoch, and asked again. */
  #teach(proposal: Proposal, node: NodeId, isCurrent: () => boolean): void {
    const call = this.ports.ask(node, { kind: 'learn', membership: this.follows.bytes }, ATTEMPT_MS, (reply) => {
      this.#calls.delete(call);
      if (!isCurrent()) return;
      if (reply?.kind === 'learnt' && reply.epoch >= this.follows.membership.epoch) this.#ask(proposal, node);
      else this.#refused(proposal, node, 'is behind');
    });
    this.#calls.add(call);
  }

  #hear(proposal: Proposal, node: NodeId, answer: VoteAnswer): void {
    if (answer.kind === 'refused') this.#round = Math.max(this.#round, answer.promised?.round ?? 0);
    if (answer.kind !== 'granted') return this.#refused(proposal, node, OBSTACLES[answer.kind]);
    this.#obstacles.delete(node);
    if (this.#phase === 'promise') {
      if (proposal.promised(node, answer.vote.accepted) !== 'majority') return;
      if (proposal.choice === null) return this.#end({ kind: 'nothing' });
      this.#phase = 'accept';
      for (const voter of proposal.voters) this.#ask(proposal, voter);
    } else if (proposal.accepted(node) === 'majority') this.#decided(proposal.choice!);
  }

  #refused(proposal: Proposal, node: NodeId, why: string): void {
    this.#obstacles.set(node, why);
    if (proposal.refused(node) === 'lost') this.#again();
  }

  #decided(value: Uint8Array): void {
    this.#dropAttempt();
    this.ports.keeper.adopt(value, (error) => {
      if (error === undefined) this.#end({ kind: 'decided', known: knownFrom(value) });
      else this.#end({ kind: 'failed', reason: `it was decided, but could not be stored here: ${error.message}` });
    });
  }

  /** The next epoch was decided without this proposer. */
  #overtaken(bytes: Uint8Array): void {
    this.#dropAttempt();
    const { keeper } = this.ports;
    keeper.adopt(bytes, (error) => {
      if (error === undefined) this.#end({ kind: 'decided', known: keeper.known! });
      else this.#end({ kind: 'failed', reason: error.message });
    });
  }

  /** Another attempt, after a pause that grows and is drawn at random: two proposers do not stay in step. */
  #again(): void {
    this.#dropAttempt();
    const { clock, random } = this.ports;
    const pauseMs = Math.min(RETRY_MIN_MS * 2 ** this.#tries, RETRY_MAX_MS) * (0.5 + random.fraction());
    if (clock.monotonicMs() + pauseMs >= this.#endMs) return this.#end({ kind: 'failed', reason: this.#reason() });
    this.#later(pauseMs, () => this.start());
  }

  #reason(): string {
    const whys = [...this.#obstacles].map(([node, why]) => `${node} ${why}`);
    return `no majority of the members agreed in time${whys.length === 0 ? '' : `: ${whys.join(', ')}`}`;
  }

  #later(delayMs: number, task: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.ports.clock.after(delayMs, task);
  }

  #dropAttempt(): void {
    this.#cancelTimer();
    for (const call of this.#calls) call.unsubscribe();
    this.#calls.clear();
    this.#proposal = null;
  }

  #end(decision: Decision): void {
    if (this.#isDone) return;
    this.stop();
    this.settle(decision);
  }
}

const OBSTACLES = {
  refused: 'has promised another proposer',
  elsewhere: 'means another epoch by that number',
  abstains: 'may have forgotten its vote',
} as const;
