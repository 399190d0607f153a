/**
 * The cluster as one node sees it in its epoch: where every row lies, and whom to ask first. While the membership changes a row
 * lies in two sets of replicas, and quorums of both are needed (F18).
 */
import { assert, type NodeId, type RingMember, type RingReply, type RowKey, type ZoneId } from '@app/contracts';
import { everyone, holders, type Membership } from '../core/membership/membership.js';
import { nearestFirst } from '../core/ring/snitch.js';
import { SLOT_COUNT, slotOf } from '../core/ring/token-allocator.js';
import { tokenOf, type Token } from '../core/ring/token.js';
import { TokenRing } from '../core/ring/token-ring.js';

/** Where a row lies, seen from one of its replicas. */
export interface RowPlacement {
  /** Every replica but this node, each once, nearest first. */
  readonly others: readonly NodeId[];
  /**
   * The sets of replicas, this node included, whose quorums are needed: one, or while the membership changes two, those of
   * before and those of after (F18).
   */
  readonly sets: readonly (readonly NodeId[])[];
  /** In which this is so. */
  readonly epoch: number;
}

export class ClusterView {
  readonly self: NodeId;
  readonly zone: ZoneId;
  #membership: Membership | null = null;
  /** One, or in a joint epoch two: of before and of after. */
  #rings: readonly TokenRing[] = [];
  #everyone: readonly NodeId[] = [];
  /** Whoever was a member since the start: answers of those that left may still come in. */
  readonly #zones = new Map<NodeId, ZoneId>();
  #sharedSlots: ReadonlyMap<NodeId, Uint8Array> | null = null;
  #gaining: readonly NodeId[] | null = null;
  #ownSlots: Uint8Array | null = null;
  /** By slot, as far as asked for: every request asks. */
  readonly #placements = new Map<number, RowPlacement | null>();
  readonly #sources = new Map<number, readonly NodeId[] | null>();

  /**
   * @param self how this node is, or is to be, a member   @param replicationFactor copies of each row
   * @param addresses where nodes are by configuration: goes before where they were when they joined
   */
  constructor(
    self: RingMember,
    private readonly clusterId: string,
    readonly replicationFactor: number,
    private readonly addresses: readonly Pick<RingMember, 'node' | 'host' | 'port'>[] = [],
  ) {
    this.self = self.node;
    this.zone = self.zone;
    this.#zones.set(self.node, self.zone);
  }

  /** From here on this is how the cluster is. */
  adopt(membership: Membership): void {
    assert(membership.replicationFactor === this.replicationFactor, 'the number of copies of a row never changes');
    this.#membership = membership;
    this.#rings = ringsOf(membership);
    this.#everyone = everyone(membership).map(({ node }) => node);
    for (const { node, zone } of everyone(membership)) this.#zones.set(node, zone);
    this.#sharedSlots = this.#gaining = this.#ownSlots = null;
    this.#placements.clear();
    this.#sources.clear();
  }

  /** 0 before the node has heard of its cluster. */
  get epoch(): number {
    return this.#membership?.epoch ?? 0;
  }

  get membership(): Membership | null {
    return this.#membership;
  }

  /** Every member but this node; while the membership changes, those of before and of after. */
  get peers(): readonly NodeId[] {
    return this.#everyone.filter((node) => node !== this.self);
  }

  isMember(node: NodeId): boolean {
    return this.#everyone.includes(node);
  }

  zoneOf(node: NodeId): ZoneId {
    const zone = this.#zones.get(node);
    assert(zone !== undefined, `${node} is no member of the cluster`);
    return zone;
  }

  /** Where a row lies; null when this node holds no copy of it. */
  placementOf(key: RowKey): RowPlacement | null {
    const token = tokenOf(key.table, key.row);
    const slot = slotOf(token);
    let placement = this.#placements.get(slot);
    if (placement === undefined) this.#placements.set(slot, (placement = this.#findPlacement(token)));
    return placement;
  }

  #findPlacement(token: Token): RowPlacement | null {
    if (!this.#rings.some((ring) => ring.isReplica(this.self, token))) return null;
    const replicas = this.#replicas(token);
    const others = nearestFirst(replicas, { node: this.self, zone: this.zone }, NONE).filter(({ node }) => node !== this.self);
    return { others: others.map(({ node }) => node), sets: this.#rings.map((ring) => ring.replicas(token).map(({ node }) => node)), epoch: this.epoch };
  }

  /** Every replica of a row, whether this node is one or not. */
  replicasOf(key: RowKey): readonly NodeId[] {
    return this.#replicas(tokenOf(key.table, key.row)).map(({ node }) => node);
  }

  /** The nodes past a row's replicas in its preference list, which may stand in for them. */
  sparesOf(key: RowKey): readonly NodeId[] {
    const token = tokenOf(key.table, key.row);
    const replicas = this.#replicas(token);
    const spares = this.#rings.flatMap((ring) => ring.preferenceList(token)).filter(({ node }) => !replicas.some((replica) => replica.node === node));
    return [...new Set(spares.map(({ node }) => node))];
  }

  /**
   * Whom to sync a slot of the ring from, nearest first; null when this node holds no copy of it. While the membership changes
   * the replicas of before: a quorum of those has everything that was acknowledged, and those of after are still learning it.
   */
  sourcesOf(slot: number): readonly NodeId[] | null {
    let sources = this.#sources.get(slot);
    if (sources === undefined) this.#sources.set(slot, (sources = this.#findSources(slot)));
    return sources;
  }

  #findSources(slot: number): readonly NodeId[] | null {
    const token = tokenIn(slot);
    if (!this.#rings.some((ring) => ring.isReplica(this.self, token))) return null;
    const others = nearestFirst(this.#rings[0]!.replicas(token), { node: this.self, zone: this.zone }, NONE).filter(({ node }) => node !== this.self);
    return others.map(({ node }) => node);
  }

  /** For each slot of the ring 1 where this node holds a copy, by one set or the other. */
  get ownSlots(): Uint8Array {
    return (this.#ownSlots ??= slotsHeld(this.#rings, this.self));
  }

  /** The nodes that hold rows which this one holds too: for each slot of the ring 1 where both do, else 0. */
  get sharedSlots(): ReadonlyMap<NodeId, Uint8Array> {
    return (this.#sharedSlots ??= this.#findSharedSlots());
  }

  /** Members that are given slots by the change under way. */
  get gaining(): readonly NodeId[] {
    return (this.#gaining ??= this.#findGaining());
  }

  describe(): RingReply {
    const { members = [] } = this.#membership ?? {};
    // In a joint epoch the replicas of before: all of them are replicas still, and those of after are not ready.
    return { clusterId: this.clusterId, epoch: this.epoch, replicationFactor: this.replicationFactor, members: holders(members).map((member) => ({ ...member, ...this.#addressOf(member) })) };
  }

  #addressOf({ node, host, port }: RingMember): { host: string; port: number } {
    const configured = this.addresses.find((address) => address.node === node);
    return configured === undefined ? { host, port } : { host: configured.host, port: configured.port };
  }

  #replicas(token: Token): readonly RingMember[] {
    const [before, after] = this.#rings;
    if (before === undefined) return [];
    if (after === undefined) return before.replicas(token);
    const replicas = before.replicas(token);
    return [...replicas, ...after.replicas(token).filter(({ node }) => !replicas.some((replica) => replica.node === node))];
  }

  #findGaining(): NodeId[] {
    const [before, after] = this.#rings;
    if (before === undefined || after === undefined) return [];
    return after.members.map(({ node }) => node).filter((node) => {
      const held = before.slotsOf(node);
      return after.slotsOf(node).some((isHeld, slot) => isHeld === 1 && held[slot] === 0);
    });
  }

  #findSharedSlots(): Map<NodeId, Uint8Array> {
    const own = this.ownSlots;
    const shared = new Map<NodeId, Uint8Array>();
    for (const node of this.peers) {
      const slots = slotsHeld(this.#rings, node).map((isHeld, slot) => isHeld & own[slot]!);
      if (slots.includes(1)) shared.set(node, slots);
    }
    return shared;
  }
}

/**
 * The slots that a node holds in `to` and cannot be sure of when it comes from `from`: those that it did not hold all the time.
 * One that missed a whole change and more may have lost a slot and been given it back, so to it all of them are new.
 */
export function slotsGained(node: NodeId, from: Membership | null, to: Membership): number[] {
  const hasMissed = from === null || stableEpoch(to) - stableEpoch(from) > 2;
  const before = hasMissed ? [] : ringsOf(from);
  const after = ringsOf(to);
  const [held, wasHeld, isKept] = [slotsHeld(after, node), slotsHeld(before, node), slotsHeld(after.slice(0, 1), node)];
  // A change between the two that was called off gave nothing to keep: what counts is also who held it in the epoch before `to`.
  return slotsWhere((slot) => held[slot] === 1 && !(wasHeld[slot] === 1 && isKept[slot] === 1));
}

/** Members that hold over 5% more or less than their weight calls for, because the zone rule leaves no choice (P9). */
export function imbalancesOf(membership: Membership | null): { node: NodeId; share: number; deviation: number }[] {
  if (membership === null) return [];
  return ringOf(membership.members, membership.replicationFactor).imbalances().map(({ member, share, deviation }) => ({ node: member.node, share, deviation }));
}

/** The slots that a node held in `from` and holds no more in `to`. */
export function slotsLost(node: NodeId, from: Membership, to: Membership): number[] {
  const [wasHeld, held] = [slotsHeld(ringsOf(from), node), slotsHeld(ringsOf(to), node)];
  return slotsWhere((slot) => wasHeld[slot] === 1 && held[slot] === 0);
}

/** For each slot 1 where a node holds a copy by one of the rings. */
function slotsHeld(rings: readonly TokenRing[], node: NodeId): Uint8Array {
  const slots = new Uint8Array(SLOT_COUNT);
  for (const ring of rings) ring.slotsOf(node).forEach((isHeld, slot) => (slots[slot]! |= isHeld));
  return slots;
}

function slotsWhere(holds: (slot: number) => boolean): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot++) if (holds(slot)) slots.push(slot);
  return slots;
}

/** The last epoch of one set of members. */
const stableEpoch = ({ epoch, next }: Membership): number => (next === null ? epoch : epoch - 1);

const ringsOf = ({ members, next, replicationFactor }: Membership): TokenRing[] =>
  [members, ...(next === null ? [] : [next])].map((set) => ringOf(set, replicationFactor));

const SLOT_TOKENS = (1n << 64n) / BigInt(SLOT_COUNT);
const tokenIn = (slot: number): Token => (BigInt(slot) * SLOT_TOKENS) as Token;
/** Who is down is the coordinator's to say, at the moment of asking. */
const NONE: ReadonlySet<NodeId> = new Set();

/** Rings take a moment to make, and all nodes of a simulated cluster need the same ones. */
const RINGS_KEPT = 16;
const rings = new Map<string, TokenRing>();

/** The ring of some members: drained ones hold nothing. */
export function ringOf(members: readonly RingMember[], replicationFactor: number): TokenRing {
  const name = JSON.stringify([replicationFactor, members]);
  const known = rings.get(name);
  if (known !== undefined) return known;
  const ring = new TokenRing(holders(members), replicationFactor);
  const [oldest] = rings.keys();
  if (rings.size >= RINGS_KEPT && oldest !== undefined) rings.delete(oldest);
  rings.set(name, ring);
  return ring;
}
