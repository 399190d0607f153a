/**
 * The timeouts of all calls in flight, with one timer between them. Every call through a circuit has the same time, so
 * the first to begin is the first due: a list in order of beginning, and a timer for its head. A call that ends in time
 * unlinks itself and leaves the timer be; when that runs for nobody, it is set for whoever is oldest then.
 *
 * Refused: a timer per call. Setting and clearing one costs up to 0.7 us on Node, more than the rest of a circuit, and
 * under a simulated clock each leaves an entry behind until it falls due. The price is that the one timer may outlive
 * the last call, by less than the timeout.
 */
import type { Cancel, Clock } from '@app/time';

/** A call in flight; the links are the queue's. */
export interface TimedCall {
  /** Monotonic, ms. */
  readonly dueMs: number;
  older: TimedCall | null;
  younger: TimedCall | null;
  timeOut(): void;
}

export class TimeoutQueue {
  readonly #clock: Clock;
  #oldest: TimedCall | null = null;
  #youngest: TimedCall | null = null;
  #cancelTimer: Cancel | null = null;
  #closing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The first to have entered of those still there: whose turn it is, where the queue is one of people waiting. */
  get oldest(): TimedCall | null {
    return this.#oldest;
  }

  /** The last to have entered of those still there. */
  get youngest(): TimedCall | null {
    return this.#youngest;
  }

  /** Takes its place behind the calls that are due no later. Nothing runs until `watch`. */
  enter(call: TimedCall): void {
    call.older = this.#youngest;
    if (this.#youngest === null) this.#oldest = call;
    else this.#youngest.younger = call;
    this.#youngest = call;
  }

  /** Once for each call that entered. */
  leave(call: TimedCall): void {
    if (call.older === null) this.#oldest = call.younger;
    else call.older.younger = call.younger;
    if (call.younger === null) this.#youngest = call.older;
    else call.younger.older = call.older;
    call.older = call.younger = null;
    if (this.#closing && this.#oldest === null) this.#stopTimer();
  }

  /** Sees to it that a timer runs for the oldest call. */
  watch(): void {
    if (this.#oldest === null || this.#cancelTimer !== null) return;
    const delayMs = Math.max(0, this.#oldest.dueMs - this.#clock.monotonicMs());
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#run());
  }

  /** From now on no timer outlives the last call. */
  close(): void {
    this.#closing = true;
    if (this.#oldest === null) this.#stopTimer();
  }

  #run(): void {
    this.#cancelTimer = null;
    const nowMs = this.#clock.monotonicMs();
    try {
      while (this.#oldest !== null && this.#oldest.dueMs <= nowMs) this.#oldest.timeOut();
    } finally {
      // A teardown that throws is the fault of one call; the others still have their time.
      this.watch();
    }
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}
