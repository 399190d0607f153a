/** The whole page, a function of the model. */
import { h, type JSX } from './preact.js';
import type { ConsoleActions } from './console-actions.js';
import type { ConsoleModel } from './console-model.js';
import { listView } from './list-view.js';
import { replicaTable } from './replica-table.js';
import { ringView } from './ring-view.js';
import { circuitTable, nodeTable, timeline } from './state-tables.js';
import { zoneCard } from './zone-card.js';

const CONNECTIONS: Readonly<Record<ConsoleModel['connection'], string>> = {
  connecting: 'connecting …',
  live: 'live',
  lost: 'connection lost, trying again …',
  refused: 'not allowed',
};

export function consoleView({ connection, state, user, samples, said }: ConsoleModel, actions: ConsoleActions): JSX.Element {
  const list = state?.list ?? null;
  const nowMs = Math.max(0, ...Object.values(samples).map((own) => own.at(-1)?.atMs ?? 0));
  return h('main', {}, [
    h('header', { class: 'top' }, [
      h('h1', {}, 'Triptych'),
      state === null ? null : h('p', { class: 'quiet' }, `cluster ${state.cluster.clusterId.slice(0, 8)}, ${state.cluster.epoch === null ? 'members not known yet' : `epoch ${state.cluster.epoch}`}${state.cluster.phase === 'joint' ? ', members changing' : ''}, ${state.cluster.replicationFactor} copies`),
      h('p', { class: `connection ${connection}` }, CONNECTIONS[connection]),
    ]),
    h('p', { class: 'said', role: 'status' }, said),
    connection === 'refused' ? h('p', { class: 'notice' }, 'Open the URL that npm start prints (npm run cluster -- status shows it again): it holds the token that this page needs.') : null,
    state === null ? null : [
      h('div', { key: 'overview', class: 'overview' }, [
        h('section', { class: 'panel ring-panel', 'aria-labelledby': 'ring-title' }, [
          h('h2', { id: 'ring-title' }, 'Ring'),
          ringView(state, list === null ? null : replicaTable(list), user),
          h('p', { class: 'legend quiet' }, `Spokes lead to the replicas of the list of ${user}: solid where they hold the same, dashed where not, dotted where silent. A red arc is a cut.`),
        ]),
        h('section', { class: 'zones', 'aria-labelledby': 'zones-title' }, [
          h('h2', { id: 'zones-title' }, 'Zones'),
          h('div', { class: 'cards' }, state.zones.map(({ zone }, index) => zoneCard(state, { zone, index, samples: samples[zone] ?? [], nowMs }, actions))),
          state.cluster.faults ? null : h('p', { key: 'no-faults', class: 'notice' }, ['Zones can be killed, paused, slowed and cut from here in a cluster that was started with ', h('code', {}, 'npm start -- --faults'), '.']),
        ]),
        listView({ user, list, zones: state.zones.map(({ zone }) => zone) }, actions),
      ]),
      nodeTable(state),
      h('div', { key: 'lower', class: 'lower' }, [circuitTable(state), timeline(state)]),
    ],
  ]);
}
