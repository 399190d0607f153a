/**
 * Who holds what: the members of the cluster placed on the ring. Immutable; a change of members makes a new ring. Any
 * node and any client builds it from the members alone, so a request goes to a replica in one hop.
 */
import { assert, type NodeId, type RingMember } from '@app/contracts';
import { allocateSlots, SLOT_COUNT, slotOf, slotsHeld } from './token-allocator.js';
import type { Token } from './token.js';

/** How much of the data a node holds beside what its weight calls for. */
export interface Ownership {
  readonly member: RingMember;
  /** Its part of all copies, 0 to 1. */
  readonly share: number;
  /** Its part of all weight, 0 to 1. */
  readonly weightShare: number;
  /** share / weightShare - 1: 0.1 is a tenth more than its weight calls for. */
  readonly deviation: number;
}

/** Nodes further than this from their weight are reported: there the zone rule leaves no choice. */
const TOLERATED_DEVIATION = 0.05;
const NO_SLOTS = new Uint8Array(SLOT_COUNT);

export class TokenRing {
  /** In the order of their node ids. */
  readonly members: readonly RingMember[];
  readonly #lists: Uint16Array;
  readonly #copies: number;
  readonly #membersByNode: ReadonlyMap<NodeId, RingMember>;
  /** Filled as slots are asked for: a small cluster uses few, and all requests for a slot share one array. */
  readonly #preferenceBySlot: (readonly RingMember[] | undefined)[] = [];
  readonly #replicasBySlot: (readonly RingMember[] | undefined)[] = [];
  #slotsByNode: Map<NodeId, Uint8Array> | null = null;

  /**
   * @param members in any order   @param replicationFactor copies wanted, >= 1; where there are fewer members, each holds one
   * @throws InvariantViolation on an empty ring, a node named twice, or a weight that is not above 0
   */
  constructor(
    members: readonly RingMember[],
    readonly replicationFactor: number,
  ) {
    assert(members.length > 0, 'an empty ring: a node joins before it serves');
    assert(Number.isInteger(replicationFactor) && replicationFactor >= 1, 'a row has at least one copy');
    for (const { node, weight } of members) assert(weight > 0 && Number.isFinite(weight), `weight of ${node} is not above 0`);
    this.members = members.toSorted((a, b) => (a.node < b.node ? -1 : 1));
    this.#membersByNode = new Map(this.members.map((member) => [member.node, member]));
    assert(this.#membersByNode.size === members.length, 'a node is named twice');
    this.#copies = Math.min(replicationFactor, members.length);
    this.#lists = allocateSlots(this.members, this.#copies);
  }

  member(node: NodeId): RingMember | undefined {
    return this.#membersByNode.get(node);
  }

  /** The nodes that hold a key, then those that may stand in for them: every member once. */
  preferenceList(token: Token): readonly RingMember[] {
    const slot = slotOf(token);
    const known = this.#preferenceBySlot[slot];
    if (known !== undefined) return known;
    const start = slot * this.members.length;
    const list = Array.from(this.#lists.subarray(start, start + this.members.length), (index) => this.members[index]!);
    this.#preferenceBySlot[slot] = list;
    return list;
  }

  /** The nodes that hold a key: the head of its preference list. */
  replicas(token: Token): readonly RingMember[] {
    const slot = slotOf(token);
    return (this.#replicasBySlot[slot] ??= this.preferenceList(token).slice(0, this.#copies));
  }

  /** For each slot of the ring 1 where the node holds a copy, else 0: all 0 for a node that is no member. Not to be written to. */
  slotsOf(node: NodeId): Uint8Array {
    this.#slotsByNode ??= this.#findSlots();
    return this.#slotsByNode.get(node) ?? NO_SLOTS;
  }

  isReplica(node: NodeId, token: Token): boolean {
    return this.replicas(token).some((member) => member.node === node);
  }

  #findSlots(): Map<NodeId, Uint8Array> {
    const slots = this.members.map(() => new Uint8Array(SLOT_COUNT));
    const count = this.members.length;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      for (let copy = 0; copy < this.#copies; copy++) slots[this.#lists[slot * count + copy]!]![slot] = 1;
    }
    return new Map(this.members.map(({ node }, i) => [node, slots[i]!]));
  }

  /** What each member holds of the ring; the data follows, since rows are many and small. */
  ownership(): Ownership[] {
    const held = slotsHeld(this.#lists, this.members.length, this.#copies);
    const copies = held.reduce((sum, slots) => sum + slots, 0);
    const weight = this.members.reduce((sum, member) => sum + member.weight, 0);
    return this.members.map((member, i) => {
      const share = held[i]! / copies;
      const weightShare = member.weight / weight;
      return { member, share, weightShare, deviation: share / weightShare - 1 };
    });
  }

  /**
   * Members that hold over 5% more or less than their weight calls for, because the zone rule leaves no choice (a zone of
   * few nodes holds as many copies as one of many) or because a node holds at most one copy of a row.
   */
  imbalances(): Ownership[] {
    return this.ownership().filter(({ deviation }) => Math.abs(deviation) > TOLERATED_DEVIATION);
  }
}
