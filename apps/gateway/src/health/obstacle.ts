/**
 * Whether enough of the store can be reached, by what this gateway's own connections say. It is asked before a gateway is
 * sent requests, so it errs on the side of serving: while any row may have its quorum the gateway is ready, and a row
 * that has not says so itself. A connection that is made again counts as none: it flickers while its node is down.
 */
import { type NodeId, TriptychError, type ZoneId } from '@app/contracts';

export interface ReachedNode {
  readonly node: NodeId;
  readonly zone: ZoneId;
  /** 'idle' until first needed, then 'connecting', 'up' or 'down'. */
  readonly connection: string;
}

/** What keeps every quorum out of reach; null when nothing does. @param members of the ring, at least one */
export function quorumObstacle(members: readonly ReachedNode[], replicationFactor: number): TriptychError | null {
  const needed = Math.floor(replicationFactor / 2) + 1;
  const up = members.filter(({ connection }) => connection === 'up' || connection === 'idle');
  // Copies of a row are in as many zones as there are, and only then in more nodes of one.
  const alive = zonesOf(members) >= replicationFactor ? zonesOf(up) : up.length;
  if (alive >= needed) return null;
  return new TriptychError('STORE_QUORUM_UNAVAILABLE', 'too little of the store can be reached', { needed, alive });
}

const zonesOf = (nodes: readonly ReachedNode[]): number => new Set(nodes.map(({ zone }) => zone)).size;
