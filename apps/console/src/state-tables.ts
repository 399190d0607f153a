/** What store nodes say of themselves, how the gateways' circuits stand, and what happened. */
import { h, type JSX } from './preact.js';
import type { ConsoleCircuit, ConsoleNode, ConsoleState } from '@app/contracts';
import { percent, timeOfDay } from './quantities.js';

export function nodeTable({ nodes, processes }: ConsoleState): JSX.Element {
  const columns = ['Node', 'State', 'Holds', 'Disk', 'Hints waiting', 'delivered', 'Rows repaired', 'damaged', 'Unsynced', 'Trees last equal', 'Holds down'];
  return h('section', { class: 'panel', 'aria-labelledby': 'nodes-title' }, [
    h('h2', { id: 'nodes-title' }, 'Store nodes'),
    h('div', { class: 'scroll', role: 'region', 'aria-labelledby': 'nodes-title', tabIndex: 0 },
      h('table', { class: 'nodes' }, [
        h('thead', {}, h('tr', {}, columns.map((name) => h('th', { key: name, scope: 'col' }, name)))),
        h('tbody', {}, nodes.map((node) => nodeLine(node, processes.find(({ name }) => name === node.node)?.state ?? 'exited'))),
      ]),
    ),
  ]);
}

function nodeLine({ node, zone, share, told }: ConsoleNode, state: string): JSX.Element {
  const figure = (name: string, value: number | string | undefined, isBad = false) => h('td', { key: name, class: isBad ? 'bad' : '' }, value ?? '–');
  const names = (all: readonly string[] | undefined) => (all === undefined ? undefined : all.length === 0 ? 'none' : all.join(' '));
  return h('tr', { key: node }, [
    h('th', { scope: 'row' }, [node, ' ', h('span', { class: 'quiet' }, zone)]),
    figure('state', told === null && state === 'running' ? 'silent' : state === 'exited' ? 'dead' : state, state !== 'running' || told === null),
    figure('share', share === null ? 'no member' : percent(share)),
    figure('storage', told?.storage, told !== null && told.storage !== 'open'),
    figure('waiting', told?.hintsWaiting, (told?.hintsWaiting ?? 0) > 0),
    figure('replayed', told?.hintsReplayed),
    figure('repaired', told?.rowsRepaired),
    figure('damaged', told?.damagedRows, (told?.damagedRows ?? 0) > 0),
    figure('unsynced', told?.slotsUnsynced, (told?.slotsUnsynced ?? 0) > 0),
    figure('agreed', agreement(told), (told?.leastAgreed?.agoMs ?? 0) > AGREED_WITHIN_MS),
    figure('down', names(told?.down), (told?.down.length ?? 0) > 0),
  ]);
}

/** Trees are compared every few seconds: one that was not found equal for so long differs, or cannot be compared. */
const AGREED_WITHIN_MS = 60_000;

/** With the peer with which it is longest ago. */
function agreement(told: ConsoleNode['told']): string | undefined {
  if (told === null) return undefined;
  if (told.leastAgreed === null) return 'no peer';
  const { peer, agoMs } = told.leastAgreed;
  return agoMs === null ? `${peer}: not yet` : `${peer}: ${Math.round(agoMs / 1_000)} s ago`;
}

const MARKS: Readonly<Record<ConsoleCircuit['state'], string>> = { closed: '●', 'half-open': '◐', open: '✕' };

/** A line for each dependency, a column for each gateway. */
export function circuitTable({ circuits }: ConsoleState): JSX.Element {
  const gateways = [...new Set(circuits.map(({ gateway }) => gateway))].sort();
  const names = [...new Set(circuits.map(({ circuit }) => circuit))].sort();
  const shown = (gateway: string, name: string) => {
    const state = circuits.find((one) => one.gateway === gateway && one.circuit === name)?.state;
    return h('td', { key: gateway, class: state ?? 'quiet' }, state === undefined ? 'unused' : [h('span', { 'aria-hidden': 'true' }, `${MARKS[state]} `), state]);
  };
  return h('section', { class: 'panel', 'aria-labelledby': 'circuits-title' }, [
    h('h2', { id: 'circuits-title' }, 'Circuits'),
    circuits.length === 0
      ? h('p', { class: 'quiet' }, 'No gateway has needed one yet.')
      : h('div', { class: 'scroll', role: 'region', 'aria-labelledby': 'circuits-title', tabIndex: 0 },
          h('table', { class: 'circuits' }, [
            h('thead', {}, h('tr', {}, [h('th', { scope: 'col' }, 'Dependency'), ...gateways.map((gateway) => h('th', { key: gateway, scope: 'col' }, gateway))])),
            h('tbody', {}, names.map((name) => h('tr', { key: name }, [h('th', { scope: 'row' }, name), ...gateways.map((gateway) => shown(gateway, name))]))),
          ]),
        ),
  ]);
}

/** The newest first. */
export function timeline({ events }: ConsoleState): JSX.Element {
  return h('section', { class: 'panel', 'aria-labelledby': 'timeline-title' }, [
    h('h2', { id: 'timeline-title' }, 'What happened'),
    events.length === 0
      ? h('p', { class: 'quiet' }, 'Nothing since this cluster started.')
      : h('ol', { class: 'timeline', tabIndex: 0, 'aria-labelledby': 'timeline-title' }, events.toReversed().map(({ id, atMs, kind, text }) =>
          h('li', { key: id, class: kind }, [h('time', { dateTime: new Date(atMs).toISOString() }, timeOfDay(atMs)), h('span', { class: 'kind' }, kind), h('span', { class: 'text' }, text)]),
        )),
  ]);
}
