/**
 * Where zones and nodes are drawn: each zone has a sector of the ring, each node of it a place within the sector. A node's
 * slots lie all over the token ring, some 2,000 stretches of it, so drawing those was refused: it would show noise. What
 * matters to a person is which zones there are, who stands in them, and which three hold a list.
 */
export interface RingLayout {
  readonly zones: readonly { readonly zone: string; readonly index: number; readonly arc: string; readonly label: Point }[];
  readonly nodes: readonly ({ readonly node: string; readonly zone: string; readonly index: number } & Point)[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Between two zones, radians. */
const GAP = 0.16;

/** @param members in any order   @param radius of the ring   @param centre of the drawing, the same in both directions */
export function ringLayout(members: readonly { readonly node: string; readonly zone: string }[], radius: number, centre: number): RingLayout {
  const zones = [...new Set(members.map(({ zone }) => zone))].sort();
  const sector = (2 * Math.PI) / Math.max(1, zones.length);
  const at = (angle: number, distance: number): Point => ({ x: round(centre + distance * Math.sin(angle)), y: round(centre - distance * Math.cos(angle)) });
  return {
    zones: zones.map((zone, index) => {
      const middle = index * sector;
      const [from, to] = [middle - sector / 2 + GAP / 2, middle + sector / 2 - GAP / 2];
      return { zone, index, arc: arcPath(at(from, radius), at(to, radius), radius, to - from), label: at(middle, radius + 34) };
    }),
    nodes: zones.flatMap((zone, index) => {
      const nodes = members.filter((member) => member.zone === zone).map(({ node }) => node).sort();
      return nodes.map((node, i) => ({ node, zone, index, ...at((index - 0.5 + (i + 1) / (nodes.length + 1)) * sector, radius) }));
    }),
  };
}

function arcPath(from: Point, to: Point, radius: number, angle: number): string {
  return `M ${from.x} ${from.y} A ${radius} ${radius} 0 ${angle > Math.PI ? 1 : 0} 1 ${to.x} ${to.y}`;
}

const round = (length: number): number => Math.round(length * 100) / 100;
