/**
 * Who is served when not all can be: permits up to a limit that adapts, and a line per priority for those who come when all
 * are out. A line takes up a burst; a line that stands for long only makes every answer late, at the same rate. So one may wait
 * long in a line that has just formed, and shortly in one that stands ("controlled delay"); it is bounded in length too, and
 * whoever's deadline has passed is dropped unserved.
 *
 * Strict priority, with a floor: of every `lowerEvery` permits that go to a line while a lower one waits, one goes to the next
 * lower line. So the second is never starved by the first alone; the third may be, by the first two.
 *
 * First come, first served, but for a line that stands: there the youngest is called, and the old ones go when their wait is
 * over. Both serve equally many, and refuse equally many; but in the order of coming everybody who is served has waited as long as one
 * may, and the youngest have not waited at all (simulated at twice the capacity: a median of 27 ms, and of 125). It is kept short
 * too: a few are enough to keep the permits busy.
 *
 * Sources: Nichols and Jacobson, Controlling Queue Delay (ACM Queue 2012); Maurer, Fail at Scale (ACM Queue 2015).
 */
import { assert } from '@app/contracts';
import type { Clock } from '@app/time';
import { isCount, isDuration } from '../circuit-policy.js';
import { TimeoutQueue, type TimedCall } from '../timeout-queue.js';
import { ConcurrencyLimit, type LimitPolicy } from './concurrency-limit.js';

/** In the order in which they are served. */
export const ADMISSION_PRIORITIES = ['write', 'read', 'prefetch'] as const;
export type AdmissionPriority = (typeof ADMISSION_PRIORITIES)[number];

export interface LinePolicy {
  /** Who may wait, a count >= 0. */
  readonly length: number;
  /** Who may wait in a line that stands, at most `length`: who comes to more would wait for nothing, and is refused more cheaply. */
  readonly standingLength: number;
  /** How long one may wait, ms, in a line that formed within this very time: bursts pass. */
  readonly burstWaitMs: number;
  /** How long one may wait, ms, in a line that stands; at most `burstWaitMs`. A line that is empty for as long stands no more. */
  readonly standingWaitMs: number;
}

export interface AdmissionPolicy {
  readonly limit: LimitPolicy;
  readonly lines: Readonly<Record<AdmissionPriority, LinePolicy>>;
  /** Of so many permits given to a line, one goes to the next lower one, a count >= 2. */
  readonly lowerEvery: number;
}

/** `line-full` at once, `waited` too long, or `deadline`: nobody waits for the answer any more. */
export type AdmissionRefusal = 'line-full' | 'waited' | 'deadline';

/** How a visit ended: with an answer, for lack of time or room behind, or with the caller gone, which says little. */
export type VisitEnd = 'served' | 'dropped' | 'left';

export interface LineState {
  readonly waiting: number;
  readonly admitted: number;
  readonly refused: Readonly<Record<AdmissionRefusal, number>>;
}

export interface AdmissionState {
  readonly limit: number;
  readonly baselineMs: number | null;
  readonly inFlight: number;
  readonly lines: Readonly<Record<AdmissionPriority, LineState>>;
}

export class AdmissionQueue {
  readonly #limit: ConcurrencyLimit;
  /** Highest first. */
  readonly #lines: readonly Line[];
  readonly #lineOf: Readonly<Record<AdmissionPriority, Line>>;
  #inFlight = 0;
  #callsPastLower = 0;
  #isCallingIn = false;

  /** @throws InvariantViolation when the policy means nothing */
  constructor(
    private readonly policy: AdmissionPolicy,
    readonly clock: Clock,
  ) {
    assert(isCount(policy.lowerEvery) && policy.lowerEvery >= 2, `lowerEvery must be a count of at least 2, is ${policy.lowerEvery}`);
    this.#limit = new ConcurrencyLimit(policy.limit, clock);
    const line = (priority: AdmissionPriority): Line => new Line(policy.lines[priority], clock);
    this.#lineOf = { write: line('write'), read: line('read'), prefetch: line('prefetch') };
    this.#lines = ADMISSION_PRIORITIES.map((priority) => this.#lineOf[priority]);
  }

  /** Whether somebody who came now would be refused at once, or as good as: what to ask before anything is spent on a request. */
  isFull(priority: AdmissionPriority): boolean {
    const line = this.#lineOf[priority];
    return line.isFull(this.clock.monotonicMs()) && !this.#isFreeFor(line);
  }

  /** For whom `isFull` was asked and believed. */
  countRefused(priority: AdmissionPriority): void {
    this.#lineOf[priority].refused['line-full']++;
  }

  /**
   * Asks for a permit. `answer` is called once, maybe at once: with null when it is had, else with why not; never after
   * `leave`. Whoever has it leaves once, whoever waits may leave at any time.
   * @param deadlineMs monotonic; Infinity for none. Looked at when a turn comes, so it is for deadlines beyond the waits
   */
  enter(priority: AdmissionPriority, deadlineMs: number, answer: (refusal: AdmissionRefusal | null) => void): Visit {
    const line = this.#lineOf[priority];
    const visit = new Visit(this, line, deadlineMs, answer);
    if (this.#isFreeFor(line)) this.#admit(visit);
    else if (line.isFull(this.clock.monotonicMs())) this.refuse(visit, 'line-full');
    else line.queue(visit);
    return visit;
  }

  state(): AdmissionState {
    const stateOf = ({ waiting, admitted, refused }: Line): LineState => ({ waiting, admitted, refused: { ...refused } });
    const { write, read, prefetch } = this.#lineOf;
    const lines = { write: stateOf(write), read: stateOf(read), prefetch: stateOf(prefetch) };
    return { limit: this.#limit.limit, baselineMs: this.#limit.baselineMs, inFlight: this.#inFlight, lines };
  }

  // --- for Visit ---

  gone(visit: Visit, end: VisitEnd): void {
    this.#inFlight--;
    const latencyMs = this.clock.monotonicMs() - visit.admittedMs;
    // Who leaves at once says nothing; who leaves after a while was not served in time, and where all do, nobody else says so.
    if (end !== 'left' || latencyMs > this.#limit.fineMs) {
      this.#limit.sample({ latencyMs, inFlight: visit.inFlight, isDropped: end !== 'served' });
    }
    this.#callIn();
  }

  refuse(visit: Visit, why: AdmissionRefusal): void {
    visit.line.refused[why]++;
    visit.leave();
    visit.answer(why);
  }

  /** A permit is free and nobody in this line, or a higher one, waits for it. */
  #isFreeFor(line: Line): boolean {
    if (this.#inFlight >= this.#limit.limit) return false;
    for (const other of this.#lines) {
      if (other.waiting > 0) return false;
      if (other === line) return true;
    }
    return true;
  }

  #admit(visit: Visit): void {
    visit.stand = 'inside';
    visit.admittedMs = this.clock.monotonicMs();
    visit.inFlight = ++this.#inFlight;
    visit.line.admitted++;
    visit.answer(null);
  }

  /** Gives free permits to the lines. Whoever is answered may leave or come within it: the outer run sees to the rest. */
  #callIn(): void {
    if (this.#isCallingIn) return;
    this.#isCallingIn = true;
    try {
      while (this.#inFlight < this.#limit.limit) {
        const next = this.#next();
        if (next === null) return;
        // It may have left when others were refused on the way to it.
        if (next.stand !== 'waiting') continue;
        next.line.leave(next);
        this.#admit(next);
      }
    } finally {
      this.#isCallingIn = false;
    }
  }

  #next(): Visit | null {
    const first = this.#nextFrom(0);
    if (first === null) return null;
    const lower = this.#nextFrom(this.#lines.indexOf(first.line) + 1);
    if (lower === null) return first;
    this.#callsPastLower = (this.#callsPastLower + 1) % this.policy.lowerEvery;
    return this.#callsPastLower === 0 ? lower : first;
  }

  /** Whose turn it is in the first line, from that one on, in which anybody waits who may still be served. */
  #nextFrom(index: number): Visit | null {
    const nowMs = this.clock.monotonicMs();
    for (let at = index; at < this.#lines.length; at++) {
      const line = this.#lines[at]!;
      const isStanding = line.isStanding(nowMs);
      const waitMaxMs = isStanding ? line.policy.standingWaitMs : line.policy.burstWaitMs;
      for (let oldest = line.oldest; oldest !== null && nowMs - oldest.enteredMs > waitMaxMs; oldest = line.oldest) this.refuse(oldest, 'waited');
      for (;;) {
        const next = isStanding ? line.youngest : line.oldest;
        if (next === null) break;
        if (next.deadlineMs > nowMs) return next;
        this.refuse(next, 'deadline');
      }
    }
    return null;
  }
}

/** One who asked: waiting, then inside with a permit, then gone. */
export class Visit implements TimedCall {
  stand: 'new' | 'waiting' | 'inside' | 'gone' = 'new';
  enteredMs = 0;
  dueMs = 0;
  admittedMs = 0;
  inFlight = 0;
  older: TimedCall | null = null;
  younger: TimedCall | null = null;

  constructor(
    private readonly queue: AdmissionQueue,
    readonly line: Line,
    readonly deadlineMs: number,
    readonly answer: (refusal: AdmissionRefusal | null) => void,
  ) {}

  /** Gives the permit back, or the place in line; later calls do nothing. */
  leave(end: VisitEnd = 'left'): void {
    const { stand } = this;
    this.stand = 'gone';
    if (stand === 'waiting') this.line.leave(this);
    if (stand === 'inside') this.queue.gone(this, end);
  }

  timeOut(): void {
    this.queue.refuse(this, 'waited');
  }
}

class Line {
  waiting = 0;
  admitted = 0;
  readonly refused: Record<AdmissionRefusal, number> = { 'line-full': 0, waited: 0, deadline: 0 };
  readonly #visits: TimeoutQueue;
  /** When it last formed, and when its last one left. */
  #formedMs = -Infinity;
  #emptiedMs = -Infinity;

  constructor(
    readonly policy: LinePolicy,
    private readonly clock: Clock,
  ) {
    const { length, standingLength, burstWaitMs, standingWaitMs } = policy;
    assert(length === 0 || isCount(length), `a line's length must be a count, is ${length}`);
    assert(standingLength <= length && (standingLength === 0 || isCount(standingLength)), 'standingLength must be a count, at most length');
    assert(isDuration(burstWaitMs) && standingWaitMs > 0 && standingWaitMs <= burstWaitMs, 'standingWaitMs must be in (0, burstWaitMs]');
    this.#visits = new TimeoutQueue(clock);
  }

  get oldest(): Visit | null {
    return this.#visits.oldest as Visit | null;
  }

  get youngest(): Visit | null {
    return this.#visits.youngest as Visit | null;
  }

  /** It formed longer ago than a burst takes, and was at most empty for a moment, as when a turn of the event loop ends many visits. */
  isStanding(nowMs: number): boolean {
    return this.waiting > 0 && nowMs - this.#formedMs > this.policy.burstWaitMs;
  }

  isFull(nowMs: number): boolean {
    return this.waiting >= (this.isStanding(nowMs) ? this.policy.standingLength : this.policy.length);
  }

  queue(visit: Visit): void {
    const nowMs = this.clock.monotonicMs();
    if (this.waiting === 0 && nowMs - this.#emptiedMs >= this.policy.standingWaitMs) this.#formedMs = nowMs;
    this.waiting++;
    visit.stand = 'waiting';
    visit.enteredMs = nowMs;
    visit.dueMs = nowMs + this.policy.burstWaitMs;
    this.#visits.enter(visit);
    this.#visits.watch();
  }

  leave(visit: Visit): void {
    if (--this.waiting === 0) this.#emptiedMs = this.clock.monotonicMs();
    this.#visits.leave(visit);
  }
}
