/** Percentiles of what happened between two looks at histograms that only ever grow, over any number of histograms. */

/** As a gateway tells it: bucket i ends at lowestMs * 2 ** (i / perDoubling); counts up to the last one that is not empty. */
export interface LatencyCounts {
  readonly lowestMs: number;
  readonly perDoubling: number;
  readonly counts: readonly number[];
}

/** @param before undefined where there was none yet */
export function differenceOf(before: LatencyCounts | undefined, after: LatencyCounts): LatencyCounts {
  return { ...after, counts: after.counts.map((count, i) => Math.max(0, count - (before?.counts[i] ?? 0))) };
}

/**
 * The end of the bucket that holds it; null where nothing was counted.
 * @param histograms all with the same buckets   @param fraction 0 < fraction <= 1: 0.99
 */
export function percentile(histograms: readonly LatencyCounts[], fraction: number): number | null {
  const counts: number[] = [];
  for (const histogram of histograms) histogram.counts.forEach((count, i) => (counts[i] = (counts[i] ?? 0) + count));
  const rank = Math.ceil(fraction * counts.reduce((sum, count) => sum + (count ?? 0), 0));
  if (rank === 0) return null;
  const { lowestMs, perDoubling } = histograms[0]!;
  let below = 0;
  const bucket = counts.findIndex((count) => (below += count ?? 0) >= rank);
  return lowestMs * 2 ** (bucket / perDoubling);
}
