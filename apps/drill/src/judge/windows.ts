/**
 * Time cut into windows of 100 ms, each with what was due in it. A window counts from 20 arrivals on; where fewer are due in
 * 100 ms, neighbours are joined until there are as many, and the window is that much longer. Dark is a window of whose arrivals
 * none succeeded. A window that the generator's own standstill touches is not measured: it is neither dark nor slow nor good.
 *
 * Arrivals are counted where they were due, not where they were answered: who waits two seconds tells of the moment at
 * which nobody answered.
 */
import type { Standstill } from '../load/lateness.js';
import { percentile } from '../load/live-figures.js';
import type { Sample } from '../load/sample.js';

export const WINDOW_MS = 100;
export const LEAST_DUE = 20;

export interface Window {
  readonly startMs: number;
  readonly endMs: number;
  readonly due: number;
  readonly succeeded: number;
  /** Of all that were due, failed ones with the time until they were given up; by nearest rank. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly isMeasured: boolean;
}

export interface WindowPolicy {
  /** Windows begin here: the start of the run. */
  readonly originMs: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly standstills: readonly Standstill[];
  /** 1: windows of 100 ms whatever is due, for plots. */
  readonly leastDue?: number;
}

export function windowsOf(samples: readonly Sample[], { originMs, fromMs, toMs, standstills, leastDue = LEAST_DUE }: WindowPolicy): Window[] {
  const first = Math.ceil((fromMs - originMs) / WINDOW_MS - 1e-9);
  const last = Math.floor((toMs - originMs) / WINDOW_MS + 1e-9);
  const cells: Sample[][] = Array.from({ length: Math.max(0, last - first) }, () => []);
  for (const sample of samples) cells[Math.floor((sample.dueMs - originMs) / WINDOW_MS) - first]?.push(sample);
  const windows: Window[] = [];
  let gathered: Sample[] = [];
  let startMs = originMs + first * WINDOW_MS;
  for (const [index, cell] of cells.entries()) {
    gathered.push(...cell);
    if (gathered.length < leastDue) continue;
    const endMs = originMs + (first + index + 1) * WINDOW_MS;
    windows.push(windowOf(gathered, startMs, endMs, standstills));
    gathered = [];
    startMs = endMs;
  }
  return windows;
}

function windowOf(samples: readonly Sample[], startMs: number, endMs: number, standstills: readonly Standstill[]): Window {
  const latencies = samples.map(({ dueMs, endMs: answeredMs }) => answeredMs - dueMs).sort((a, b) => a - b);
  return {
    startMs,
    endMs,
    due: samples.length,
    succeeded: samples.filter(({ ok }) => ok).length,
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    isMeasured: !standstills.some(({ fromMs, toMs }) => fromMs < endMs && toMs > startMs),
  };
}

const isDark = ({ isMeasured, due, succeeded }: Window): boolean => isMeasured && due > 0 && succeeded === 0;

/** The longest stretch of dark windows one after the other, ms; 0 where none is dark, null where none was measured. */
export function longestDarkMs(windows: readonly Window[]): number | null {
  if (!windows.some(({ isMeasured }) => isMeasured)) return null;
  let longestMs = 0;
  let beganMs: number | null = null;
  for (const window of windows) {
    if (!isDark(window)) beganMs = null;
    else longestMs = Math.max(longestMs, window.endMs - (beganMs ??= window.startMs));
  }
  return longestMs;
}

/** The worst p99 of a measured window, ms; null of none. */
export function worstWindowMs(windows: readonly Window[]): number | null {
  const measured = windows.filter(({ isMeasured }) => isMeasured);
  return measured.length === 0 ? null : Math.max(...measured.map(({ p99Ms }) => p99Ms));
}

/** Windows in a row that have to be good before a population counts as back. */
export const STEADY_WINDOWS = 10;

/**
 * How long after `sinceMs` it took until ten windows in a row were within the limit, ms to the beginning of the first of them;
 * null where that never came. One bad window long after that is no part of it: it shows in the worst window.
 */
export function backWithinMs(windows: readonly Window[], sinceMs: number, limitMs: number): number | null {
  const after = windows.filter(({ endMs, isMeasured }) => endMs > sinceMs && isMeasured);
  for (let index = 0; index + STEADY_WINDOWS <= after.length; index++) {
    const row = after.slice(index, index + STEADY_WINDOWS);
    if (row.every(({ p99Ms, due, succeeded }) => p99Ms <= limitMs && succeeded === due)) return Math.max(0, row[0]!.startMs - sinceMs);
  }
  return null;
}

/** Of the windows of 100 ms in a stretch of time, the share that standstills touch. */
export function unmeasuredShare(standstills: readonly Standstill[], fromMs: number, toMs: number): number {
  const count = Math.floor((toMs - fromMs) / WINDOW_MS);
  let touched = 0;
  for (let index = 0; index < count; index++) {
    const startMs = fromMs + index * WINDOW_MS;
    if (standstills.some((still) => still.fromMs < startMs + WINDOW_MS && still.toMs > startMs)) touched++;
  }
  return count === 0 ? 0 : touched / count;
}
