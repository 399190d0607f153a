/** Evidence made up by hand: a quiet run of 20 s at 400 operations a second, in which a test breaks what it wants broken. */
import type { Operation } from '@app/history';
import type { FaultSpan } from '../faults/fault-injector.js';
import type { Evidence } from '../judge/evidence.js';
import { DEFAULT_PATIENCE } from '../load/device.js';
import { DEFAULT_MIX } from '../load/load-plan.js';
import type { ClaimedAnswer, Sample } from '../load/sample.js';
import type { Fault } from '../script/drill-script.js';

export const START_MS = 5_000;
const ZONES = ['zone-a', 'zone-b', 'zone-c'];
const NODES = ['a1', 'b1', 'c1'];
const KINDS = ['list', 'add', 'remove', 'move', 'list'] as const;

/** Every 2.5 ms one: half from devices that fail over, half from clients of each zone in turn. */
export function quietSamples(latencyOf: (sample: Sample) => number = () => 4, durationMs = 20_000): Sample[] {
  return Array.from({ length: durationMs / 2.5 }, (_, index): Sample => {
    const dueMs = START_MS + index * 2.5;
    const sample: Sample = { kind: KINDS[index % KINDS.length]!, device: index % 2 === 0 ? 'roaming' : 'zone', zone: (index >> 1) % 3, dueMs, endMs: dueMs, ok: true, attempts: 1, status: 200, code: null, degraded: false, level: 'QUORUM' };
    return { ...sample, endMs: dueMs + latencyOf(sample) };
  });
}

export const claim = (gateway: number, more: Partial<ClaimedAnswer> = {}): ClaimedAnswer => ({
  kind: 'list', asked: 'QUORUM', fallback: null, sentMs: START_MS, endMs: START_MS + 2, gateway, servedBy: `zone=${ZONES[gateway]}; gateway=g; node=${NODES[gateway]}`,
  achieved: 'quorum; replicas=2/3; zones=zone-a,zone-c; versions=1; repaired=no; hedged=no; fallback=no; token-ahead=no; sloppy=no',
  ...more,
});

const AFTERWARDS: Operation = { id: 'r.0', session: 'afterwards-0', user: 'ann', level: 'QUORUM', kind: 'read', films: [], startMs: 40_000, endMs: 40_001, outcome: 'acknowledged' };

/** @param fromMs @param toMs from the start of the run */
export function span(fault: Fault, fromMs: number, toMs: number, harmedZones: readonly string[] = ['zone-b']): FaultSpan {
  const [startMs, healMs] = [START_MS + fromMs, START_MS + toMs];
  return { fault, what: `${fault.kind}`, harmedZones, startMs, inForceMs: startMs, healMs, endMs: healMs };
}

export const kill: Fault = { kind: 'kill', target: 'zone-b' };

export interface MadeUp {
  readonly samples?: readonly Sample[];
  readonly spans?: readonly FaultSpan[];
  readonly history?: readonly Operation[];
  readonly more?: Partial<Evidence>;
  readonly run?: Partial<Evidence['run']>;
}

export function evidence({ samples = quietSamples(), spans = [span(kill, 10_000, 14_000)], history = [], more = {}, run = {} }: MadeUp = {}): Evidence {
  return {
    script: { name: 'zone-kill', about: '', warmUpS: 2, durationS: 20, steps: [{ atS: 10, forS: 4, fault: kill }] },
    plan: { seed: 1, gateways: ZONES, userPrefix: 'u-', users: 1, skew: 0, listSize: 1, mix: { ...DEFAULT_MIX, home: 0 }, roamingShare: 0.5, readBackShare: 0, patience: DEFAULT_PATIENCE, watchersPerZone: 0, process: 'uniform', ratePerS: 400, durationMs: 20_000 },
    zones: ZONES,
    nodes: NODES,
    run: { startMs: START_MS, endMs: START_MS + 20_100, sent: samples.length, samples, claims: [claim(0), claim(1), claim(2)], standstills: [], watchers: null, ...run },
    history: [...history, AFTERWARDS],
    spans,
    absences: [],
    lists: [{ user: 'ann', films: [['x'], ['x'], ['x']] }],
    convergedAfterMs: 10,
    notUndone: [],
    volumes: null,
    peakPerS: null,
    ...more,
  };
}
