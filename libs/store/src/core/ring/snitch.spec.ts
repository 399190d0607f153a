import { nodeId, zoneId, type NodeId, type RingMember } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { nearestFirst } from './snitch.js';
import { TokenRing } from './token-ring.js';
import { tokenOf } from './token.js';

const member = (node: string): RingMember => ({
  node: nodeId(node),
  zone: zoneId(`zone-${node[0]}`),
  region: 'local',
  host: '127.0.0.1',
  port: 1,
  weight: 1,
});
const names = (list: readonly RingMember[]): string => list.map(({ node }) => node).join(' ');
const REPLICAS = ['c1', 'b1', 'b2', 'a1', 'a2'].map(member);
const NONE = new Set<NodeId>();

describe('who is near', () => {
  it('[P11] is the own node, then the own zone, then the others as in the preference list', () => {
    expect(names(nearestFirst(REPLICAS, { node: nodeId('a2'), zone: zoneId('zone-a') }, NONE))).toBe('a2 a1 c1 b1 b2');
    expect(names(nearestFirst(REPLICAS, { node: null, zone: zoneId('zone-b') }, NONE))).toBe('b1 b2 c1 a1 a2');
    expect(names(nearestFirst(REPLICAS, { node: null, zone: zoneId('zone-x') }, NONE))).toBe('c1 b1 b2 a1 a2');
  });

  it('[P12] is nobody who is known to be down, before all others', () => {
    const down = new Set([nodeId('a2'), nodeId('c1')]);
    expect(names(nearestFirst(REPLICAS, { node: nodeId('a2'), zone: zoneId('zone-a') }, down))).toBe('a1 b1 b2 a2 c1');
  });

  it('[P13] differs from row to row beyond the own zone, so that a lost zone’s load spreads over the others', () => {
    const ring = new TokenRing(['a1', 'a2', 'b1', 'b2', 'c1', 'c2'].map(member), 3);
    const down = new Set([nodeId('a1'), nodeId('a2')]);
    const takers = new Map<string, number>();
    const ROWS = 4000;
    for (let row = 0; row < ROWS; row++) {
      const [first] = nearestFirst(ring.replicas(tokenOf('favorites', `user-${row}`)), { node: null, zone: zoneId('zone-a') }, down);
      takers.set(first!.node, (takers.get(first!.node) ?? 0) + 1);
    }
    expect([...takers.keys()].sort()).toEqual(['b1', 'b2', 'c1', 'c2']);
    for (const rows of takers.values()) expect(Math.abs(rows / (ROWS / 4) - 1)).toBeLessThan(0.15);
  });
});
