/**
 * Time as a port. Whatever waits or asks what time it is takes a `Clock`, so that a simulation can own time: one
 * `SimClock` under a whole cluster, and the same seed gives the same run. Real time lives in system-clock.ts alone.
 *
 * Wall time and monotonic time are two facts and never stand for each other: the wall clock may jump and may lie, so it
 * dates things for people and feeds the hybrid logical clock; differences of monotonic time are the only durations.
 */
export interface Clock {
  /** Wall time, milliseconds since 1970 UTC, an integer. May jump in either direction. */
  wallMs(): number;
  /** Milliseconds since some fixed moment of this process, never going back. Only differences mean anything. */
  monotonicMs(): number;
  /**
   * Runs `task` once, `delayMs` (>= 0) of monotonic time from now and never within this call; tasks due at one moment
   * run in the order in which they were asked for. The answer calls it off; calling it late or twice does nothing.
   */
  after(delayMs: number, task: () => void): Cancel;
}

export type Cancel = () => void;
