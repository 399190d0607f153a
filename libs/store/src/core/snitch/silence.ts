/**
 * Whether somebody who was asked has fallen silent: a question is open, nothing at all was heard since, and that for longer than
 * is usual between the two. Slowness is not silence: who answers anything, a probe that touches no disk included, is heard, however
 * long a single answer takes. So a probe must be open too, and one that was called off or lost proves nothing.
 *
 * What is usual is the longest wait of the last 5 to 10 s that ended: a link that loses packets, or a machine that is busy, is
 * given as much and half as much again. Waits that ended only after the longest that is ever given were no waits but an outage,
 * and say nothing of the next one. Refused: a fixed limit. One that tells a cut off zone in time for a device would call every
 * stall of a busy machine a cut, and one that does not is too late.
 *
 * Time enters as a number, ms of one monotonic clock. Time in which the asker itself stood still is not counted, and makes it patient:
 * what happened to it may be happening to others, which share its machine, or have one that is as busy.
 */

/** A timer of the asker that ran so late found it standing still, ms. */
export const STOOD_STILL_MS = 20;

/** Silent is nobody sooner, and everybody later, ms. */
const SILENT_MIN_MS = 120;
const SILENT_MAX_MS = 750;
const TIMES_USUAL = 1.5;
const TIMES_OWN_STALL = 2;
/** What a probe is given at least, ms: several times what it takes between zones. */
const PROBE_PATIENCE_MS = 50;
/** Who was heard so short a time ago need not be probed, nor who was probed a moment ago, ms. */
const HEARD_LATELY_MS = 30;
const PROBE_GAP_MS = 100;
const WINDOW_MS = 5_000;

export class Silence {
  #openSinceMs: number | null = null;
  #heardAtMs = -Infinity;
  /** The first probe since anything was heard. */
  #probedSinceMs: number | null = null;
  #probedAtMs = -Infinity;
  /** Longest waits that ended, of this window and of the one before, ms. */
  #longestMs = 0;
  #longestBeforeMs: number;
  #windowStartMs: number | null = null;

  /** @param presumedMs what is taken for usual in the first 5 s, ms */
  constructor(presumedMs = 0) {
    this.#longestBeforeMs = presumedMs;
  }

  /** The first question since anything was heard; null where none is open. */
  get openSinceMs(): number | null {
    return this.#openSinceMs;
  }

  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  asked(nowMs: number): void {
    this.#openSinceMs ??= nowMs;
  }

  /** A question that costs nothing was sent, as `asked`, and any who lives answers it at once. */
  probed(nowMs: number): void {
    this.asked(nowMs);
    this.#probedSinceMs ??= nowMs;
    this.#probedAtMs = nowMs;
  }

  heard(nowMs: number): void {
    if (this.#openSinceMs !== null) {
      this.#turn(nowMs);
      this.#usual(nowMs - this.#openSinceMs);
    }
    this.#heardAtMs = nowMs;
    this.#openSinceMs = null;
    this.#probedSinceMs = null;
  }

  /** The asker stood still for so long, until now: that was no waiting. */
  stoodStill(forMs: number, nowMs: number): void {
    this.#turn(nowMs);
    this.#usual(TIMES_OWN_STALL * forMs);
    if (this.#openSinceMs !== null) this.#openSinceMs = Math.min(nowMs, this.#openSinceMs + forMs);
    if (this.#probedSinceMs !== null) this.#probedSinceMs = Math.min(nowMs, this.#probedSinceMs + forMs);
  }

  /** All waits begin anew. */
  restart(nowMs: number): void {
    this.stoodStill(Infinity, nowMs);
  }

  /** Whether a probe is open; without one nobody is silent. */
  get isProbed(): boolean {
    return this.#probedSinceMs !== null;
  }

  /** Whether a probe would tell more than is known. */
  isProbeDue(nowMs: number): boolean {
    return nowMs - this.#heardAtMs >= HEARD_LATELY_MS && nowMs - this.#probedAtMs >= PROBE_GAP_MS;
  }

  /** From when on it counts as silent if nothing is heard until then; Infinity while that cannot be said. */
  fromMs(nowMs: number): number {
    if (this.#openSinceMs === null || this.#probedSinceMs === null) return Infinity;
    this.#turn(nowMs);
    const usualMs = Math.max(this.#longestMs, this.#longestBeforeMs);
    const patienceMs = Math.min(SILENT_MAX_MS, Math.max(SILENT_MIN_MS, TIMES_USUAL * usualMs));
    return Math.max(this.#openSinceMs + patienceMs, this.#probedSinceMs + PROBE_PATIENCE_MS);
  }

  #usual(waitMs: number): void {
    if (waitMs > this.#longestMs && waitMs <= SILENT_MAX_MS) this.#longestMs = waitMs;
  }

  #turn(nowMs: number): void {
    this.#windowStartMs ??= nowMs;
    const ageMs = nowMs - this.#windowStartMs;
    if (ageMs < WINDOW_MS) return;
    this.#longestBeforeMs = ageMs < 2 * WINDOW_MS ? this.#longestMs : 0;
    this.#longestMs = 0;
    this.#windowStartMs = nowMs;
  }
}
