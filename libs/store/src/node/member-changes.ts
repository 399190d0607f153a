/**
 * Changes of the membership, from an administrator's word to their end. The word makes the next epoch a joint one, if a majority
 * agrees and no other change is under way. From there on it goes by itself, whoever has died meanwhile: as soon as every
 * node that gains rows says that it holds them, some member proposes the epoch of the new set alone. Who that is does not
 * matter; the first in the list that is up does it, and now and then another tries, in case that one is up to others only.
 *
 * The next change waits until every member is known to have left this one: one that was away has to see each change,
 * or it would not know which of its rows are out of date. A node that the change itself takes out need not have.
 */
import type { NodeId } from '@app/contracts';
import type { Cancel, Clock, Random } from '@app/time';
import { begun, ended, everyone, type MemberChange, type Membership } from '../core/membership/membership.js';
import { encodeMembership } from '../core/membership/membership-record.js';
import type { AskMember, Decision, EpochAgreement } from './epoch-agreement.js';
import type { EpochKeeper, KnownEpoch } from './epoch-keeper.js';
import type { Gossip } from './gossip.js';

export interface MemberChangesPorts {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly random: Random;
  readonly keeper: EpochKeeper;
  readonly agreement: EpochAgreement;
  readonly gossip: Gossip;
  readonly ask: AskMember;
  readonly isDown: (node: NodeId) => boolean;
  /** Members that are given rows by the change under way. */
  readonly gaining: () => readonly NodeId[];
  /** Slots of this node that wait for their rows. */
  readonly waitingSlots: () => number;
}

/** What an administrator is told. */
export type ChangeAnswer = { readonly ok: true; readonly membership: Membership } | { readonly ok: false; readonly reason: string };

const LOOK_EVERY_MS = 500;
const ASK_TIMEOUT_MS = 1_000;
const FINISH_TIMEOUT_MS = 5_000;
/** How long a value that was accepted here may stay undecided before this node sees to it. */
const STALE_VOTE_MS = 3_000;
/** How often a member tries whose turn it is not: about every 25 s. */
const OUT_OF_TURN = 0.02;

export class MemberChanges {
  #cancelLook: Cancel = () => {};
  #isFinishing = false;
  #acceptedAtMs: number | null = null;
  /** Slots that gaining nodes still wait for, as they said last. */
  readonly #slotsLeft = new Map<NodeId, number>();

  constructor(private readonly ports: MemberChangesPorts) {
    this.#lookLater();
  }

  /** @param by who asks: goes into the history   @param timeoutMs until when a majority has to agree */
  change(change: MemberChange, by: string, timeoutMs: number, settle: (answer: ChangeAnswer) => void): void {
    const { keeper, gossip } = this.ports;
    const { known } = keeper;
    if (known === null) return settle(refused('this node has not heard of its cluster yet'));
    const verdict = begun(known.membership, change, by, this.ports.clock.wallMs());
    if (!verdict.ok) return settle(verdict);
    const leaving = change.kind === 'leave' || change.kind === 'replace' ? change.node : null;
    this.#askWhoIsBehind(known, leaving, () => {
      const behind = everyone(known.membership).filter(({ node }) => node !== leaving && !gossip.adopted.has(node));
      if (behind.length > 0) {
        const names = behind.map(({ node }) => node).join(', ');
        return settle(refused(`${names} ${behind.length === 1 ? 'is' : 'are'} not known to have left the change before (epoch ${known.membership.epoch}): start or remove what is down first`));
      }
      this.#propose(known, verdict.membership, timeoutMs, settle);
    });
  }

  /** Calls the change off that is under way: the members stay as they were. */
  cancel(timeoutMs: number, settle: (answer: ChangeAnswer) => void): void {
    const { known } = this.ports.keeper;
    if (known === null || known.membership.next === null) return settle(refused('no change is under way'));
    this.#propose(known, ended(known.membership, 'cancelled', this.ports.clock.wallMs()), timeoutMs, settle);
  }

  /** Slots that gaining nodes wait for, as far as this node has heard. */
  get slotsLeft(): Readonly<Record<NodeId, number>> {
    return Object.fromEntries(this.#slotsLeft);
  }

  stop(): void {
    this.#cancelLook();
  }

  #propose(known: KnownEpoch, next: Membership, timeoutMs: number, settle: (answer: ChangeAnswer) => void): void {
    this.ports.agreement.decide(known, encodeMembership(next), timeoutMs, (decision) => settle(answerOf(decision, next)));
  }

  #lookLater(): void {
    this.#cancelLook = this.ports.clock.after(LOOK_EVERY_MS, () => {
      this.#lookLater();
      this.#look();
    });
  }

  #look(): void {
    const { keeper, random, self } = this.ports;
    const { known } = keeper;
    if (known === null || this.#isFinishing || !everyone(known.membership).some(({ node }) => node === self)) return;
    if (this.#isVoteStale()) return this.#finish(known, null);
    if (known.membership.next === null) return this.#slotsLeft.clear();
    if (this.#isMyTurn(known) || random.fraction() < OUT_OF_TURN) this.#askWhoIsSynced(known);
  }

  /** Somebody began to make a decision, and nobody has heard of its end. */
  #isVoteStale(): boolean {
    const { keeper, clock, random } = this.ports;
    if (keeper.vote.accepted === null) this.#acceptedAtMs = null;
    else this.#acceptedAtMs ??= clock.monotonicMs();
    if (this.#acceptedAtMs === null || clock.monotonicMs() - this.#acceptedAtMs < STALE_VOTE_MS) return false;
    return random.fraction() < 0.3; // not all at once
  }

  #isMyTurn(known: KnownEpoch): boolean {
    const { self, isDown } = this.ports;
    return everyone(known.membership).find(({ node }) => node === self || !isDown(node))?.node === self;
  }

  #askWhoIsSynced(known: KnownEpoch): void {
    const { self, ask, gaining, waitingSlots, keeper, clock } = this.ports;
    const left = new Set(gaining());
    const heard = (node: NodeId, epoch: number, slots: number): void => {
      if (keeper.known !== known || this.#isFinishing || epoch !== known.membership.epoch) return;
      this.#slotsLeft.set(node, slots);
      if (slots > 0) return;
      left.delete(node);
      if (left.size === 0) this.#finish(known, encodeMembership(ended(known.membership, 'done', clock.wallMs())));
    };
    if (left.size === 0) return this.#finish(known, encodeMembership(ended(known.membership, 'done', clock.wallMs())));
    for (const node of [...left]) {
      if (node === self) heard(node, known.membership.epoch, waitingSlots());
      else {
        ask(node, { kind: 'progress' }, ASK_TIMEOUT_MS, (reply) => {
          if (reply?.kind === 'progress') heard(node, reply.epoch, reply.slotsLeft);
        });
      }
    }
  }

  /** @param value the next epoch; null to finish what somebody began */
  #finish(known: KnownEpoch, value: Uint8Array | null): void {
    this.#isFinishing = true;
    this.ports.agreement.decide(known, value, FINISH_TIMEOUT_MS, () => {
      this.#isFinishing = false;
      this.#acceptedAtMs = null;
    });
  }

  /** Talks to the members that are not known to be in this epoch; `done` when all have answered, or will not. */
  #askWhoIsBehind(known: KnownEpoch, except: NodeId | null, done: () => void): void {
    const { gossip, ask } = this.ports;
    const unsure = everyone(known.membership).filter(({ node }) => node !== except && !gossip.adopted.has(node));
    let waiting = unsure.length;
    if (waiting === 0) return done();
    for (const { node } of unsure) {
      ask(node, { kind: 'learn', membership: known.bytes }, ASK_TIMEOUT_MS, (reply) => {
        if (reply?.kind === 'learnt') gossip.heardOf(node, reply.epoch);
        if (--waiting === 0) done();
      });
    }
  }
}

function answerOf(decision: Decision, wanted: Membership): ChangeAnswer {
  if (decision.kind === 'nothing') return refused('nothing was proposed');
  if (decision.kind === 'failed') return refused(decision.reason);
  const { membership } = decision.known;
  // By now it may be over, or others after it: the history tells.
  const entry = wanted.history.at(-1)!;
  const isOurs = membership.history.some(({ epoch, by, what, beganAtMs }) => epoch === entry.epoch && by === entry.by && what === entry.what && beganAtMs === entry.beganAtMs);
  const isEnded = entry.outcome !== 'cancelled' || membership.history.some(({ epoch, outcome }) => epoch === entry.epoch && outcome === 'cancelled');
  if (isOurs && isEnded) return { ok: true, membership };
  return refused(`another change came first: ${membership.history.at(-1)?.what} (epoch ${membership.epoch})`);
}

const refused = (reason: string): ChangeAnswer => ({ ok: false, reason });
