/** How a zone stands, in one word and a mark: told by its processes first, since a dead one is neither slow nor cut. */
import type { ConsoleProcess, ConsoleState } from '@app/contracts';

export type ZoneStanding = 'up' | 'partly up' | 'starting' | 'paused' | 'dead' | 'slow' | 'cut off';

/** A shape beside the colour, for whoever does not tell colours apart. */
export const MARKS: Readonly<Record<ZoneStanding, string>> = {
  up: '●',
  'partly up': '◐',
  starting: '◌',
  paused: '‖',
  dead: '✕',
  slow: '◔',
  'cut off': '⌿',
};

export function zoneStanding({ processes, zones }: Pick<ConsoleState, 'processes' | 'zones'>, zone: string): ZoneStanding {
  const own = processes.filter((process) => process.zone === zone);
  const all = (state: ConsoleProcess['state']): boolean => own.length > 0 && own.every((process) => process.state === state);
  if (all('exited')) return 'dead';
  if (all('paused')) return 'paused';
  if (own.some(({ state }) => state === 'starting' || state === 'waiting')) return 'starting';
  if (!all('running')) return 'partly up';
  const harm = zones.find((one) => one.zone === zone)?.harm ?? null;
  return harm === 'cut' ? 'cut off' : (harm ?? 'up');
}

/** Pairs of running nodes of which one at least holds the other to be down: between them is a cut, not a death. */
export function cutLinks({ processes, nodes }: Pick<ConsoleState, 'processes' | 'nodes'>): [string, string][] {
  const isRunning = (name: string): boolean => processes.some((process) => process.name === name && process.state === 'running');
  const pairs = nodes.flatMap(({ node, told }) => (told?.down ?? []).map((other): [string, string] => (node < other ? [node, other] : [other, node])));
  const distinct = new Map(pairs.map((pair) => [pair.join(' '), pair]));
  return [...distinct.values()].filter((pair) => pair.every(isRunning));
}
