import { expect, it } from 'vitest';
import { differenceOf, percentile } from './latency-percentile.js';

const counts = (...all: number[]) => ({ lowestMs: 1, perDoubling: 1, counts: all });

it('is the end of the bucket that holds it, over all histograms together', () => {
  expect(percentile([counts(50, 49, 1)], 0.5)).toBe(1);
  expect(percentile([counts(50, 49, 1)], 0.99)).toBe(2);
  expect(percentile([counts(50, 49, 1)], 1)).toBe(4);
  expect(percentile([counts(98), counts(0, 0, 0, 2)], 0.99)).toBe(8);
  expect(percentile([counts(0, 0, 1)], 0.01)).toBe(4);
});

it('is none of nothing', () => {
  expect(percentile([], 0.5)).toBeNull();
  expect(percentile([counts(), counts(0, 0)], 0.5)).toBeNull();
});

it('is of what was counted since the look before', () => {
  expect(differenceOf(counts(5, 1), counts(5, 3, 1)).counts).toEqual([0, 2, 1]);
  expect(differenceOf(undefined, counts(2)).counts).toEqual([2]);
});
