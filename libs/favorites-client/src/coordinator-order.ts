/**
 * Which replica of a row is to coordinate a request, best first. All of them hold the row, so this is about the way
 * there: nodes in good standing before late ones, and those that are down or given up on last; among equals the client's
 * own zone, then its region, then the rest.
 *
 * Last is not never: what is known may be out of date, and when nothing else is left, a try costs less than a refusal
 * (scylladb#2014). Among other zones the row's own preference order decides, and since that differs from row to row, the
 * load of a dead zone spreads over all others (EVCache's zone fallback does it by turns).
 */
import type { RingMember, ZoneId } from '@app/contracts';

/** `late`: lost a race a moment ago. `avoided`: known to be unreachable, or its circuit is open. */
export type Standing = 'good' | 'late' | 'avoided';

const RANK: Record<Standing, number> = { good: 0, late: 1, avoided: 2 };

/** Where the client is. The region is that of its zone in the ring. */
export interface Place {
  readonly zone: ZoneId;
  readonly region: string | null;
}

/** By their distance from the client, equals as they are. Of one ring it is always the same. */
export function nearestFirst(members: readonly RingMember[], client: Place): readonly RingMember[] {
  return members.toSorted((a, b) => distance(client, a) - distance(client, b));
}

/** @param nearest replicas of the row, in preference order, then nearest first */
export function coordinatorOrder(nearest: readonly RingMember[], standingOf: (member: RingMember) => Standing): readonly RingMember[] {
  const ranks = nearest.map((member) => RANK[standingOf(member)]);
  if (ranks.every((rank) => rank === RANK.good)) return nearest;
  return nearest
    .map((member, index) => ({ member, rank: ranks[index]! }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ member }) => member);
}

/** 0 in the client's zone, 1 in its region, 2 elsewhere. */
function distance(client: Place, { zone, region }: RingMember): number {
  if (zone === client.zone) return 0;
  return region === client.region ? 1 : 2;
}
