/** A small plot of the last minute: a line for the rate, broken where nothing was told, and a bar for each second that had errors. */
import type { ZoneSample } from '@app/contracts';

export interface Sparkline {
  /** Of an SVG path; empty where there is nothing to draw. */
  readonly line: string;
  /** The line's stretches, each closed along the bottom. */
  readonly area: string;
  readonly errors: readonly { readonly x: number; readonly height: number }[];
  /** What the top of the plot stands for, requests a second. */
  readonly top: number;
}

export const SAMPLES_KEPT = 60;
const SHOWN_MS = 60_000;
/** Samples come once a second: after so long without one the line is broken. */
const GAP_MS = 2_500;

/** @param nowMs what the right edge stands for */
export function sparkline(samples: readonly ZoneSample[], nowMs: number, width: number, height: number): Sparkline {
  const shown = samples.filter(({ atMs }) => nowMs - atMs < SHOWN_MS);
  const top = niceTop(Math.max(0, ...shown.map(({ requestsPerSecond }) => requestsPerSecond)));
  const xOf = ({ atMs }: ZoneSample): number => round(width - ((nowMs - atMs) / SHOWN_MS) * width);
  const stretches: ZoneSample[][] = [];
  for (const sample of shown) {
    const last = stretches.at(-1);
    if (last === undefined || sample.atMs - last.at(-1)!.atMs > GAP_MS) stretches.push([sample]);
    else last.push(sample);
  }
  const lines = stretches.filter(({ length }) => length > 1).map((stretch) => ({
    path: `M ${stretch.map((sample) => `${xOf(sample)} ${round(height - (sample.requestsPerSecond / top) * height)}`).join(' L ')}`,
    close: ` L ${xOf(stretch.at(-1)!)} ${height} L ${xOf(stretch[0]!)} ${height} Z`,
  }));
  return {
    line: lines.map(({ path }) => path).join(' '),
    area: lines.map(({ path, close }) => path + close).join(' '),
    errors: shown.flatMap((sample) =>
      sample.errorsPerSecond > 0 ? [{ x: xOf(sample), height: round(Math.max(2, Math.min(1, sample.errorsPerSecond / top) * height)) }] : [],
    ),
    top,
  };
}

/** 1, 2 or 5 times a power of ten, at least 1: a scale that does not move with every second. */
export function niceTop(highest: number): number {
  if (highest <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(highest));
  return [1, 2, 5, 10].map((factor) => factor * power).find((top) => top >= highest)!;
}

const round = (length: number): number => Math.round(length * 10) / 10;
