/** What a benchmark run found, and how it is told: JSON for machines, one table for docs/PERFORMANCE.md. */

export interface Measurement {
  readonly cpuUsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly failures: number;
}

export interface BenchRow {
  readonly name: string;
  /** One a round, in order. */
  readonly rounds: readonly Measurement[];
}

export interface BenchReport {
  readonly date: string;
  readonly commit: string;
  readonly command: string;
  readonly node: string;
  readonly cpus: number;
  readonly inFlight: number;
  readonly secondsPerRound: number;
  readonly rows: readonly BenchRow[];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const of = (row: BenchRow, figure: keyof Measurement): number => median(row.rounds.map((round) => round[figure]));
const spread = (row: BenchRow): string => {
  const values = row.rounds.map((round) => round.cpuUsPerRequest);
  return `${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)}`;
};

/** @param report its first row is the yardstick of the ratios */
export function tableOf(report: BenchReport): string {
  const yardstick = of(report.rows[0]!, 'cpuUsPerRequest');
  const lines = report.rows.map((row) => {
    const cpu = of(row, 'cpuUsPerRequest');
    return `| ${row.name} | ${cpu.toFixed(0)} (${spread(row)}) | ${(cpu / yardstick).toFixed(1)} | ${of(row, 'requestsPerSecond').toFixed(0)} | ${of(row, 'p50Ms').toFixed(1)} | ${of(row, 'p99Ms').toFixed(1)} | ${of(row, 'p999Ms').toFixed(1)} |`;
  });
  return ['| load | CPU us per request: median (least-most) | times hello | requests/s | p50 ms | p99 ms | p99.9 ms |', '|---|---|---|---|---|---|---|', ...lines].join('\n');
}
