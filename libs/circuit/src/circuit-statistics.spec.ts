import { SimClock } from '@app/time';
import { describe, expect, it } from 'vitest';
import { watchStatistics } from './circuit-statistics.js';
import { ownCircuit } from './own-circuit.js';
import { SMALL_POLICY, answerOne, begin, open } from './testing/circuit-scene.js';

function watched() {
  const clock = new SimClock();
  const circuit = ownCircuit('films', SMALL_POLICY, clock);
  const heard: string[] = [];
  const watching = watchStatistics(circuit, clock, 600).subscribe({
    next: ({ state, window, totals }) => heard.push(`${state} ${window.failures}/${window.calls} ${totals.success}`),
    complete: () => heard.push('complete'),
  });
  return { clock, circuit, heard, watching };
}

describe('watched statistics', () => {
  it('are told at once, at each interval, and at each change of state', () => {
    const { clock, circuit, heard } = watched();
    expect(heard).toEqual(['closed 0/0 0']);
    answerOne(circuit);
    clock.advance(599);
    expect(heard).toHaveLength(1);
    clock.advance(1);
    expect(heard.splice(0)).toEqual(['closed 0/0 0', 'closed 0/1 1']);
    open(circuit);
    expect(heard.splice(0)).toEqual(['open 3/4 1']);
    clock.advance(600);
    expect(heard.splice(0)).toEqual(['half-open 3/3 1']);
  });

  it('complete when the circuit stops, and hold no timer then or after the watcher left', () => {
    const { clock, circuit, heard } = watched();
    circuit.stop();
    expect(heard).toEqual(['closed 0/0 0', 'complete']);
    expect(clock.pending).toBe(0);
    const other = watched();
    begin(other.circuit).diary.leave();
    other.watching.unsubscribe();
    other.clock.advance(5_000);
    expect(other.heard).toHaveLength(1);
    expect(other.clock.pending).toBe(0);
  });

  it('of a circuit that has stopped are told nothing of: they complete at once', () => {
    const clock = new SimClock();
    const circuit = ownCircuit('films', SMALL_POLICY, clock);
    circuit.stop();
    const heard: string[] = [];
    watchStatistics(circuit, clock, 1_000).subscribe({ next: () => heard.push('told'), complete: () => heard.push('complete') });
    expect(heard).toEqual(['complete']);
    expect(clock.pending).toBe(0);
  });
});
