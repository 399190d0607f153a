import { type Cancel, type Clock, SimClock } from '@app/time';
import { expect, it } from 'vitest';
import { LoopLateness } from './loop-lateness.js';

/** A process whose timers run late by so much. */
class LateClock implements Clock {
  lateMs = 0;
  constructor(readonly sim: SimClock) {}
  wallMs = (): number => this.sim.wallMs();
  monotonicMs = (): number => this.sim.monotonicMs();
  after = (delayMs: number, task: () => void): Cancel => this.sim.after(delayMs + this.lateMs, task);
}

function scene() {
  const clock = new LateClock(new SimClock());
  const lateness = new LoopLateness(clock, 500);
  lateness.start();
  lateness.isLateBy(100);
  return { clock, lateness, pass: (durationMs: number) => clock.sim.advance(durationMs) };
}

it('a process that is late for half a second is late, and punctual again with its first punctual look', () => {
  const { clock, lateness, pass } = scene();
  pass(1_000);
  expect([lateness.isLateBy(100), lateness.latenessMs]).toEqual([false, 0]);
  clock.lateMs = 150;
  pass(400);
  expect([lateness.isLateBy(100), lateness.latenessMs >= 100]).toEqual([false, true]);
  pass(600);
  expect(lateness.isLateBy(100)).toBe(true);
  clock.lateMs = 0;
  pass(250);
  expect(lateness.isLateBy(100)).toBe(false);
});

it('a pause, however long, refuses nobody after it', () => {
  const { clock, lateness, pass } = scene();
  pass(100);
  clock.lateMs = 10_000;
  pass(20);
  clock.lateMs = 0;
  for (let i = 0; i < 10_300; i++) {
    pass(1);
    expect(lateness.isLateBy(100)).toBe(false);
  }
});

it('not started, or stopped, it is never late and keeps no timer', () => {
  const { clock, lateness } = scene();
  lateness.stop();
  expect([clock.sim.pending, lateness.latenessMs]).toEqual([0, 0]);
  expect(new LoopLateness(clock, 500).latenessMs).toBe(0);
});
