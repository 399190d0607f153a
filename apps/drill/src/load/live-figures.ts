/** What is shown while a run goes on: of the last second, for each population. Plain counts; the judge works from the samples. */
import type { Sample } from './sample.js';

export interface LiveFigures {
  /** 'devices', or the index of a zone. */
  readonly population: string;
  readonly done: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

export class LiveCounts {
  #latencies = new Map<string, number[]>();
  #failed = new Map<string, number>();

  add({ device, zone, ok, dueMs, endMs }: Sample): void {
    const population = device === 'roaming' ? 'devices' : String(zone);
    const latencies = this.#latencies.get(population);
    if (latencies === undefined) this.#latencies.set(population, [endMs - dueMs]);
    else latencies.push(endMs - dueMs);
    if (!ok) this.#failed.set(population, (this.#failed.get(population) ?? 0) + 1);
  }

  /** And begins anew. */
  take(): LiveFigures[] {
    const figures = [...this.#latencies].map(([population, latencies]) => {
      latencies.sort((a, b) => a - b);
      return {
        population,
        done: latencies.length,
        failed: this.#failed.get(population) ?? 0,
        p50Ms: percentile(latencies, 50),
        p99Ms: percentile(latencies, 99),
        p999Ms: percentile(latencies, 99.9),
      };
    });
    this.#latencies = new Map();
    this.#failed = new Map();
    return figures.sort((a, b) => a.population.localeCompare(b.population));
  }
}

/** By nearest rank. @param sorted ascending; NaN of none */
export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? NaN;
}
