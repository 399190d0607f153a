/**
 * Who is near whom. A node asks itself first, then its own zone, then the others; a gateway does the same without a self.
 * Beyond the own zone it keeps the row's preference list, which meets the zones in another order in each slot of the
 * ring: so the load of a zone that is gone spreads over those that are left, by weight, instead of falling on the one next
 * in the alphabet.
 *
 * This is the map, not the weather: which replicas are slow just now is for measured latency to say, on top of this order.
 */
import type { NodeId, RingMember, ZoneId } from '@app/contracts';

/** Where the asker stands; a gateway has no node. */
export interface Vantage {
  readonly node: NodeId | null;
  readonly zone: ZoneId;
}

/**
 * The replicas of a row, nearest first: the asker's own node, its zone, the other zones; those known to be down come last,
 * in the same order.
 * @param replicas in the order of the row's preference list
 */
export function nearestFirst(replicas: readonly RingMember[], from: Vantage, down: ReadonlySet<NodeId>): RingMember[] {
  const rank = ({ node, zone }: RingMember): number =>
    (down.has(node) ? 3 : 0) + (node === from.node ? 0 : zone === from.zone ? 1 : 2);
  return replicas.toSorted((a, b) => rank(a) - rank(b));
}
