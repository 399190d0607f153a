/**
 * How late this process is with what it has to do: a timer that should have run by now and has not, or ran late. What waits
 * in sockets is seen by nobody else; a request read from one has waited about as long as the timer has.
 *
 * Late is who stays late. A pause (a collection of garbage, a machine that stood still) is over when it is noticed, and
 * whatever came meanwhile is best served; so lateness counts once it has lasted, as CoDel has it of queues. Refused:
 * perf_hooks.monitorEventLoopDelay, whose histogram forgets when, and which cannot run in virtual time.
 */
import type { Cancel, Clock } from '@app/time';

/** How often it looks, ms: 50 times a second costs nothing that can be measured. */
const PERIOD_MS = 20;

export class LoopLateness {
  #dueMs = 0;
  #lastMs = 0;
  /** Since when each look was late by so much or more: for every bound that was asked for. */
  readonly #sinceMs = new Map<number, number>();
  #cancel: Cancel | null = null;

  /** @param lastingMs how long it must have been late to count, ms */
  constructor(
    private readonly clock: Clock,
    private readonly lastingMs: number,
  ) {}

  start(): void {
    this.#look();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  /** Now, ms: of the look that is due, or of the last one. */
  get latenessMs(): number {
    if (this.#cancel === null) return 0;
    return Math.max(0, this.#lastMs, this.clock.monotonicMs() - this.#dueMs);
  }

  /** Whether every look for so long found it later than that. */
  isLateBy(boundMs: number): boolean {
    const sinceMs = this.#sinceMs.get(boundMs);
    if (sinceMs === undefined) {
      this.#sinceMs.set(boundMs, Infinity);
      return false;
    }
    return this.clock.monotonicMs() - sinceMs >= this.lastingMs;
  }

  #look(): void {
    const nowMs = this.clock.monotonicMs();
    if (this.#cancel !== null) this.#lastMs = Math.max(0, nowMs - this.#dueMs);
    for (const [boundMs, sinceMs] of this.#sinceMs) {
      if (this.#lastMs <= boundMs) this.#sinceMs.set(boundMs, Infinity);
      else if (sinceMs === Infinity) this.#sinceMs.set(boundMs, nowMs);
    }
    this.#dueMs = nowMs + PERIOD_MS;
    this.#cancel = this.clock.after(PERIOD_MS, () => this.#look());
  }
}
