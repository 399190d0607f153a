/**
 * The order in which nodes stand for a key: its replicas first, then those that may stand in for them, every node once.
 *
 * Takes the first node met in each zone, then the second in each, and so on. So N copies lie on N nodes in N zones when
 * there are that many zones; with fewer zones than copies it goes round again; and a stand-in is found beyond the Nth.
 * Refused: taking the N nearest nodes whatever their zone, which loses rows with a zone.
 * Source: DeCandia et al., Dynamo (SOSP 2007), 4.3 and 4.6, whose preference list skips positions to reach distinct nodes
 * and spans data centres; Cassandra's NetworkTopologyStrategy does so for racks.
 */

/**
 * @param nearestFirst the nodes in the order in which the key meets them   @param zoneOf a node's zone
 */
export function preferenceList<T>(nearestFirst: readonly T[], zoneOf: (node: T) => unknown): T[] {
  const metByZone = new Map<unknown, number>();
  const rounds: T[][] = [];
  for (const node of nearestFirst) {
    const zone = zoneOf(node);
    const round = metByZone.get(zone) ?? 0;
    metByZone.set(zone, round + 1);
    (rounds[round] ??= []).push(node);
  }
  return rounds.flat();
}
