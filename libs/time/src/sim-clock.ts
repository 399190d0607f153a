import type { Cancel, Clock } from './clock.js';

interface Task {
  readonly dueMs: number;
  readonly order: number;
  run: (() => void) | null;
}

/**
 * Virtual time: nothing happens until a test or a simulation advances it, then everything due happens in order.
 * A binary heap of tasks by (due time, order of asking). `wallSkewMs` shifts the wall clock alone, as a lying machine's
 * would be: `at(skew)` gives each simulated node a view of its own over the one timeline.
 */
export class SimClock implements Clock {
  #nowMs = 0;
  #order = 0;
  #heap: Task[] = [];
  #pendingCount = 0;

  /** @param epochMs the wall time at virtual time 0, ms since 1970 */
  constructor(readonly epochMs = 1_700_000_000_000) {}

  wallMs(): number {
    return Math.floor(this.epochMs + this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, task: () => void): Cancel {
    const entry: Task = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run: task };
    this.#push(entry);
    this.#pendingCount++;
    return () => {
      if (entry.run === null) return;
      entry.run = null;
      this.#pendingCount--;
    };
  }

  /** This timeline as seen by a machine whose wall clock is off by what `skewMs` says at the moment of asking. */
  at(skewMs: () => number): Clock {
    return {
      wallMs: () => Math.floor(this.wallMs() + skewMs()),
      monotonicMs: () => this.#nowMs,
      after: (delayMs, task) => this.after(delayMs, task),
    };
  }

  /** Tasks asked for and neither run nor called off: what a leak test looks at. */
  get pending(): number {
    return this.#pendingCount;
  }

  /** Runs the next task, moving time to it. False when there is none due by `untilMs`. */
  step(untilMs = Infinity): boolean {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined) return false;
      if (next.run === null) {
        this.#pop();
        continue;
      }
      if (next.dueMs > untilMs) return false;
      this.#pop();
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      const run = next.run;
      next.run = null;
      this.#pendingCount--;
      run();
      return true;
    }
  }

  /** Lets `durationMs` of virtual time pass, running all that falls due in it. */
  advance(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    while (this.step(untilMs));
    this.#nowMs = untilMs;
  }

  /**
   * Runs until `condition` holds. False when `withinMs` of virtual time went by, or nothing was left to run, first.
   */
  runUntil(condition: () => boolean, withinMs: number): boolean {
    const untilMs = this.#nowMs + withinMs;
    while (!condition()) {
      if (!this.step(untilMs)) {
        this.#nowMs = untilMs;
        return condition();
      }
    }
    return true;
  }

  #before(a: Task, b: Task): boolean {
    return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(task);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(task, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = task;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
