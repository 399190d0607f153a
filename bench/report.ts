/** What a benchmark run found, and how it is told: JSON for machines, tables for docs/PERFORMANCE.md. */

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

/** A figure that is to stay below something. */
export interface GoalFigure {
  readonly what: string;
  /** Null where it was not measured. */
  readonly value: number | null;
  readonly atMost: number;
  /** '' for a ratio. */
  readonly unit: '' | 'ms' | 's' | 'MB' | 'bytes';
}

/** What one part of the bench found, other than the loads side by side. */
export interface Finding {
  readonly name: string;
  /** What was done, with its sizes, and what to know of it. */
  readonly how: string;
  readonly goals: readonly GoalFigure[];
  /** The figures behind it: the heads, then the lines. */
  readonly table: readonly (readonly (string | number)[])[];
}

export interface BenchReport {
  readonly date: string;
  readonly commit: string;
  readonly command: string;
  readonly node: string;
  readonly cpus: number;
  readonly inFlight: number;
  readonly secondsPerRound: number;
  /** Why peers or parts are missing; empty when none is. */
  readonly skipped: readonly string[];
  readonly rows: readonly BenchRow[];
  /** Memory of a process's own after the run, MiB, the largest of each kind, by server. */
  readonly memoryMiB: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly goals: readonly GoalFigure[];
  readonly findings: readonly (Finding & { readonly tookSeconds: number })[];
}

/** The loads side by side. */
export type SideBySide = Pick<BenchReport, 'skipped' | 'rows' | 'memoryMiB'>;

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

/** Each goal over two rows, with what was found. */
export function ratiosOf(rows: readonly BenchRow[], goals: readonly Goal[]): GoalFigure[] {
  const rowOf = (name: string): BenchRow | undefined => rows.find((row) => row.name === name);
  return goals.map(({ what, of: over, to, role, atMost }) => {
    const [one, other] = [rowOf(over), rowOf(to)];
    return { what, value: one === undefined || other === undefined ? null : cpuOf(one, role) / cpuOf(other, role), atMost, unit: '' };
  });
}

export function goalTable(goals: readonly GoalFigure[]): string {
  const lines = goals.map(({ what, value, atMost, unit }) => {
    const said = (figure: string): string => (unit === '' ? figure : `${figure} ${unit}`);
    const measured = value === null ? 'not measured' : `${said(unit === '' ? value.toFixed(2) : rounded(value))}${value <= atMost ? '' : ', **missed**'}`;
    return `| ${what} | at most ${said(String(atMost))} | ${measured} |`;
  });
  return ['| what | goal | measured |', '|---|---|---|', ...lines].join('\n');
}

export function findingText({ name, how, table }: Finding): string {
  const [heads = [], ...lines] = table;
  const line = (cells: readonly (string | number)[]): string => `| ${cells.map((cell) => (typeof cell === 'number' ? rounded(cell) : cell)).join(' | ')} |`;
  return [`**${name}.** ${how}`, '', line(heads), `|${'---|'.repeat(heads.length)}`, ...lines.map(line)].join('\n');
}

/** Three digits, more where it is large. */
const rounded = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3))));
