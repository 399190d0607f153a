/** What a run of many seeds adds up to, and how it is told and kept. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { FAULTS } from './faults.js';
import type { SeedReport } from './seed-pool.js';

export interface RunFigures {
  readonly commit: string;
  readonly date: string;
  readonly from: number;
  readonly to: number;
  readonly operations: number;
  readonly faults: number;
  readonly virtualSeconds: number;
  readonly failedSeeds: readonly number[];
  readonly coverage: Readonly<Record<string, number>>;
}

export class RunTally {
  readonly coverage: Record<string, number> = {};
  readonly failed: SeedReport[] = [];
  seeds = 0;
  operations = 0;
  faults = 0;
  virtualMs = 0;
  readonly #beganMs = performance.now();

  constructor() {
    for (const { name } of FAULTS) this.coverage[`fault: ${name}`] = 0;
  }

  add(report: SeedReport): void {
    this.seeds++;
    this.operations += report.operations;
    this.faults += report.faults;
    this.virtualMs += report.virtualMs;
    for (const [what, times] of Object.entries(report.coverage)) {
      // A size is the largest met, the rest are counts.
      this.coverage[what] = what.endsWith('at most') ? Math.max(this.coverage[what] ?? 0, times) : (this.coverage[what] ?? 0) + times;
    }
    if (report.violations.length > 0) this.failed.push(report);
  }

  get rate(): string {
    const seconds = (performance.now() - this.#beganMs) / 1_000;
    return `${(this.virtualMs / 1_000 / seconds).toFixed(0)} virtual seconds and ${(this.operations / seconds).toFixed(0)} operations a second, ${(this.seeds / seconds).toFixed(2)} seeds a second`;
  }

  /** Faults and mechanisms that could have run and never did. */
  get neverRan(): string[] {
    return Object.entries(this.coverage)
      .filter(([, times]) => times === 0)
      .map(([what]) => what)
      .sort();
  }

  figures(from: number, to: number): RunFigures {
    return {
      commit: commit(),
      date: new Date().toISOString().slice(0, 10),
      from,
      to,
      operations: this.operations,
      faults: this.faults,
      virtualSeconds: Math.round(this.virtualMs / 1_000),
      failedSeeds: this.failed.map(({ seed }) => seed).sort((a, b) => a - b),
      coverage: Object.fromEntries(Object.entries(this.coverage).sort(([a], [b]) => (a < b ? -1 : 1))),
    };
  }
}

/** The checked-out commit, with a + where files differ from it. */
export function commit(): string {
  const git = (...what: string[]): string => execFileSync('git', what, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--', '.', ':!docs') === '' ? '' : '+'}`;
  } catch {
    return 'unknown';
  }
}

const TABLE_BEGINS = '<!-- runs: written by npm run sim -- --record -->\n';
const TABLE_ENDS = '<!-- end of runs -->';

/** Adds the run to docs/simulation-runs.json, and its line to the table in docs/SIMULATION.md. */
export function recordRun(figures: RunFigures, jsonFile = 'docs/simulation-runs.json', documentFile = 'docs/SIMULATION.md'): void {
  const runs: RunFigures[] = existsSync(jsonFile) ? (JSON.parse(readFileSync(jsonFile, 'utf8')) as RunFigures[]) : [];
  runs.push(figures);
  writeFileSync(jsonFile, `${JSON.stringify(runs, null, 1)}\n`);
  if (!existsSync(documentFile)) return;
  const text = readFileSync(documentFile, 'utf8');
  const [begin, end] = [text.indexOf(TABLE_BEGINS), text.indexOf(TABLE_ENDS)];
  if (begin < 0 || end < begin) return;
  writeFileSync(documentFile, text.slice(0, begin + TABLE_BEGINS.length) + tableOf(runs) + text.slice(end));
}

function tableOf(runs: readonly RunFigures[]): string {
  const number = (value: number): string => value.toLocaleString('en-GB');
  const rows = runs.map(
    ({ commit: at, date, from, to, operations, faults, virtualSeconds, failedSeeds }) =>
      `| ${at} | ${date} | ${number(from)} to ${number(to)} | ${number(operations)} | ${number(faults)} | ${number(Math.round(virtualSeconds / 3_600))} h | ${failedSeeds.length === 0 ? 'clean' : `failed: ${failedSeeds.join(', ')}`} |\n`,
  );
  return `| commit | date | seeds | operations | faults | virtual time | result |\n|---|---|---|---|---|---|---|\n${rows.join('')}`;
}
