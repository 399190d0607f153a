/**
 * Who the members are, as one immutable value for each epoch, and what a change makes of it.
 *
 * A change goes by way of a **joint** epoch: old -> joint -> new. In joint both sets of members are there, and whatever
 * needs a quorum needs one of each (row model, F18); so an operation of any two neighbouring epochs meets the other in a
 * replica, and there is no moment at which the ownership of a row jumps. Only then, when those who gain rows hold them, comes
 * the epoch of the new set alone. One change at a time: another is refused, with the reason, until this one is over.
 *
 * Which value an epoch has is decided by a vote of the members of the one before (epoch-vote.ts). Nothing here asks a clock:
 * that a node is down changes no member list, only an administrator does.
 * Sources: Ongaro and Ousterhout, Raft (2014), 6, for joint consensus; DeCandia et al., Dynamo (SOSP 2007), 4.8.1, for
 * explicit changes with a persisted history.
 */
import type { NodeId, RingMember } from '@app/contracts';
import { checkLayout, type Survival } from '../ring/check-layout.js';

/** What an administrator may ask for. A weight of 0 takes all rows off a node and keeps it as a member: drained. */
export type MemberChange =
  | { readonly kind: 'join'; readonly member: RingMember }
  | { readonly kind: 'leave'; readonly node: NodeId }
  /** `member` takes over the place of `node` on the ring: the rows of `node` move to it, and no others move. */
  | { readonly kind: 'replace'; readonly node: NodeId; readonly member: RingMember }
  | { readonly kind: 'weigh'; readonly node: NodeId; readonly weight: number };

export type ChangeOutcome = 'under-way' | 'done' | 'cancelled';

export interface HistoryEntry {
  /** The joint epoch that the change began; 1 for the founding. */
  readonly epoch: number;
  /** What was done, in words: "b3 joins zone-b with weight 1". */
  readonly what: string;
  readonly by: string;
  /** Wall clock of the node that was asked, ms since 1970: for people, nothing is decided by it. */
  readonly beganAtMs: number;
  readonly outcome: ChangeOutcome;
  readonly endedAtMs: number | null;
}

export interface Membership {
  /** Counts up by one with each value; 1 for the founding. */
  readonly epoch: number;
  /** Copies of each row, a count of nodes. */
  readonly replicationFactor: number;
  /** What the layout is to survive: no change may take it below that. */
  readonly survive: Survival;
  /** By node id. While a change is under way: those of before. */
  readonly members: readonly RingMember[];
  /** While a change is under way, those of after; else null. */
  readonly next: readonly RingMember[] | null;
  /** Oldest first, the last HISTORY_MAX. */
  readonly history: readonly HistoryEntry[];
}

/** Entries kept: with the longest names some 50 kB, which travel when an epoch changes and at no other time. */
export const HISTORY_MAX = 200;

export type Verdict = { readonly ok: true; readonly membership: Membership } | { readonly ok: false; readonly reason: string };

/** The first epoch. It needs no vote: every founding member is told the same. */
export function founded(members: readonly RingMember[], replicationFactor: number, survive: Survival, atMs = 0): Membership {
  const what = `founded with ${members.map(({ node }) => node).sort().join(', ')}`;
  const entry: HistoryEntry = { epoch: 1, what, by: 'configuration', beganAtMs: atMs, outcome: 'done', endedAtMs: atMs };
  return { epoch: 1, replicationFactor, survive, members: sorted(members), next: null, history: [entry] };
}

/** The joint epoch that begins a change, or why there can be none. */
export function begun(now: Membership, change: MemberChange, by: string, atMs: number): Verdict {
  const underWay = now.history.at(-1);
  if (now.next !== null) return refused(`a change is under way since epoch ${underWay?.epoch ?? now.epoch} (${underWay?.what}): only one is made at a time`);
  const after = membersAfter(now.members, change);
  if (typeof after === 'string') return refused(after);
  const layout = checkLayout(holders(after), now.replicationFactor, now.survive);
  if (!layout.ok) return refused(`the members that are left could not keep the data: ${layout.reason}`);
  const epoch = now.epoch + 1;
  const entry: HistoryEntry = { epoch, what: inWords(change), by, beganAtMs: atMs, outcome: 'under-way', endedAtMs: null };
  return { ok: true, membership: { ...now, epoch, next: sorted(after), history: [...now.history, entry].slice(-HISTORY_MAX) } };
}

/** The epoch after a joint one: of the new set, or, where the change is called off, of the old one again. */
export function ended(joint: Membership, outcome: 'done' | 'cancelled', atMs: number): Membership {
  const history = joint.history.map((entry): HistoryEntry => (entry.outcome === 'under-way' ? { ...entry, outcome, endedAtMs: atMs } : entry));
  return { ...joint, epoch: joint.epoch + 1, members: outcome === 'done' ? (joint.next ?? joint.members) : joint.members, next: null, history };
}

/** Those that place rows: a drained member holds none. */
export const holders = (members: readonly RingMember[]): RingMember[] => members.filter(({ weight }) => weight > 0);

/** Everybody, once, by node id: while a change is under way those of before and of after. */
export function everyone({ members, next }: Membership): readonly RingMember[] {
  if (next === null) return members;
  const after = new Map(next.map((member) => [member.node, member]));
  return sorted([...members.filter(({ node }) => !after.has(node)), ...next]);
}

/** The sets of which each must have a majority in favour of the next epoch. */
export const electorates = ({ members, next }: Membership): readonly (readonly NodeId[])[] =>
  (next === null ? [members] : [members, next]).map((set) => set.map(({ node }) => node));

export const isMajorityOfEach = (sets: readonly (readonly NodeId[])[], voters: ReadonlySet<NodeId>): boolean =>
  sets.every((set) => 2 * set.filter((node) => voters.has(node)).length > set.length);

/** Who gives up membership in this change: nobody has to wait for it any more. */
export const leaversOf = ({ members, next }: Membership): readonly RingMember[] =>
  next === null ? [] : members.filter(({ node }) => !next.some((member) => member.node === node));

function membersAfter(members: readonly RingMember[], change: MemberChange): RingMember[] | string {
  const rest = change.kind === 'join' ? [...members] : members.filter(({ node }) => node !== change.node);
  if (change.kind !== 'join' && rest.length === members.length) return `${change.node} is no member`;
  if (change.kind === 'leave') return rest;
  if (change.kind === 'weigh') {
    const held = members.find(({ node }) => node === change.node)!;
    if (!(change.weight >= 0 && Number.isFinite(change.weight))) return `weight ${change.weight} is no number of at least 0`;
    if (held.weight === change.weight) return `${change.node} has weight ${change.weight} already`;
    return [...rest, { ...held, weight: change.weight }];
  }
  const { member } = change;
  if (members.some(({ node }) => node === member.node)) return `${member.node} is a member already`;
  const sameAddress = rest.find(({ host, port }) => host === member.host && port === member.port);
  if (sameAddress !== undefined) return `${member.host}:${member.port} is the address of ${sameAddress.node}`;
  if (!(member.weight > 0 && Number.isFinite(member.weight))) return `weight ${member.weight} of node ${member.node} is not above 0`;
  if (change.kind === 'join') return [...rest, { ...member, ...freePlace(rest, member.node) }];
  const replaced = members.find(({ node }) => node === change.node)!;
  if (replaced.zone !== member.zone) return `${member.node} is of ${member.zone}, and ${replaced.node} of ${replaced.zone}: a node is replaced within its zone`;
  return [...rest, { ...member, weight: replaced.weight, place: placeOf(replaced) }];
}

const placeOf = ({ place, node }: RingMember): NodeId => place ?? node;

/** A name of old may be somebody else's place by now: then it gets one that nobody has. */
function freePlace(members: readonly RingMember[], node: NodeId): { place?: NodeId } {
  const taken = new Set(members.map(placeOf));
  if (!taken.has(node)) return {};
  let number = 2;
  while (taken.has(`${node}.${number}` as NodeId)) number++;
  return { place: `${node}.${number}` as NodeId };
}

function inWords(change: MemberChange): string {
  switch (change.kind) {
    case 'join':
      return `${change.member.node} joins ${change.member.zone} with weight ${change.member.weight}`;
    case 'leave':
      return `${change.node} leaves`;
    case 'replace':
      return `${change.member.node} replaces ${change.node}`;
    case 'weigh':
      return change.weight === 0 ? `${change.node} is drained` : `${change.node} gets weight ${change.weight}`;
  }
}

const sorted = (members: readonly RingMember[]): RingMember[] => members.toSorted((a, b) => (a.node < b.node ? -1 : 1));
const refused = (reason: string): Verdict => ({ ok: false, reason });
