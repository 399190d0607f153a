import { SeededRandom } from '@app/time';
import { describe, expect, it } from 'vitest';
import { LatencyEstimate } from './latency-estimate.js';

/** Answers every `everyMs`, each of `latencyMs`, from `fromMs` on. Answers when it ended. */
function feed(estimate: LatencyEstimate, latencyMs: number, { count, everyMs, fromMs }: { count: number; everyMs: number; fromMs: number }): number {
  for (let i = 1; i <= count; i++) estimate.answered(latencyMs, fromMs + i * everyMs);
  return fromMs + count * everyMs;
}

describe('the average', () => {
  it('follows a replica that gets slow within half a second of traffic, and one that recovers as soon', () => {
    const estimate = new LatencyEstimate();
    let nowMs = feed(estimate, 1, { count: 1_000, everyMs: 1, fromMs: 0 });
    expect(estimate.averageMs).toBeCloseTo(1);
    nowMs = feed(estimate, 10, { count: 500, everyMs: 1, fromMs: nowMs });
    expect(estimate.averageMs).toBeGreaterThan(6);
    feed(estimate, 1, { count: 500, everyMs: 1, fromMs: nowMs });
    expect(estimate.averageMs).toBeLessThan(4);
  });

  it('believes few answers that are far apart: a replica that stood still is known again after six, half a second apart', () => {
    const estimate = new LatencyEstimate();
    feed(estimate, 1_000, { count: 5, everyMs: 500, fromMs: 0 });
    feed(estimate, 1, { count: 6, everyMs: 500, fromMs: 2_500 });
    expect(estimate.averageMs).toBeLessThan(4);
  });

  it('is not carried away by one slow answer among many', () => {
    const estimate = new LatencyEstimate();
    const nowMs = feed(estimate, 1, { count: 1_000, everyMs: 1, fromMs: 0 });
    estimate.answered(100, nowMs + 1);
    expect(estimate.averageMs).toBeLessThan(1.3);
  });

  it('takes an answer that never came for one that took at least so long, and a short wait for nothing', () => {
    const estimate = new LatencyEstimate();
    const nowMs = feed(estimate, 5, { count: 100, everyMs: 10, fromMs: 0 });
    estimate.unanswered(2, nowMs + 100);
    expect(estimate.averageMs).toBeCloseTo(5);
    estimate.unanswered(60, nowMs + 200);
    expect(estimate.averageMs).toBeGreaterThan(12);
    expect(estimate.quantileMs(0.99, nowMs + 200)).toBeLessThan(6);
  });
});

describe('a quantile', () => {
  it('is that of the sorted latencies, to the width of a bucket', () => {
    const random = new SeededRandom(7);
    const estimate = new LatencyEstimate();
    const latencies = Array.from({ length: 2_000 }, () => 0.2 * Math.exp(6 * random.fraction()));
    latencies.forEach((latencyMs, i) => estimate.answered(latencyMs, i));
    const sorted = latencies.toSorted((a, b) => a - b);
    for (const fraction of [0.01, 0.5, 0.9, 0.95, 0.99, 1]) {
      const exact = sorted[Math.ceil(sorted.length * fraction) - 1]!;
      const found = estimate.quantileMs(fraction, 2_000)!;
      expect(found / exact).toBeGreaterThanOrEqual(0.999);
      expect(found / exact).toBeLessThan(1.126);
    }
  });

  it('is not known from too few answers, nor from old ones', () => {
    const estimate = new LatencyEstimate();
    feed(estimate, 1, { count: 39, everyMs: 1, fromMs: 0 });
    expect(estimate.quantileMs(0.99, 40)).toBeNull();
    estimate.answered(1, 41);
    expect(estimate.quantileMs(0.99, 42)).toBeCloseTo(1, 0);
    expect(estimate.quantileMs(0.99, 9_000)).not.toBeNull();
    expect(estimate.quantileMs(0.99, 30_000)).toBeNull();
  });

  it('takes what is beyond its buckets for the first and the last of them', () => {
    const estimate = new LatencyEstimate();
    for (let i = 0; i < 50; i++) estimate.answered(i < 25 ? 0 : 1e9, i);
    expect(estimate.quantileMs(0.5, 50)).toBe(0.05);
    expect(estimate.quantileMs(1, 50)).toBeGreaterThan(30_000);
  });
});
