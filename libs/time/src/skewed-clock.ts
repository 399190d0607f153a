import type { Cancel, Clock } from './clock.js';

/**
 * Another clock whose wall time is wrong by what one says, and its durations right: a machine whose clock was set by hand or
 * by a broken time server. For drills; while the skew is 0 it says what the other says.
 */
export class SkewedClock implements Clock {
  /** Added to wall time, ms; an integer. */
  wallSkewMs = 0;

  constructor(private readonly clock: Clock) {}

  wallMs(): number {
    return this.clock.wallMs() + this.wallSkewMs;
  }

  monotonicMs(): number {
    return this.clock.monotonicMs();
  }

  after(delayMs: number, task: () => void): Cancel {
    return this.clock.after(delayMs, task);
  }
}
