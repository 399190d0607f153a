import { describe, expect, it } from 'vitest';
import type { Sample } from '../load/sample.js';
import { backWithinMs, longestDarkMs, unmeasuredShare, windowsOf, worstWindowMs, type WindowPolicy } from './windows.js';

const sample = (dueMs: number, latencyMs = 5, ok = true): Sample => ({ kind: 'list', device: 'zone', zone: 0, dueMs, endMs: dueMs + latencyMs, ok, attempts: 1, status: ok ? 200 : null, code: null, degraded: false, level: 'QUORUM' });
/** One each 4 ms: 25 in a window. */
const steady = (of: (dueMs: number) => Sample = sample, toMs = 2_000): Sample[] => Array.from({ length: toMs / 4 }, (_, index) => of(index * 4));
const windows = (samples: readonly Sample[], more: Partial<WindowPolicy> = {}) => windowsOf(samples, { originMs: 0, fromMs: 0, toMs: 2_000, standstills: [], ...more });
const failedIn = (fromMs: number, toMs: number) => (dueMs: number): Sample => sample(dueMs, 5, dueMs < fromMs || dueMs >= toMs);

describe('windows', () => {
  it('are of 100 ms, with what was due in them', () => {
    const all = windows(steady());
    expect(all).toHaveLength(20);
    expect(all[3]).toMatchObject({ startMs: 300, endMs: 400, due: 25, succeeded: 25, p50Ms: 5, p99Ms: 5, isMeasured: true });
  });
  it('are joined where too little is due, until there are twenty arrivals', () => {
    const few = Array.from({ length: 100 }, (_, index) => sample(index * 20));
    expect(windows(few).map(({ startMs, endMs, due }) => [startMs, endMs, due]).slice(0, 2)).toEqual([[0, 400, 20], [400, 800, 20]]);
  });
  it('count an operation where it was due, however late it was answered', () => {
    const all = windows(steady((dueMs) => sample(dueMs, dueMs === 400 ? 1_500 : 5)));
    expect(all.filter(({ p99Ms }) => p99Ms > 5).map(({ startMs }) => startMs)).toEqual([400]);
  });
});

describe('dark', () => {
  it('is a window of whose arrivals none succeeded; the longest stretch of them counts', () => {
    expect(longestDarkMs(windows(steady()))).toBe(0);
    expect(longestDarkMs(windows(steady(failedIn(500, 600))))).toBe(100);
    expect(longestDarkMs(windows(steady(failedIn(500, 1_000))))).toBe(500);
    expect(longestDarkMs(windows(steady(failedIn(500, 596))))).toBe(0);
    expect(longestDarkMs(windows(steady((dueMs) => sample(dueMs, 5, dueMs % 400 >= 100))))).toBe(100);
  });
  it('is nothing that the generator slept through', () => {
    const asleep = { standstills: [{ fromMs: 450, toMs: 1_050 }] };
    expect(longestDarkMs(windows(steady(failedIn(500, 1_000)), asleep))).toBe(0);
    expect(worstWindowMs(windows(steady((dueMs) => sample(dueMs, dueMs === 700 ? 900 : 5)), asleep))).toBe(5);
  });
});

describe('back', () => {
  const slowIn = (fromMs: number, toMs: number) => (dueMs: number): Sample => sample(dueMs, dueMs >= fromMs && dueMs < toMs ? 50 : 5);
  it('is whoever has been well for ten windows in a row', () => {
    expect(backWithinMs(windows(steady(slowIn(300, 700))), 300, 6.5)).toBe(400);
    expect(backWithinMs(windows(steady(slowIn(0, 0))), 300, 6.5)).toBe(0);
    expect(backWithinMs(windows(steady(failedIn(300, 500))), 300, 6.5)).toBe(200);
  });
  it('not who is well in between', () => {
    const flickering = (dueMs: number): Sample => sample(dueMs, Math.floor(dueMs / 100) % 3 === 0 ? 50 : 5);
    expect(backWithinMs(windows(steady(flickering)), 300, 6.5)).toBeNull();
  });
});

it('the share of windows that a standstill touches', () => {
  expect(unmeasuredShare([], 0, 1_000)).toBe(0);
  expect(unmeasuredShare([{ fromMs: 150, toMs: 210 }], 0, 1_000)).toBe(0.2);
});
