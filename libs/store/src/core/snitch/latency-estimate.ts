/**
 * How long one replica takes to answer: an average of the last moments, for ranking it, and quantiles of the last
 * seconds, for knowing when an answer is late. Time enters as a number.
 *
 * The average weighs samples by time, not by count: at a thousand answers a second it covers the last half second, and for
 * a replica that is only tried now and then each answer says almost all, so that one that has recovered is soon known
 * again. An answer that was not waited for is a sample too, for the average alone: it took at least so long. In the
 * quantiles it would raise the very delay after which it was given up, again and again (scylladb#3746).
 *
 * Quantiles come from counts in buckets, each a ninth wider than the one before, over two windows of which the older is
 * dropped: bounded memory, no sorting, and each forgotten in time.
 */
const AVERAGED_OVER_MS = 500;
const WINDOW_MS = 5_000;
/** Below it a quantile is a guess, a count. */
const SAMPLES_MIN = 40;
const SHORTEST_MS = 0.05;
const BUCKET_RATIO = 1.125;
const BUCKET_COUNT = 120;

export class LatencyEstimate {
  #averageMs: number | null = null;
  #sampledAtMs = 0;
  #current = new Uint32Array(BUCKET_COUNT);
  #previous = new Uint32Array(BUCKET_COUNT);
  #windowStartMs = -Infinity;

  /** null before the first sample, ms. */
  get averageMs(): number | null {
    return this.#averageMs;
  }

  answered(latencyMs: number, nowMs: number): void {
    this.#average(latencyMs, nowMs);
    this.#turn(nowMs);
    this.#current[bucketOf(latencyMs)]!++;
  }

  /** No answer came in so long, ms; a short wait says nothing. */
  unanswered(waitedMs: number, nowMs: number): void {
    if (this.#averageMs === null || waitedMs > this.#averageMs) this.#average(waitedMs, nowMs);
  }

  /** Answers of the last 5 to 10 s took at most so long, `fraction` (0 to 1) of them, ms; null where there were too few. */
  quantileMs(fraction: number, nowMs: number): number | null {
    this.#turn(nowMs);
    let total = 0;
    for (let i = 0; i < BUCKET_COUNT; i++) total += this.#current[i]! + this.#previous[i]!;
    if (total < SAMPLES_MIN) return null;
    let left = Math.ceil(total * fraction);
    let bucket = 0;
    while ((left -= this.#current[bucket]! + this.#previous[bucket]!) > 0) bucket++;
    return SHORTEST_MS * BUCKET_RATIO ** bucket;
  }

  #average(latencyMs: number, nowMs: number): void {
    const weight = 1 - Math.exp(-(nowMs - this.#sampledAtMs) / AVERAGED_OVER_MS);
    this.#averageMs = this.#averageMs === null ? latencyMs : this.#averageMs + weight * (latencyMs - this.#averageMs);
    this.#sampledAtMs = nowMs;
  }

  #turn(nowMs: number): void {
    const ageMs = nowMs - this.#windowStartMs;
    if (ageMs < WINDOW_MS) return;
    [this.#previous, this.#current] = [this.#current, this.#previous];
    this.#current.fill(0);
    if (ageMs >= 2 * WINDOW_MS) this.#previous.fill(0);
    this.#windowStartMs = nowMs;
  }
}

/** Of a latency up to SHORTEST_MS * BUCKET_RATIO^bucket. */
const bucketOf = (latencyMs: number): number =>
  Math.min(BUCKET_COUNT - 1, Math.max(0, Math.ceil(Math.log(latencyMs / SHORTEST_MS) / Math.log(BUCKET_RATIO))));
