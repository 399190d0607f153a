/** What a benchmark run found, and how it is told: JSON for machines, two tables for docs/PERFORMANCE.md. */

export interface Measurement {
  readonly cpuUsPerRequest: number;
  /** The same by what the processes do: gateways, stores, server, redis. */
  readonly cpuUsByRole: Readonly<Record<string, number>>;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Over loopback, requests and answers of the load included. */
  readonly bytesOnWirePerRequest: number;
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
  /** Why peers are missing; empty when none is. */
  readonly skipped: readonly string[];
  readonly rows: readonly BenchRow[];
  /** Memory of a process's own after the run, MiB, the largest of each kind, by server. */
  readonly memoryMiB: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A ratio of two rows of one run that is to stay below something. */
export interface Goal {
  readonly what: string;
  readonly of: string;
  readonly to: string;
  /** CPU of these processes alone; all where absent. */
  readonly role?: string;
  readonly atMost: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

type Figure = Exclude<keyof Measurement, 'cpuUsByRole'>;
const of = (row: BenchRow, figure: Figure): number => median(row.rounds.map((round) => round[figure]));
const cpuOf = (row: BenchRow, role?: string): number => median(row.rounds.map((round) => (role === undefined ? round.cpuUsPerRequest : (round.cpuUsByRole[role] ?? NaN))));
const spread = (row: BenchRow): string => {
  const values = row.rounds.map((round) => round.cpuUsPerRequest);
  return `${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)}`;
};

/** @param report its first row is the yardstick of the ratios */
export function tableOf(report: BenchReport): string {
  const yardstick = cpuOf(report.rows[0]!);
  const lines = report.rows.map((row) => {
    const cells = [
      row.name,
      `${cpuOf(row).toFixed(0)} (${spread(row)})`,
      (cpuOf(row) / yardstick).toFixed(1),
      of(row, 'requestsPerSecond').toFixed(0),
      ...(['p50Ms', 'p99Ms', 'p999Ms'] as const).map((figure) => of(row, figure).toFixed(1)),
      of(row, 'bytesOnWirePerRequest').toFixed(0),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return ['| load | CPU us per request: median (least-most) | times hello | requests/s | p50 ms | p99 ms | p99.9 ms | bytes on the wire |', '|---|---|---|---|---|---|---|---|', ...lines].join('\n');
}

/** Each goal whose rows were measured, with what was found. */
export function goalsOf(report: BenchReport, goals: readonly Goal[]): string {
  const rowOf = (name: string): BenchRow | undefined => report.rows.find((row) => row.name === name);
  const lines = goals.flatMap(({ what, of: over, to, role, atMost }) => {
    const [one, other] = [rowOf(over), rowOf(to)];
    if (one === undefined || other === undefined) return [`| ${what} | at most ${atMost} | not measured |`];
    const ratio = cpuOf(one, role) / cpuOf(other, role);
    return [`| ${what} | at most ${atMost} | ${ratio.toFixed(2)}${ratio <= atMost ? '' : ', missed'} |`];
  });
  return ['| CPU per request | goal | measured |', '|---|---|---|', ...lines].join('\n');
}
