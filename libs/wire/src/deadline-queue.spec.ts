import { SeededRandom, SimClock } from '@app/time';
import { describe, expect, it } from 'vitest';
import { DEADLINE_TICK_MS, DeadlineQueue } from './deadline-queue.js';

describe('the deadline queue', () => {
  it('strikes each deadline once, not before its time and at most a tick after, unless it was removed', () => {
    const clock = new SimClock();
    const random = new SeededRandom(1);
    const queue = new DeadlineQueue(clock);
    const struck = new Map<number, number>();
    const entries = Array.from({ length: 500 }, (_, i) => ({ deadlineMs: random.fraction() * 100, expire: () => void struck.set(i, (struck.get(i) ?? 0) + clock.monotonicMs()) }));
    for (const entry of entries) queue.add(entry, 0);
    const removed = new Set([...entries.keys()].filter((i) => i % 3 === 0));
    for (const i of removed) queue.remove(entries[i]!);
    clock.advance(200);
    for (const [i, { deadlineMs }] of entries.entries()) {
      if (removed.has(i)) expect(struck.has(i)).toBe(false);
      else expect(struck.get(i)! - deadlineMs).toSatisfy((late: number) => late >= 0 && late <= DEADLINE_TICK_MS + 1);
    }
    expect(clock.pending).toBe(0);
  });

  it('keeps one timer, and none when nothing waits', () => {
    const clock = new SimClock();
    const queue = new DeadlineQueue(clock);
    const entries = Array.from({ length: 100 }, (_, i) => ({ deadlineMs: 50 + 3 * i, expire: () => expect.unreachable() }));
    for (const entry of entries) queue.add(entry, 0);
    expect(clock.pending).toBe(1);
    for (const entry of entries) queue.remove(entry);
    expect(clock.pending).toBe(0);
    queue.remove(entries[0]!);
  });

  it('strikes on time one that is due before all others, whenever it comes, and goes on when the earliest was removed', () => {
    const clock = new SimClock();
    const queue = new DeadlineQueue(clock);
    const struck: [number, number][] = [];
    const at = (deadlineMs: number) => ({ deadlineMs, expire: () => void struck.push([deadlineMs, clock.monotonicMs()]) });
    const removed = at(20);
    for (const entry of [at(100), removed, at(60)]) queue.add(entry, 0);
    queue.remove(removed);
    clock.advance(30);
    queue.add(at(40), 30);
    clock.advance(200);
    expect(struck).toEqual([[40, 40], [60, 60], [100, 100]]);
    expect(clock.pending).toBe(0);
  });

  it('does not strike one that another of the same tick removed', () => {
    const clock = new SimClock();
    const queue = new DeadlineQueue(clock);
    const second = { deadlineMs: 10, expire: () => expect.unreachable() };
    queue.add({ deadlineMs: 10, expire: () => queue.remove(second) }, 0);
    queue.add(second, 0);
    clock.advance(20);
    expect(clock.pending).toBe(0);
  });

  it('takes a deadline that has passed as due now, and one beyond the reach of timers as none', () => {
    const clock = new SimClock();
    clock.advance(1000);
    const queue = new DeadlineQueue(clock);
    let struck = 0;
    queue.add({ deadlineMs: 500, expire: () => struck++ }, 1000);
    for (const deadlineMs of [Infinity, NaN, 1e15]) queue.add({ deadlineMs, expire: () => expect.unreachable() }, 1000);
    expect(clock.pending).toBe(1);
    clock.advance(1);
    expect(struck).toBe(1);
    queue.remove({ deadlineMs: Infinity, expire: () => {} });
  });
});
