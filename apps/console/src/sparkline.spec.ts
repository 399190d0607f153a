import type { ZoneSample } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { niceTop, sparkline } from './sparkline.js';

const sample = (secondsAgo: number, requestsPerSecond: number, errorsPerSecond = 0): ZoneSample => ({ atMs: 100_000 - secondsAgo * 1_000, requestsPerSecond, errorsPerSecond, p50Ms: 1, p99Ms: 2, inFlight: 0 });
/** Two units for a second. */
const plot = (...samples: ZoneSample[]) => sparkline(samples, 100_000, 120, 50);

describe('the plot of the last minute', () => {
  it('has now at the right edge, and its scale from zero to a round number above the highest', () => {
    const { line, area, errors, top } = plot(sample(2, 0), sample(1, 40), sample(0, 20));
    expect(top).toBe(50);
    expect(line).toBe('M 116 50 L 118 10 L 120 30');
    expect(area).toBe('M 116 50 L 118 10 L 120 30 L 120 50 L 116 50 Z');
    expect(errors).toEqual([]);
  });

  it('is broken where nothing was told, moves on while nothing is, and forgets what is older than a minute', () => {
    expect(plot(sample(70, 900), sample(50, 5), sample(49, 5), sample(3, 0), sample(2, 0))).toMatchObject({ line: 'M 20 0 L 22 0 M 114 50 L 116 50', top: 5 });
  });

  it('has a bar for each second with errors that can be seen, however few they are and however many', () => {
    expect(plot(sample(2, 1_000), sample(1, 1_000, 1), sample(0, 0, 5_000)).errors).toEqual([{ x: 118, height: 2 }, { x: 120, height: 50 }]);
  });

  it('draws no line through less than two seconds', () => {
    expect(plot()).toEqual({ line: '', area: '', errors: [], top: 1 });
    expect(plot(sample(0, 3)).line).toBe('');
  });

  it.each([[0, 1], [1, 1], [1.2, 2], [3, 5], [7, 10], [10, 10], [11, 20], [4_999, 5_000]])('%d fits under %d', (highest, top) => {
    expect(niceTop(highest)).toBe(top);
  });
});
