/** The cluster as one node sees it: where every row lies, and whom to ask first. */
import { assert, type NodeId, type RingReply, type RowKey, type ZoneId } from '@app/contracts';
import { nearestFirst } from '../core/ring/snitch.js';
import { SLOT_COUNT } from '../core/ring/token-allocator.js';
import { tokenOf, type Token } from '../core/ring/token.js';
import type { TokenRing } from '../core/ring/token-ring.js';

/** Where a row lies, seen from one of its replicas. */
export interface RowPlacement {
  /** Every replica but this node, each once, nearest first. */
  readonly others: readonly NodeId[];
  /**
   * The sets of replicas, this node included, whose quorums are needed: one, or while the membership changes two, those of
   * before and those of after (F18).
   */
  readonly sets: readonly (readonly NodeId[])[];
}

export class ClusterView {
  #sharedSlots: ReadonlyMap<NodeId, Uint8Array> | null = null;

  constructor(
    readonly self: NodeId,
    private readonly clusterId: string,
    private readonly epoch: number,
    private readonly ring: TokenRing,
  ) {}

  get replicationFactor(): number {
    return this.ring.replicationFactor;
  }

  zoneOf(node: NodeId): ZoneId {
    const member = this.ring.member(node);
    assert(member !== undefined, `${node} is no member of the cluster`);
    return member.zone;
  }

  /** Where a row lies; null when this node holds no copy of it. */
  placementOf(key: RowKey): RowPlacement | null {
    const token = tokenOf(key.table, key.row);
    if (!this.ring.isReplica(this.self, token)) return null;
    const replicas = this.ring.replicas(token);
    const [, ...others] = nearestFirst(replicas, { node: this.self, zone: this.zoneOf(this.self) }, NONE);
    return { others: others.map(({ node }) => node), sets: [replicas.map(({ node }) => node)] };
  }

  /** The nodes that hold rows which this one holds too: for each slot of the ring 1 where both do, else 0. */
  get sharedSlots(): ReadonlyMap<NodeId, Uint8Array> {
    return (this.#sharedSlots ??= sharedSlots(this.self, this.ring));
  }

  describe(): RingReply {
    return { clusterId: this.clusterId, epoch: this.epoch, replicationFactor: this.replicationFactor, members: this.ring.members };
  }
}

/** Who is down is the coordinator's to say, at the moment of asking. */
const NONE: ReadonlySet<NodeId> = new Set();

function sharedSlots(self: NodeId, ring: TokenRing): Map<NodeId, Uint8Array> {
  const shared = new Map<NodeId, Uint8Array>();
  const slotTokens = (1n << 64n) / BigInt(SLOT_COUNT);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const replicas = ring.replicas((BigInt(slot) * slotTokens) as Token);
    if (!replicas.some(({ node }) => node === self)) continue;
    for (const { node } of replicas) {
      if (node === self) continue;
      let slots = shared.get(node);
      if (slots === undefined) shared.set(node, (slots = new Uint8Array(SLOT_COUNT)));
      slots[slot] = 1;
    }
  }
  return shared;
}
