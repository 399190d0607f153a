/**
 * How long things took, as counts in buckets that grow by a ninth: any percentile within a tenth, in a bounded array, for one
 * logarithm a request. Counts since the process started, so whoever looks takes the difference of two looks and has the
 * time between them. Percentiles computed here were refused: those of several gateways cannot be added up, counts can.
 */
export interface LatencyCounts {
  /** Where the first bucket ends, ms. Bucket i ends at lowestMs * 2 ** (i / perDoubling). */
  readonly lowestMs: number;
  readonly perDoubling: number;
  /** Up to the last bucket that is not empty. */
  readonly counts: readonly number[];
}

const LOWEST_MS = 0.1;
const PER_DOUBLING = 8;
/** The last bucket, for all that took longer than its predecessor allows: 28 minutes. */
const LAST = 24 * PER_DOUBLING;

export class LatencyHistogram {
  readonly #counts = new Array<number>(LAST + 1).fill(0);
  #last = -1;

  record(ms: number): void {
    const bucket = ms <= LOWEST_MS ? 0 : Math.min(LAST, Math.ceil(PER_DOUBLING * Math.log2(ms / LOWEST_MS)));
    this.#counts[bucket]!++;
    if (bucket > this.#last) this.#last = bucket;
  }

  counts(): LatencyCounts {
    return { lowestMs: LOWEST_MS, perDoubling: PER_DOUBLING, counts: this.#counts.slice(0, this.#last + 1) };
  }
}
