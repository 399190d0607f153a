/** All that the page shows, as one value; every change makes the next one. */
import type { ConsoleState, ZoneSample } from '@app/contracts';
import { SAMPLES_KEPT } from './sparkline.js';

export interface ConsoleModel {
  /** `refused`: the page has no token, or one that is not good here. */
  readonly connection: 'connecting' | 'live' | 'lost' | 'refused';
  /** The last that was heard; null before the first. */
  readonly state: ConsoleState | null;
  /** Whose list is watched. */
  readonly user: string;
  /** Of the last minute, by zone, oldest first. */
  readonly samples: Readonly<Record<string, readonly ZoneSample[]>>;
  /** What became of the last thing that the person did; for the eye and for a screen reader. */
  readonly said: string;
}

export const initialModel = (user: string): ConsoleModel => ({ connection: 'connecting', state: null, user, samples: {}, said: '' });

/** What the stream tells: a whole state, or the parts of it that changed. */
export function told(model: ConsoleModel, event: string, data: string): ConsoleModel {
  if (event !== 'state' && event !== 'changed') return model;
  const parts = JSON.parse(data) as Partial<ConsoleState>;
  if (event === 'changed' && model.state === null) return model;
  const state = event === 'state' ? (parts as ConsoleState) : { ...model.state!, ...parts };
  return { ...model, connection: 'live', state, samples: parts.zones === undefined ? model.samples : samplesWith(model.samples, state.zones) };
}

function samplesWith(samples: ConsoleModel['samples'], zones: ConsoleState['zones']): ConsoleModel['samples'] {
  const entries = zones.map(({ zone, sample }) => {
    const known = samples[zone] ?? [];
    // The same one may be told twice, when something else of its zone changed.
    if (sample === null || known.at(-1)?.atMs === sample.atMs) return [zone, known] as const;
    return [zone, [...known.slice(1 - SAMPLES_KEPT), sample]] as const;
  });
  return Object.fromEntries(entries);
}
