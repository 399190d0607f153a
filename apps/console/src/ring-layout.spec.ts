import { describe, expect, it } from 'vitest';
import { ringLayout } from './ring-layout.js';

const members = (zones: number, nodes: number) =>
  Array.from({ length: zones * nodes }, (_, i) => ({ node: `${'abcdefghi'[i % zones]}${Math.floor(i / zones) + 1}`, zone: `zone-${'abcdefghi'[i % zones]}` }));

describe('the ring as it is drawn', () => {
  it.each([[1, 1], [1, 9], [3, 2], [9, 9]])('%i zones of %i nodes stand apart, on the ring, each node in the sector of its zone', (zones, nodes) => {
    const layout = ringLayout(members(zones, nodes), 140, 210);
    expect(layout.zones.map(({ zone }) => zone)).toEqual('abcdefghi'.slice(0, zones).split('').map((letter) => `zone-${letter}`));
    expect(layout.nodes).toHaveLength(zones * nodes);
    const sector = (2 * Math.PI) / zones;
    for (const { x, y, index } of layout.nodes) {
      expect(Math.hypot(x - 210, y - 210)).toBeCloseTo(140, 1);
      const off = Math.atan2(x - 210, 210 - y) - index * sector;
      expect(Math.abs(Math.atan2(Math.sin(off), Math.cos(off)))).toBeLessThan(sector / 2 + 1e-3);
    }
    const places = layout.nodes.map(({ x, y }) => `${x} ${y}`);
    expect(new Set(places).size).toBe(places.length);
  });

  it('begins at the top and goes round with the clock, whatever the order in which nodes are told', () => {
    const { nodes, zones } = ringLayout(members(3, 2).toReversed(), 100, 100);
    expect(nodes.map(({ node }) => node)).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2']);
    expect(zones[0]!.label).toMatchObject({ x: 100, y: -34 });
    expect(nodes[0]!.x).toBeLessThan(100);
    expect(nodes[1]!.x).toBeGreaterThan(100);
    expect(nodes[2]!.x).toBeGreaterThan(nodes[1]!.x);
  });

  it('is empty where there is nobody', () => {
    expect(ringLayout([], 100, 100)).toEqual({ zones: [], nodes: [] });
  });
});
