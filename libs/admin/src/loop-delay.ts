/**
 * How late a process is with what it has to do: whatever waits in its sockets and its timers waits as long. Asked at the beginning
 * and at the end of the time that is meant; the first question begins the watch, so who is never asked pays nothing.
 *
 *     POST /admin/loop-delay  ->  {"p50Ms": 0.1, "p99Ms": 2.3, "maxMs": 14.0}, since it was last asked
 *
 * perf_hooks counts from one look to the next, which are 10 ms apart at least: what is more than that is delay.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { AdminRoute } from './admin-server.js';

const PERIOD_MS = 10;

/** Beyond when its turn was due, ms, since the last question; zeros where nobody looked since. */
export interface LoopDelay {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function loopDelayRoute(): AdminRoute {
  let watch: ReturnType<typeof monitorEventLoopDelay> | null = null;
  return {
    method: 'POST',
    path: 'loop-delay',
    handle: (): LoopDelay => {
      if (watch === null) {
        watch = monitorEventLoopDelay({ resolution: PERIOD_MS });
        watch.enable();
        return { p50Ms: 0, p99Ms: 0, maxMs: 0 };
      }
      const delayMs = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - PERIOD_MS);
      const found = { p50Ms: delayMs(watch.percentile(50)), p99Ms: delayMs(watch.percentile(99)), maxMs: delayMs(watch.max) };
      watch.reset();
      return found;
    },
  };
}
