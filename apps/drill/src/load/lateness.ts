/**
 * The generator's doubt about itself. A timer that comes late says that the event loop, or the whole process, stood still: what
 * was measured meanwhile tells of the generator and not of the system. Windows it touches are "not measured".
 */
import type { Cancel, Clock } from '@app/time';

const TICK_MS = 5;
/** Lateness from which on a window is not measured, ms. */
export const LATE_MS = 20;

export interface Standstill {
  readonly fromMs: number;
  readonly toMs: number;
}

export class LatenessMeter {
  readonly standstills: Standstill[] = [];
  #cancel: Cancel = () => {};

  constructor(private readonly clock: Clock) {}

  start(): void {
    const expectedMs = this.clock.monotonicMs() + TICK_MS;
    this.#cancel = this.clock.after(TICK_MS, () => {
      const nowMs = this.clock.monotonicMs();
      if (nowMs - expectedMs > LATE_MS) this.standstills.push({ fromMs: expectedMs, toMs: nowMs });
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }
}
