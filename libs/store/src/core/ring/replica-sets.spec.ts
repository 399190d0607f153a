import { describe, expect, it } from 'vitest';
import { nodeId, zoneId, type RingMember } from '@app/contracts';
import { replicaSets } from './replica-sets.js';
import { SLOT_COUNT } from './token-allocator.js';
import type { Token } from './token.js';
import { TokenRing } from './token-ring.js';

const member = (node: string): RingMember => ({ node: nodeId(node), zone: zoneId(`zone-${node[0]}`), region: 'r', host: node, port: 1, weight: 1 });
const ringOf = (...nodes: string[]): TokenRing => new TokenRing(nodes.map(member), 3);
const SIX = ['a1', 'a2', 'b1', 'b2', 'c1', 'c2'];

describe('the ring cut by who holds it', () => {
  it('has each slot in one set, that of exactly its replicas', () => {
    const ring = ringOf(...SIX);
    const { sets, setOfSlot } = replicaSets(ring);
    expect(sets).toHaveLength(8);
    expect(sets.reduce((sum, { slots }) => sum + slots, 0)).toBe(SLOT_COUNT);
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const replicas = ring.replicas((BigInt(slot) << 52n) as Token).map(({ node }) => node).sort();
      expect(sets[setOfSlot[slot]!]!.nodes).toEqual(replicas);
    }
  });

  it('has the same name wherever it is cut, and another one for another ring', () => {
    const { name } = replicaSets(ringOf(...SIX));
    expect(replicaSets(ringOf(...SIX.toReversed())).name).toBe(name);
    expect(name).toMatch(/^[0-9a-f]{32}$/);
    expect(replicaSets(ringOf(...SIX.slice(1))).name).not.toBe(name);
    expect(replicaSets(ringOf('a1', 'a2', 'b1', 'b2', 'c1', 'c3')).name).not.toBe(name);
  });
});
