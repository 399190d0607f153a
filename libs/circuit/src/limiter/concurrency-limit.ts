/**
 * How much may be in flight at once, found out from how long it takes. A server that is not full answers in its own time,
 * whatever is in flight; one that is full answers later and later, and no more often. So latency is compared with a
 * baseline, the latency of a server that is not full: within `tolerance` of it the limit grows, beyond it shrinks by as much.
 * A latency that nobody minds is fine too: requests in company are often cheaper, and a floor of so many in flight would be
 * too high on a slow machine and too low on a fast one.
 *
 *     fine     = max(tolerance * baseline, tolerated)
 *     gradient = clamp(fine / latency, 1/2, 1)
 *     limit    <- (1 - smoothing) * limit + smoothing * (gradient * limit + sqrt(limit))
 *
 * That is Gradient2 of Netflix' concurrency-limits, but for the baseline. There it is a long average of all latencies, which a
 * flood that lasts teaches to be late: the limit then creeps up to its maximum. TCP Vegas takes the least ever seen, which one
 * cheap request makes too small. Here it is a mean that falls whenever a window is faster, and rises only where it was
 * measured: in windows that hardly used the limit, and, while a flood leaves none, by lowering the limit for a few requests now
 * and then, as BBR and brpc do. The moments for that are taken from the wall clock, so that several gateways before one store
 * do it together and not each in the others' load; a clock that lies makes it a worse measurement and no more.
 *
 * It reads time, and waits for nothing: every decision is made when a sample comes. Means, because a gateway's requests differ.
 *
 * Sources: Netflix concurrency-limits (Gradient2Limit, VegasLimit); Brakmo and Peterson, TCP Vegas (1995); Cardwell et al.,
 * BBR (ACM Queue 2016), ProbeRTT; Apache brpc, auto_concurrency_limiter.
 */
import { assert } from '@app/contracts';
import type { Clock } from '@app/time';
import { isCount, isDuration, isRate } from '../circuit-policy.js';

export interface LimitPolicy {
  /** Where it begins, and the bounds that it never leaves, counts of requests in flight. */
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  /** The limit changes once in so long, ms, and with so many samples at least. */
  readonly windowMs: number;
  readonly windowSamples: number;
  /** How many times the baseline the mean latency may be, >= 1. */
  readonly tolerance: number;
  /** A mean latency that is fine whatever the baseline is, ms; 0 for none. */
  readonly toleratedMs: number;
  /** Share of the way that a window goes, in (0, 1]: of the limit to its new value, of the baseline to a measurement. */
  readonly smoothing: number;
  /** No mean above this counts as a server that is not full, ms: where measuring goes wrong, here it ends. */
  readonly baselineMaxMs: number;
  /** How often a baseline is measured that latencies have left behind, ms. */
  readonly measureEveryMs: number;
  /** Share of a window's requests that failed for lack of time at which the limit backs off, in (0, 1]. */
  readonly dropShare: number;
}

export interface LimitSample {
  /** From admission to the end, ms. */
  readonly latencyMs: number;
  /** Requests in flight when this one was admitted, itself among them. */
  readonly inFlight: number;
  /** It ran out of time, or something behind refused it for lack of room. */
  readonly isDropped: boolean;
}

/** What the limit is divided by while the baseline is measured; so little in flight measures it for nothing. */
const MEASURE_DIVISOR = 4;
/** A measurement that takes longer is given up, ms: an idle moment does it better. */
const MEASURE_MAX_MS = 1_000;
const BACK_OFF = 0.9;

export class ConcurrencyLimit {
  #limit: number;
  /** Mean latency of a server that is not full, ms; null before the first window. */
  #baselineMs: number | null = null;
  #isMeasuring = false;
  #window: Window;
  #nextMeasureWallMs: number;

  /** @throws InvariantViolation when the policy means nothing */
  constructor(
    readonly policy: LimitPolicy,
    private readonly clock: Clock,
  ) {
    const { initial, min, max } = policy;
    assert(isCount(min) && isCount(max) && min <= initial && initial <= max, `min ${min} <= initial ${initial} <= max ${max} are counts`);
    assert(isDuration(policy.windowMs) && isCount(policy.windowSamples), 'a window has a duration and a number of samples');
    assert(policy.tolerance >= 1 && isRate(policy.smoothing) && isRate(policy.dropShare), 'tolerance >= 1, smoothing and dropShare in (0, 1]');
    assert(policy.toleratedMs >= 0, `toleratedMs is a duration or 0, is ${policy.toleratedMs}`);
    assert(policy.baselineMaxMs > 0 && isDuration(policy.measureEveryMs), 'baselineMaxMs and measureEveryMs are durations');
    this.#limit = initial;
    this.#window = new Window(clock.monotonicMs());
    this.#nextMeasureWallMs = this.#momentAfter(clock.wallMs());
  }

  /** Requests that may be in flight now, a count >= 1. */
  get limit(): number {
    return this.#isMeasuring ? Math.max(1, Math.floor(this.#limit / MEASURE_DIVISOR)) : Math.floor(this.#limit);
  }

  /** ms; null before the first window. */
  get baselineMs(): number | null {
    return this.#baselineMs;
  }

  /** The mean latency up to which the limit grows, ms; Infinity before the first window where nothing else says. */
  get fineMs(): number {
    const { tolerance, toleratedMs } = this.policy;
    return this.#baselineMs === null ? toleratedMs || Infinity : Math.max(tolerance * this.#baselineMs, toleratedMs);
  }

  /** A request has ended, of itself or because its time was over. */
  sample(sample: LimitSample): void {
    const { windowMs, windowSamples } = this.policy;
    const window = this.#window;
    const ageMs = this.clock.monotonicMs() - window.beganMs;
    if (this.#isMeasuring) {
      // Those admitted before have had the whole load beside them.
      if (sample.inFlight <= this.limit) window.add(sample);
      if (window.count >= windowSamples) this.#measured();
      else if (ageMs > MEASURE_MAX_MS) this.#begin(false);
      return;
    }
    window.add(sample);
    if (ageMs >= windowMs && window.count >= windowSamples) this.#close(window);
  }

  #close({ meanMs, inFlightMax, count, dropped }: Window): void {
    const { smoothing, dropShare } = this.policy;
    const limit = this.#limit;
    if (dropped / count >= dropShare) {
      if (inFlightMax >= limit / 2) this.#set(limit * BACK_OFF);
      this.#begin(false);
      return;
    }
    if (this.#baselineMs === null || meanMs < this.#baselineMs || inFlightMax <= limit / MEASURE_DIVISOR) this.#learn(meanMs);
    if (inFlightMax < limit / 2) return this.#begin(false);
    const gradient = Math.min(1, Math.max(0.5, this.fineMs / meanMs));
    this.#set((1 - smoothing) * limit + smoothing * (gradient * limit + Math.sqrt(limit)));
    this.#begin(gradient < 1 && this.#isMomentToMeasure());
  }

  #measured(): void {
    this.#learn(this.#window.meanMs);
    this.#begin(false);
  }

  #learn(meanMs: number): void {
    const { smoothing, baselineMaxMs } = this.policy;
    const learntMs = this.#baselineMs === null ? meanMs : this.#baselineMs + smoothing * (meanMs - this.#baselineMs);
    this.#baselineMs = Math.min(baselineMaxMs, learntMs);
  }

  #set(limit: number): void {
    this.#limit = Math.min(this.policy.max, Math.max(this.policy.min, limit));
  }

  #begin(isMeasuring: boolean): void {
    this.#isMeasuring = isMeasuring;
    this.#window = new Window(this.clock.monotonicMs());
  }

  #isMomentToMeasure(): boolean {
    const wallMs = this.clock.wallMs();
    const untilMs = this.#nextMeasureWallMs - wallMs;
    // A clock that was set back would make it a long wait.
    if (untilMs > 0 && untilMs <= this.policy.measureEveryMs) return false;
    this.#nextMeasureWallMs = this.#momentAfter(wallMs);
    return true;
  }

  #momentAfter(wallMs: number): number {
    const { measureEveryMs } = this.policy;
    return (Math.floor(wallMs / measureEveryMs) + 1) * measureEveryMs;
  }
}

class Window {
  count = 0;
  dropped = 0;
  inFlightMax = 0;
  #sumMs = 0;

  constructor(readonly beganMs: number) {}

  get meanMs(): number {
    return this.#sumMs / this.count;
  }

  add({ latencyMs, inFlight, isDropped }: LimitSample): void {
    this.count++;
    this.#sumMs += latencyMs;
    if (isDropped) this.dropped++;
    if (inFlight > this.inFlightMax) this.inFlightMax = inFlight;
  }
}
