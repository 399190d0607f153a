/** The ring: zones as sectors, nodes in them, cuts between nodes, and the three nodes that hold the list that is watched. */
import { h, type JSX } from './preact.js';
import type { ConsoleState } from '@app/contracts';
import { plural } from './quantities.js';
import type { ReplicaTable } from './replica-table.js';
import { ringLayout } from './ring-layout.js';
import { cutLinks, zoneStanding } from './zone-standing.js';

const SIZE = 420;
const CENTRE = SIZE / 2;
const RADIUS = 142;
const NODE_RADIUS = 21;

export function ringView(state: ConsoleState, list: ReplicaTable | null, user: string): JSX.Element {
  const { zones, nodes } = ringLayout(state.nodes, RADIUS, CENTRE);
  const stateOf = (name: string) => state.processes.find((process) => process.name === name)?.state ?? 'exited';
  const placeOf = (name: string) => nodes.find(({ node }) => node === name);
  const description = zones.map(({ zone }) => `${zone} ${zoneStanding(state, zone)}`).join(', ');
  return h('svg', { class: 'ring', viewBox: `0 0 ${SIZE} ${SIZE}`, role: 'img', 'aria-label': `Ring of ${plural(nodes.length, 'node')} in ${plural(zones.length, 'zone')}: ${description}` }, [
    ...zones.map(({ zone, index, arc, label }) => [
      h('path', { key: `arc ${zone}`, class: `arc zone-${index % 6} ${cssName(zoneStanding(state, zone))}`, d: arc }),
      h('text', { key: `name ${zone}`, class: 'zone-name', x: label.x, y: label.y, 'text-anchor': 'middle', 'dominant-baseline': 'middle' }, zone),
    ]),
    ...cutLinks(state).map(([one, other]) => {
      const [from, to] = [placeOf(one), placeOf(other)];
      return from && to && h('path', { key: `cut ${one} ${other}`, class: 'cut-link', d: `M ${from.x} ${from.y} Q ${CENTRE} ${CENTRE} ${to.x} ${to.y}` });
    }),
    ...(list?.replicas ?? []).map(({ node, standing }) => {
      const place = placeOf(node);
      return place && h('line', { key: `spoke ${node}`, class: `spoke ${standing}`, x1: CENTRE, y1: CENTRE, x2: place.x, y2: place.y });
    }),
    ...nodes.map(({ node, index, x, y }) =>
      h('g', { key: node, class: `node zone-${index % 6} ${stateOf(node)}` }, [
        h('circle', { cx: x, cy: y, r: NODE_RADIUS }),
        h('text', { x, y: y + 1, 'text-anchor': 'middle', 'dominant-baseline': 'middle' }, stateOf(node) === 'exited' ? '✕' : stateOf(node) === 'paused' ? '‖' : node),
      ]),
    ),
    h('circle', { class: 'hub', cx: CENTRE, cy: CENTRE, r: 36 }),
    h('text', { class: 'hub-name', x: CENTRE, y: CENTRE + 1, 'text-anchor': 'middle', 'dominant-baseline': 'middle' }, user.length > 7 ? `${user.slice(0, 6)}…` : user),
  ]);
}

const cssName = (standing: string): string => standing.replace(' ', '-');
