/**
 * The weather on top of the map: of replicas in the order of their nearness (ring/snitch.ts), those that answer much more
 * slowly than another one come after it. The next to be asked is the nearest of those left that are not much slower than the
 * fastest of those left. So near-equals keep their places, however their figures wobble, and nobody is last for long
 * because of a figure alone: among slow ones the nearest is first again.
 *
 * One threshold for the same zone and for another: that a far replica is slower is measured with the rest. Figures are
 * taken once for an order, since they change while one compares (Cassandra sorted by live scores, and its sort threw:
 * CASSANDRA-9317). A replica of which nothing is known keeps its place and is no yardstick. Nobody is left out: whom the
 * quorum needs is asked.
 *
 * Source: Cassandra's DynamicEndpointSnitch, without what its users met: a replica that does not answer was scored when its
 * requests had timed out, here an unanswered question counts by its age; all scores were forgotten every ten minutes, so
 * that slow replicas were asked again (CASSANDRA-14459), here those passed over are asked beside the others
 * (node/dynamic-snitch.ts). Refused: ranking by queue lengths that replicas report (C3, NSDI 2015), which balances load
 * over equals: ours are not equals, the own zone comes first.
 */
import type { NodeId } from '@app/contracts';

/** A replica is passed over when it takes more than so many times as long as the fastest ... */
const BADNESS_FACTOR = 2;
/** ... and so much on top of that: below this, a difference is no reason to leave the own zone, ms. */
const BADNESS_MARGIN_MS = 1.5;

/**
 * @param nearestFirst replicas, each once
 * @param latencyOf how long each takes to answer just now, ms; Infinity: does not answer; null: not known
 */
export function swiftFirst(nearestFirst: readonly NodeId[], latencyOf: (replica: NodeId) => number | null): NodeId[] {
  const left = nearestFirst.map((replica) => ({ replica, latencyMs: latencyOf(replica) }));
  const order: NodeId[] = [];
  while (left.length > 0) {
    const fastestMs = Math.min(...left.map(({ latencyMs }) => latencyMs ?? Infinity));
    const limitMs = fastestMs * BADNESS_FACTOR + BADNESS_MARGIN_MS;
    const next = left.findIndex(({ latencyMs }) => latencyMs !== Infinity && (latencyMs ?? 0) <= limitMs);
    order.push(...left.splice(Math.max(0, next), 1).map(({ replica }) => replica));
  }
  return order;
}
