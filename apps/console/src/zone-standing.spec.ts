import type { ConsoleNode, ConsoleProcess, NodeTold } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { cutLinks, zoneStanding } from './zone-standing.js';

type State = ConsoleProcess['state'];
const zoneOf = (...states: State[]): ConsoleProcess[] => states.map((state, i) => ({ name: `a${i}`, role: 'store', zone: 'zone-a', state }));
const withHarm = (harm: 'slow' | 'cut' | null) => [{ zone: 'zone-a', sample: null, harm }];

describe('how a zone stands', () => {
  it.each<[State[], 'slow' | 'cut' | null, string]>([
    [['running', 'running'], null, 'up'],
    [['running', 'running'], 'slow', 'slow'],
    [['running', 'running'], 'cut', 'cut off'],
    [['exited', 'exited'], 'cut', 'dead'],
    [['paused', 'paused'], 'slow', 'paused'],
    [['running', 'exited'], null, 'partly up'],
    [['running', 'starting'], null, 'starting'],
    [['exited', 'starting'], null, 'starting'],
    [['stopping', 'running'], null, 'partly up'],
  ])('%j with harm %s: %s', (states, harm, standing) => {
    expect(zoneStanding({ processes: zoneOf(...states), zones: withHarm(harm) }, 'zone-a')).toBe(standing);
  });

  it('is told by its own processes', () => {
    const processes: ConsoleProcess[] = [...zoneOf('running'), { name: 'b1', role: 'store', zone: 'zone-b', state: 'exited' }];
    expect(zoneStanding({ processes, zones: [] }, 'zone-a')).toBe('up');
    expect(zoneStanding({ processes, zones: [] }, 'zone-b')).toBe('dead');
  });
});

describe('a cut', () => {
  const node = (name: string, down: string[]): ConsoleNode => ({ node: name, zone: 'z', share: null, told: { down } as unknown as NodeTold });
  const process = (name: string, state: State): ConsoleProcess => ({ name, role: 'store', zone: 'z', state });

  it('is between two nodes that run of which one cannot reach the other, once each; a dead node is not cut off', () => {
    const nodes = [node('a1', ['b1', 'c1']), node('b1', ['a1']), node('c1', [])];
    const processes = [process('a1', 'running'), process('b1', 'running'), process('c1', 'exited')];
    expect(cutLinks({ nodes, processes })).toEqual([['a1', 'b1']]);
    expect(cutLinks({ nodes: [{ node: 'a1', zone: 'z', share: null, told: null }], processes })).toEqual([]);
  });
});
