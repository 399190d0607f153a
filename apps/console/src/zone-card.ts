/** One zone: how it stands, what its gateway serves, and what can be done to it. */
import { h, type JSX } from './preact.js';
import type { ConsoleState, ZoneAction, ZoneSample } from '@app/contracts';
import type { ConsoleActions } from './console-actions.js';
import { milliseconds, rate } from './quantities.js';
import { sparkline } from './sparkline.js';
import { MARKS, zoneStanding } from './zone-standing.js';

const WIDTH = 240;
const HEIGHT = 44;
const HARMS: readonly [ZoneAction, string, string][] = [
  ['kill', 'Kill', 'SIGKILL to all its processes'],
  ['pause', 'Pause', 'SIGSTOP to all its processes'],
  ['slow', 'Slow', 'what it sends comes 40 ms later'],
  ['cut', 'Cut', 'nothing goes in or out'],
];

export interface ZoneCard {
  readonly zone: string;
  readonly index: number;
  readonly samples: readonly ZoneSample[];
  /** The newest sample of any zone. */
  readonly nowMs: number;
}

export function zoneCard(state: ConsoleState, { zone, index, samples, nowMs }: ZoneCard, actions: ConsoleActions): JSX.Element {
  const standing = zoneStanding(state, zone);
  const sample = state.zones.find((one) => one.zone === zone)?.sample ?? null;
  const { line, area, errors, top } = sparkline(samples, nowMs, WIDTH, HEIGHT);
  const figure = (name: string, value: string, isBad = false) => h('div', {}, [h('dt', {}, name), h('dd', { class: isBad ? 'bad' : '' }, value)]);
  return h('section', { key: zone, class: `card zone-${index % 6} ${standing.replace(' ', '-')}`, 'aria-labelledby': `zone-${index}-title` }, [
    h('header', {}, [
      h('h3', { id: `zone-${index}-title` }, zone),
      h('span', { class: 'standing', 'data-zone': zone }, [h('span', { 'aria-hidden': 'true' }, `${MARKS[standing]} `), standing]),
    ]),
    h('svg', { class: 'sparkline', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `Requests of ${zone} in the last minute, up to ${rate(top)} a second` }, [
      h('path', { class: 'area', d: area }),
      h('path', { class: 'line', d: line }),
      ...errors.map(({ x, height }) => h('rect', { key: x, class: 'error', x: x - 1.5, y: HEIGHT - height, width: 3, height })),
    ]),
    h('dl', { class: 'figures' }, [
      figure('requests/s', sample === null ? '–' : rate(sample.requestsPerSecond)),
      figure('errors/s', sample === null ? '–' : rate(sample.errorsPerSecond), (sample?.errorsPerSecond ?? 0) > 0),
      figure('p50', milliseconds(sample?.p50Ms ?? null)),
      figure('p99', milliseconds(sample?.p99Ms ?? null)),
    ]),
    h('div', { class: 'buttons', role: 'group', 'aria-label': `What to do to ${zone}` }, [
      ...HARMS.map(([action, name, title]) =>
        h('button', { key: action, type: 'button', title, disabled: !state.cluster.faults, 'aria-label': `${name} ${zone}`, onClick: () => actions.harm(zone, action) }, name),
      ),
      h('button', { key: 'heal', type: 'button', class: 'heal', title: 'starts, resumes and lifts all that was done', 'aria-label': `Heal ${zone}`, onClick: () => actions.harm(zone, 'heal') }, 'Heal'),
    ]),
  ]);
}
