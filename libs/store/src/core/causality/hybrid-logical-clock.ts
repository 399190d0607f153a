/**
 * A clock for dating operations: close to wall time, yet never going back and always above whatever was heard of, so
 * that an operation which knew of another gets the later date although the machines' clocks disagree. It decides between
 * concurrent values and nothing else; whether an item is in a list never depends on it.
 *
 * A reading is one number, milliseconds * 256 + a count within the millisecond. It is kept and compared as it is, and
 * "later" is plus one: a full count carries into the milliseconds by itself. Below 2^53 until the year 3084.
 *
 * A machine whose clock is far ahead must not drag the cluster's dates along: a reading more than `maxAheadMs` ahead of
 * our wall clock is not adopted (what it came with is still taken, since nothing may be refused for its date).
 * Source: Kulkarni et al., Logical physical clocks (2014); the bound on what is adopted is CockroachDB's and ours.
 */
import { assert } from '@app/contracts';

const READINGS_PER_MS = 256;

/** The highest date that a reading can hold, ms since 1970 UTC. */
export const MAX_PHYSICAL_MS = 2 ** 45 - 1;

/** The wall time in a reading, ms since 1970 UTC. */
export const physicalMs = (hlc: number): number => Math.floor(hlc / READINGS_PER_MS);

export class HybridLogicalClock {
  #last: number;

  /**
   * @param maxAheadMs how far ahead of our wall clock another's reading may be and still be adopted
   * @param last the highest reading that this clock must stay above, where one is known from before a restart
   */
  constructor(
    readonly maxAheadMs = 60_000,
    last = 0,
  ) {
    this.#last = last;
  }

  /** The highest reading given or adopted so far: what travels with every message. */
  get last(): number {
    return this.#last;
  }

  /** A reading above all that were given or adopted. @param wallMs ms since 1970 UTC, an integer, 0 to MAX_PHYSICAL_MS */
  next(wallMs: number): number {
    assert(Number.isInteger(wallMs) && wallMs >= 0 && wallMs <= MAX_PHYSICAL_MS, 'wall time out of range');
    this.#last = Math.max(this.#last + 1, wallMs * READINGS_PER_MS);
    assert(Number.isSafeInteger(this.#last), 'hybrid logical clock out of range');
    return this.#last;
  }

  /**
   * Takes another's reading into account: whatever `next` gives afterwards is above it.
   * @returns false where it was not adopted: too far ahead, or no reading at all
   */
  observe(remote: number, wallMs: number): boolean {
    if (!Number.isSafeInteger(remote) || remote < 0) return false;
    if (remote <= this.#last) return true;
    if (physicalMs(remote) > wallMs + this.maxAheadMs) return false;
    this.#last = remote;
    return true;
  }
}
