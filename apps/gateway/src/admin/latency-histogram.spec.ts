import { SeededRandom } from '@app/time';
import { expect, it } from 'vitest';
import { LatencyHistogram } from './latency-histogram.js';

it('puts what took so long in the bucket that ends at or just above it, within a tenth', () => {
  const random = new SeededRandom(3);
  for (let i = 0; i < 1_000; i++) {
    const ms = 0.1 * 10 ** (6 * random.fraction());
    const histogram = new LatencyHistogram();
    histogram.record(ms);
    const { lowestMs, perDoubling, counts } = histogram.counts();
    const end = lowestMs * 2 ** ((counts.length - 1) / perDoubling);
    expect(end / ms).toBeGreaterThan(1 - 1e-9);
    expect(end / ms).toBeLessThan(1.1);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1);
  }
});

it('is bounded: nothing, the shortest and the longest have a bucket too', () => {
  const histogram = new LatencyHistogram();
  expect(histogram.counts().counts).toEqual([]);
  histogram.record(0);
  expect(histogram.counts().counts).toEqual([1]);
  histogram.record(1e12);
  histogram.record(Infinity);
  const { counts } = histogram.counts();
  expect([counts.length, counts[0], counts.at(-1)]).toEqual([193, 1, 2]);
});
