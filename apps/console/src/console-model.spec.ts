import type { ConsoleState, ZoneSample } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { initialModel, told } from './console-model.js';

const sample = (atMs: number): ZoneSample => ({ atMs, requestsPerSecond: atMs, errorsPerSecond: 0, p50Ms: null, p99Ms: null, inFlight: 0 });
const zones = (atMs: number | null): ConsoleState['zones'] => [{ zone: 'zone-a', sample: atMs === null ? null : sample(atMs), harm: null }];
const STATE: ConsoleState = {
  cluster: { clusterId: 'c', replicationFactor: 3, epoch: 1, phase: 'stable', faults: false },
  processes: [],
  zones: zones(1),
  nodes: [],
  circuits: [],
  list: null,
  events: [],
};
const begun = told(initialModel('ann'), 'state', JSON.stringify(STATE));

describe('the page', () => {
  it('begins with a whole state and replaces the parts that are told again', () => {
    expect(begun).toMatchObject({ connection: 'live', state: STATE, user: 'ann' });
    const changed = told(begun, 'changed', JSON.stringify({ events: [{ id: 1 }] }));
    expect(changed.state).toEqual({ ...STATE, events: [{ id: 1 }] });
  });

  it('takes no part for a whole, and nothing that it does not know', () => {
    const empty = initialModel('ann');
    expect(told(empty, 'changed', '{"events":[]}')).toBe(empty);
    expect(told(empty, 'other', '{}')).toBe(empty);
  });

  it('keeps a minute of samples of each zone, each one once', () => {
    let model = begun;
    model = told(model, 'changed', JSON.stringify({ zones: zones(1) }));
    model = told(model, 'changed', JSON.stringify({ zones: zones(null) }));
    expect(model.samples).toEqual({ 'zone-a': [sample(1)] });
    for (let at = 2; at <= 100; at++) model = told(model, 'changed', JSON.stringify({ zones: zones(at) }));
    expect(model.samples['zone-a']!.map(({ atMs }) => atMs)).toEqual(Array.from({ length: 60 }, (_, i) => i + 41));
    // A new stream begins with a state; what was seen before is still there.
    expect(told(model, 'state', JSON.stringify(STATE)).samples['zone-a']).toHaveLength(60);
  });
});
