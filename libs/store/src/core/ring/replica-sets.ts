/**
 * The slots of a ring by who holds them: slots with the same replicas are one set. Whatever is counted for each set can be
 * asked of any one of its nodes, and the sets together are the ring, each slot in one of them. In three zones of k nodes
 * there are at most k^3 sets, and a node is in k^2 of them.
 */
import type { NodeId } from '@app/contracts';
import { sipHash128 } from '../codec/sip-hash.js';
import { SLOT_COUNT } from './token-allocator.js';
import type { Token } from './token.js';
import type { TokenRing } from './token-ring.js';

export interface ReplicaSet {
  /** In the order of their names. */
  readonly nodes: readonly NodeId[];
  /** How many there are. */
  readonly slots: number;
}

export interface ReplicaSets {
  /** The same for all who cut the ring in the same way, and for nobody else: 32 hex digits. */
  readonly name: string;
  readonly sets: readonly ReplicaSet[];
  /** For each slot the index of its set. */
  readonly setOfSlot: Uint16Array;
}

export function replicaSets(ring: TokenRing): ReplicaSets {
  let sets = known.get(ring);
  if (sets === undefined) known.set(ring, (sets = cut(ring)));
  return sets;
}
/** A ring never changes, so it is cut once. */
const known = new WeakMap<TokenRing, ReplicaSets>();

function cut(ring: TokenRing): ReplicaSets {
  const indexes = new Map<string, number>();
  const nodes: (readonly NodeId[])[] = [];
  const slots: number[] = [];
  const setOfSlot = new Uint16Array(SLOT_COUNT);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const replicas = ring.replicas((BigInt(slot) * SLOT_TOKENS) as Token).map(({ node }) => node).sort();
    const name = replicas.join('\0');
    let index = indexes.get(name);
    if (index === undefined) {
      indexes.set(name, (index = nodes.length));
      nodes.push(replicas);
      slots.push(0);
    }
    setOfSlot[slot] = index;
    slots[index]!++;
  }
  const content = Buffer.concat([Buffer.from([...indexes.keys()].join('\n')), Buffer.from(setOfSlot.buffer)]);
  const name = Buffer.from(sipHash128(KEY, content)).toString('hex');
  return { name, sets: nodes.map((each, index) => ({ nodes: each, slots: slots[index]! })), setOfSlot };
}

const SLOT_TOKENS = (1n << 64n) / BigInt(SLOT_COUNT);
/** Published: the name says whether two nodes cut alike, it keeps no secret. */
const KEY = Buffer.from('triptych/r-sets!');
