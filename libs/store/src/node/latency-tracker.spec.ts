import { nodeId } from '@app/contracts';
import { SimClock } from '@app/time';
import { describe, expect, it } from 'vitest';
import { LatencyTracker } from './latency-tracker.js';

const B1 = nodeId('b1');

class Scene {
  readonly clock = new SimClock();
  readonly tracker = new LatencyTracker(this.clock);

  /** Questions one after the other, each answered after so long. */
  answers(latencyMs: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const question = this.tracker.asked(B1);
      this.clock.advance(latencyMs);
      question.answered();
    }
  }

  /** A question that was called off after so long, or timed out. */
  inVain(waitedMs: number): void {
    const question = this.tracker.asked(B1);
    this.clock.advance(waitedMs);
    question.unanswered();
  }
}

describe('[D1] the latency of a replica', () => {
  it('is not known before the first answer, then the average of the last moments', () => {
    const scene = new Scene();
    expect(scene.tracker.latencyMs(B1)).toBeNull();
    scene.answers(2, 1);
    expect(scene.tracker.latencyMs(B1)).toBe(2);
    scene.answers(8, 300);
    expect(scene.tracker.latencyMs(B1)).toBeGreaterThan(7);
  });

  it('is the age of its oldest open question where that is more: who hangs looks slow at once', () => {
    const scene = new Scene();
    scene.answers(2, 100);
    const [first, second] = [scene.tracker.asked(B1), scene.tracker.asked(B1)];
    scene.clock.advance(40);
    expect(scene.tracker.latencyMs(B1)).toBe(40);
    first.answered();
    scene.clock.advance(2);
    expect(scene.tracker.latencyMs(B1)).toBe(42);
    second.answered();
    expect(scene.tracker.latencyMs(B1)).toBeLessThan(10);
  });

  it('is without end after three late questions in a row, until one is answered', () => {
    const scene = new Scene();
    scene.answers(2, 100);
    scene.inVain(50);
    scene.inVain(50);
    expect(scene.tracker.latencyMs(B1)).toBeLessThan(60);
    expect(scene.tracker.isLate(B1)).toBe(false);
    scene.inVain(50);
    expect(scene.tracker.latencyMs(B1)).toBe(Infinity);
    expect(scene.tracker.isLate(B1)).toBe(true);
    scene.answers(2, 1);
    expect(scene.tracker.latencyMs(B1)).toBeLessThan(60);
    scene.inVain(50);
    expect(scene.tracker.isLate(B1)).toBe(false);
  });

  it('is not changed by askers who leave early, nor by questions that found no way', () => {
    const scene = new Scene();
    scene.answers(2, 100);
    for (let i = 0; i < 10; i++) {
      scene.inVain(1);
      scene.tracker.asked(B1).dropped();
    }
    expect(scene.tracker.latencyMs(B1)).toBeCloseTo(2);
  });

  it('[D8] does not count the time that the asker itself stood still', () => {
    const scene = new Scene();
    scene.answers(2, 100);
    const question = scene.tracker.asked(B1);
    scene.clock.advance(5_000);
    scene.tracker.stalled();
    expect(scene.tracker.latencyMs(B1)).toBeLessThan(3);
    scene.clock.advance(1);
    question.answered();
    expect(scene.tracker.latencyMs(B1)).toBeCloseTo(2);
  });
});

describe('[D4] a replica is late', () => {
  it('after 30 ms while little is known of it, then when nearly all of its own answers would have come', () => {
    const scene = new Scene();
    expect(scene.tracker.hedgeDelayMs(B1)).toBe(30);
    scene.answers(12, 30);
    expect(scene.tracker.hedgeDelayMs(B1)).toBe(30);
    for (let i = 0; i < 100; i++) {
      scene.answers(4, 9);
      scene.answers(20, 1);
    }
    expect(scene.tracker.hedgeDelayMs(B1)).toBeGreaterThanOrEqual(20);
    expect(scene.tracker.hedgeDelayMs(B1)).toBeLessThan(23);
  });

  it('never before 5 ms, nor later than 100 ms', () => {
    const scene = new Scene();
    scene.answers(0.4, 400);
    expect(scene.tracker.hedgeDelayMs(B1)).toBe(5);
    scene.clock.advance(20_000);
    expect(scene.tracker.hedgeDelayMs(B1)).toBe(30);
    scene.answers(190, 50);
    expect(scene.tracker.hedgeDelayMs(B1)).toBe(100);
  });

  it('at twice its usual time at the soonest, so that calling off what is late does not make ever more of it late', () => {
    const scene = new Scene();
    scene.answers(10, 200);
    expect(scene.tracker.hedgeDelayMs(B1)).toBeGreaterThanOrEqual(20);
    expect(scene.tracker.hedgeDelayMs(B1)).toBeLessThan(23);
  });

  it('no later for questions that were called off: a hedge does not put off the next one', () => {
    const scene = new Scene();
    scene.answers(6, 100);
    const beforeMs = scene.tracker.hedgeDelayMs(B1);
    for (let i = 0; i < 20; i++) {
      scene.inVain(beforeMs + 1);
      scene.answers(6, 5);
    }
    expect(scene.tracker.hedgeDelayMs(B1)).toBe(beforeMs);
  });
});
