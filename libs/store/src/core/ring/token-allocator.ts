/**
 * Which node holds which part of the ring. The ring is cut into 4,096 equal slots; a node's virtual nodes are the slots
 * that it holds, so their number follows its weight. The answer is a function of the members alone: whoever knows them
 * computes the same one, in whatever order they joined, and nothing needs to be agreed on or stored.
 *
 * Two steps. **Rendezvous**: each slot draws a distance to every node, exponential with the node's weight as its rate, and
 * meets nodes in that order; a node that joins or leaves changes nothing between the others. **Balance**: chance leaves
 * a node a few per cent above or below its share, so within each zone nodes above hand slots to nodes below, until each
 * holds what its weight gives it to within a slot or two. Only this second step moves more than must move.
 *
 * Refused: random tokens (with 256 per node loads still spread by 6%); greedy placement of tokens as
 * Cassandra's allocator does it (depends on the order of joining, so it must be stored); equal slots dealt out in
 * turn (balanced, but a join moves nearly everything). And zones are not balanced against each other: each gets what the
 * zone rule gives it, since forcing shares between zones moved up to 8% of all copies more at a join than the joining node takes.
 * Sources: Thaler and Ravishankar, Rendezvous hashing (1998); DeCandia et al., Dynamo (SOSP 2007), 6.2, whose third
 * strategy is the equal slots.
 */
import type { RingMember } from '@app/contracts';
import { preferenceList } from './preference-list.js';
import { tokenOf, type Token } from './token.js';

const SLOT_BITS = 12;
/** Slots of the ring. A node needs about 20 of them to come within 5% of its weight: 200 nodes in a zone. */
export const SLOT_COUNT = 1 << SLOT_BITS;

/** The slot that a token lies in: its first 12 bits. */
export const slotOf = (token: Token): number => Number(token >> BigInt(64 - SLOT_BITS));

/**
 * For each slot its preference list: indexes into `members`, members.length of them per slot, one slot after another.
 * @param members in an order that does not depend on how they joined   @param copies 1 to members.length
 */
export function allocateSlots(members: readonly RingMember[], copies: number): Uint16Array {
  const count = members.length;
  const lists = new Uint16Array(SLOT_COUNT * count);
  const seeds = members.map(({ node, place }) => Number(tokenOf('node', place ?? node) >> 32n));
  const distances = new Float64Array(count);
  const indexes = members.map((_, i) => i);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    for (let i = 0; i < count; i++) distances[i] = exponential(mix(slot, seeds[i]!)) / members[i]!.weight;
    const nearestFirst = indexes.toSorted((a, b) => distances[a]! - distances[b]!);
    lists.set(preferenceList(nearestFirst, (i) => members[i]!.zone), slot * count);
  }
  for (const zone of new Set(members.map((member) => member.zone))) {
    balanceZone(lists, members, indexes.filter((i) => members[i]!.zone === zone), copies);
  }
  return lists;
}

/** Slots of which each member holds a copy, by member index. */
export function slotsHeld(lists: Uint16Array, memberCount: number, copies: number): number[] {
  const held = new Array<number>(memberCount).fill(0);
  for (let start = 0; start < lists.length; start += memberCount) {
    for (let i = start; i < start + copies; i++) held[lists[i]!]!++;
  }
  return held;
}

/**
 * Gives each node of one zone its quota of the slots that the zone holds. A node only ever changes places in a list with
 * another of its zone, so the zones of every list stay as they are.
 * @param zone member indexes of the zone's nodes
 */
function balanceZone(lists: Uint16Array, members: readonly RingMember[], zone: readonly number[], copies: number): void {
  const count = members.length;
  const isInZone = members.map((_, i) => zone.includes(i));
  const held = slotsHeld(lists, count, copies);
  const total = zone.reduce((sum, i) => sum + held[i]!, 0);
  const quota = new Map(quotas(total, zone.map((i) => members[i]!.weight)).map((slots, k) => [zone[k]!, slots]));
  const above = (i: number): number => held[i]! - quota.get(i)!;

  const handOver = (from: number, to: number): void => {
    const giver = lists[from]!;
    const taker = lists[to]!;
    lists[from] = taker;
    lists[to] = giver;
    held[giver]!--;
    held[taker]!++;
  };
  // From the furthest replica that may give to the nearest node beyond the replicas that may take.
  const balance = (mayGive: (i: number) => boolean, mayTake: (i: number) => boolean): void => {
    for (let start = 0; start < lists.length; start += count) {
      for (let from = start + copies - 1; from >= start; from--) {
        if (!isInZone[lists[from]!] || !mayGive(lists[from]!)) continue;
        for (let to = start + copies; to < start + count; to++) {
          if (!isInZone[lists[to]!] || !mayTake(lists[to]!)) continue;
          handOver(from, to);
          break;
        }
      }
    }
  };
  // A node so heavy that it holds a copy of every slot leaves no choice, so it goes first.
  balance((i) => quota.get(i)! < SLOT_COUNT, (i) => quota.get(i) === SLOT_COUNT);
  balance((i) => above(i) > 0, (i) => above(i) < 0);
  // A node may lack slots of which no node above its quota holds a copy: then by way of a third.
  balance((i) => above(i) >= 0, (i) => above(i) < 0);
  balance((i) => above(i) > 0, (i) => above(i) < 0);
}

/**
 * `total` slots shared out by weight, rounded down, none above SLOT_COUNT: a node holds at most one copy of a slot, and
 * what it cannot take goes to the others. The few slots lost in rounding stay with whoever has them.
 */
function quotas(total: number, weights: readonly number[]): number[] {
  const slots = new Array<number>(weights.length).fill(SLOT_COUNT);
  let open = weights.map((_, i) => i);
  let left = total;
  for (;;) {
    const weight = open.reduce((sum, i) => sum + weights[i]!, 0);
    for (const i of open) slots[i] = Math.min(SLOT_COUNT, Math.floor((left * weights[i]!) / weight));
    const full = open.filter((i) => slots[i] === SLOT_COUNT);
    if (full.length === 0 || full.length === open.length) return slots;
    left -= full.length * SLOT_COUNT;
    open = open.filter((i) => !full.includes(i));
  }
}

/** 32 well-mixed bits of a slot and a node's seed (the finalizer of MurmurHash3). */
function mix(slot: number, seed: number): number {
  let bits = Math.imul(slot + 1, 0x9e3779b1) ^ seed;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/**
 * An exponential draw of mean 1 from 32 uniform bits: -ln((bits + 1/2) / 2^32), to a few millionths. By hand, because
 * Math.log may differ between engines in its last place, and all must place alike.
 */
function exponential(bits: number): number {
  const zeros = Math.clz32(bits);
  const mantissa = (bits + 0.5) / 2 ** (32 - zeros);
  const z = (mantissa - 1) / (mantissa + 1);
  const square = z * z;
  const logarithm = 2 * z * (1 + square * (1 / 3 + square * (1 / 5 + square * (1 / 7 + square * (1 / 9)))));
  return zeros * Math.LN2 - logarithm;
}
