/**
 * When requests are due, decided before any of them is answered: an open loop. A closed loop, in which the next request
 * waits for the last answer, asks least when the system is worst, and so leaves out exactly those who would have waited
 * (Gil Tene's coordinated omission). Latency is counted from the moment a request was due, whenever it went out.
 */
import type { Random } from '@app/time';

export type ArrivalProcess = 'poisson' | 'uniform';

/** From `fromMs` of the run on, `factor` times the rate. */
export interface RateStep {
  readonly fromMs: number;
  readonly factor: number;
}

export interface ArrivalPlan {
  readonly process: ArrivalProcess;
  /** Requests a second, > 0. */
  readonly ratePerS: number;
  readonly durationMs: number;
  /** In order of time; before the first one the factor is 1. */
  readonly steps?: readonly RateStep[];
}

/** Moments at which requests are due, ms from the start of the run, in order. */
export function* arrivals({ process, ratePerS, durationMs, steps = [] }: ArrivalPlan, random: Random): Generator<number> {
  let atMs = 0;
  for (;;) {
    const factor = steps.findLast(({ fromMs }) => fromMs <= atMs)?.factor ?? 1;
    const meanMs = 1_000 / (ratePerS * factor);
    atMs += process === 'uniform' ? meanMs : -Math.log(1 - random.fraction()) * meanMs;
    if (atMs >= durationMs) return;
    yield atMs;
  }
}
