import { SeededRandom } from '@app/time';
import { describe, expect, it } from 'vitest';
import { arrivals, type ArrivalPlan } from './arrivals.js';

const all = (plan: Partial<ArrivalPlan>, seed = 1): number[] => [...arrivals({ process: 'poisson', ratePerS: 100, durationMs: 60_000, ...plan }, new SeededRandom(seed))];

describe('arrivals', () => {
  it('of a Poisson process come at the rate, with a spread as large as their mean, in order', () => {
    const times = all({});
    const gaps = times.map((time, index) => time - (times[index - 1] ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    expect(times.length).toBeGreaterThan(5_700);
    expect(times.length).toBeLessThan(6_300);
    expect(deviation / mean).toBeCloseTo(1, 1);
    expect(gaps.every((gap) => gap >= 0)).toBe(true);
    expect(times.at(-1)).toBeLessThan(60_000);
  });
  it('of a uniform one are evenly spaced', () => expect(all({ process: 'uniform', ratePerS: 10, durationMs: 450 })).toEqual([100, 200, 300, 400]));
  it('are the same for the same seed, and others for another', () => {
    expect(all({})).toEqual(all({}));
    expect(all({}, 2)).not.toEqual(all({}));
  });
  it('come faster while a step says so', () => {
    const times = all({ process: 'uniform', steps: [{ fromMs: 1_000, factor: 5 }, { fromMs: 2_000, factor: 1 }], durationMs: 3_000 });
    const within = (from: number, to: number): number => times.filter((time) => time > from && time <= to).length;
    expect([within(0, 1_000), within(1_000, 2_000), within(2_000, 3_000)]).toEqual([100, 500, 99]);
  });
});
