import { describe, expect, it } from 'vitest';
import { nodeId, zoneId } from '@app/contracts';
import { tokenOf, TokenRing } from '@app/store';
import { PlacedRing } from './placed-ring.js';
import { ringOf } from './testing/client-scene.js';

describe('a placed ring', () => {
  const reply = ringOf(['a1', 'a2', 'b1', 'b2', 'c1', 'c2']);
  const ring = new PlacedRing(reply);

  it('places every row where the nodes place it', () => {
    const nodes = new TokenRing(reply.members, reply.replicationFactor);
    for (let user = 0; user < 200; user++) {
      const key = { table: 'favorites', row: `user-${user}` };
      expect(ring.replicasOf(key)).toEqual(nodes.replicas(tokenOf(key.table, key.row)));
      expect(new Set(ring.replicasOf(key).map(({ zone }) => zone)).size).toBe(3);
    }
  });

  it('knows its members, their regions, and what a level needs', () => {
    expect(ring.member(nodeId('b2'))).toBe(reply.members[3]);
    expect(ring.find(nodeId('d1'))).toBeUndefined();
    expect(() => ring.member(nodeId('d1'))).toThrow('d1 is no member');
    expect([ring.regionOf(zoneId('zone-a')), ring.regionOf(zoneId('zone-x'))]).toEqual(['region-1', null]);
    expect((['ONE', 'QUORUM', 'ALL'] as const).map((level) => ring.replicasNeeded(level))).toEqual([1, 2, 3]);
  });

  it('cannot be made of nobody', () => {
    expect(() => new PlacedRing(ringOf([]))).toThrow('at least one member');
  });
});
