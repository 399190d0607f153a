/**
 * A ring as the nodes told it, with every row in its place. Placement is the store's own code, not a copy of it: a client
 * that placed rows by other rules would be sent on by every node, or worse, by none.
 */
import { assert, type ConsistencyLevel, type NodeId, type RingMember, type RingReply, type RowKey, type ZoneId } from '@app/contracts';
import { replicaSets, type ReplicaSets, replicasRequired, tokenOf, TokenRing } from '@app/store';

export class PlacedRing {
  readonly #tokens: TokenRing;
  readonly #regions: ReadonlyMap<ZoneId, string>;
  #sets: ReplicaSets | null = null;

  /** @throws when no row can be placed on it */
  constructor(readonly reply: RingReply) {
    const { members, replicationFactor } = reply;
    assert(members.length > 0, 'a ring has at least one member');
    this.#tokens = new TokenRing(members, replicationFactor);
    this.#regions = new Map(members.map(({ zone, region }) => [zone, region]));
  }

  /** The replicas of a row, in preference order. */
  replicasOf(key: RowKey): readonly RingMember[] {
    return this.#tokens.replicas(tokenOf(key.table, key.row));
  }

  /** The other members, in preference order: at level ANY they may keep a write for the replicas. */
  sparesOf(key: RowKey): readonly RingMember[] {
    const token = tokenOf(key.table, key.row);
    return this.#tokens.preferenceList(token).slice(this.#tokens.replicas(token).length);
  }

  /** Undefined where it is no member. */
  find(node: NodeId): RingMember | undefined {
    return this.#tokens.member(node);
  }

  /** @throws InvariantViolation when it is no member */
  member(node: NodeId): RingMember {
    const member = this.find(node);
    assert(member !== undefined, `${node} is no member of the ring`);
    return member;
  }

  /** Null where no member is in that zone. */
  regionOf(zone: ZoneId): string | null {
    return this.#regions.get(zone) ?? null;
  }

  /** The ring cut by who holds it. */
  get sets(): ReplicaSets {
    return (this.#sets ??= replicaSets(this.#tokens));
  }

  replicasNeeded(level: ConsistencyLevel): number {
    return replicasRequired(level, this.reply.replicationFactor);
  }
}
