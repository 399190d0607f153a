/**
 * `npm run bench`: what a request costs and what a user waits for, each part of it a file of its own. It starts what it needs
 * itself, says where it is, and ends by itself.
 *
 *     npm run bench -- [--only load,half-peak,catch-up,start,disk,users] [--small] [--seconds 4] [--rounds 5] [--in-flight 64]
 *                      [--users 500] [--away-seconds 60] [--many-users 1000000] ... [--json file] [--write]
 *
 * Every size of bench-size.ts is an option. --write puts the figures into docs/performance.json and the tables into
 * docs/PERFORMANCE.md, so it takes all parts. Without redis-server that peer is left out, in a line that says so; where
 * TRIPTYCH_REQUIRE names redis, that is a failure. A figure that misses its goal is no failure: it is said.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bench } from './bench.js';
import { benchOptions } from './bench-size.js';
import { catchUp } from './catch-up.js';
import { diskPerFavorite } from './disk-per-favorite.js';
import { halfPeak } from './half-peak.js';
import { findingText, goalTable, ratiosOf, tableOf, type BenchReport, type Finding, type SideBySide } from './report.js';
import { RATIOS, sideBySide } from './side-by-side.js';
import { startTime } from './start-time.js';
import { users } from './users.js';

const LOAD = 'load';
/** In this order: those of the shared cluster, then those that have the machine to themselves. */
const SHARED: Readonly<Record<string, (bench: Bench) => Promise<Finding>>> = { 'half-peak': halfPeak, 'catch-up': catchUp };
const ALONE: typeof SHARED = { start: startTime, disk: diskPerFavorite, users };

// This file is dist/apps/bench/run.js.
const programs = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const root = path.dirname(path.dirname(programs));
const say = (line: string): void => console.log(line);

async function main(): Promise<void> {
  const { size, only, write, json, said } = benchOptions(process.argv.slice(2));
  const names = [LOAD, ...Object.keys(SHARED), ...Object.keys(ALONE)];
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`there is no part ${unknown}: ${names.join(', ')}`);
  if (write && only !== null) throw new Error('--write takes all parts');
  const isWanted = (name: string): boolean => only === null || only.includes(name);
  const directory = mkdtempSync(path.join(tmpdir(), 'triptych-bench-'));
  const bench = new Bench(size, root, programs, directory, say);
  const beganMs = performance.now();
  try {
    const loads: SideBySide = isWanted(LOAD) ? await sideBySide(bench) : { rows: [], skipped: [], memoryMiB: {} };
    const findings: BenchReport['findings'][number][] = [];
    const failed: string[] = [];
    const run = async (parts: typeof SHARED): Promise<void> => {
      for (const [name, part] of Object.entries(parts)) {
        if (!isWanted(name)) continue;
        const startMs = performance.now();
        try {
          findings.push({ ...(await part(bench)), tookSeconds: Math.round((performance.now() - startMs) / 1_000) });
        } catch (error) {
          // What the other parts find is not lost for it.
          failed.push(`${name}: ${(error as Error).message}`);
          say(`failed: ${failed.at(-1)}`);
        }
      }
    };
    await run(SHARED);
    await bench.release();
    await run(ALONE);
    const report: BenchReport = {
      date: new Date().toISOString().slice(0, 10),
      commit: commit(),
      command: `npm run bench${said === '' ? '' : ` -- ${said}`}`,
      node: process.version,
      cpus: availableParallelism(),
      inFlight: size.inFlight,
      secondsPerRound: size.seconds,
      ...loads,
      skipped: [...loads.skipped, ...failed],
      goals: [...(isWanted(LOAD) ? ratiosOf(loads.rows, RATIOS) : []), ...findings.flatMap(({ goals }) => goals)],
      findings,
    };
    const text = textOf(report);
    say(`\n${text}\n\n${((performance.now() - beganMs) / 60_000).toFixed(1)} minutes`);
    if (json !== null) writeFileSync(json, jsonOf(report));
    if (write) writeDocs(report, text);
    const failures = report.rows.flatMap((row) => row.rounds).reduce((sum, round) => sum + round.failures, 0);
    if (failures > 0) throw new Error(`${failures} requests failed: these figures mean nothing`);
    if (failed.length > 0) process.exitCode = 1;
  } finally {
    await bench.release();
    rmSync(directory, { recursive: true, force: true });
  }
}

function textOf(report: BenchReport): string {
  const loads = report.rows.length > 0 ? [tableOf(report)] : [];
  return [goalTable(report.goals), ...loads, ...report.findings.map(findingText)].join('\n\n');
}

function writeDocs(report: BenchReport, text: string): void {
  writeFileSync(path.join(root, 'docs', 'performance.json'), jsonOf(report));
  const file = path.join(root, 'docs', 'PERFORMANCE.md');
  const [before, rest] = readFileSync(file, 'utf8').split('<!-- bench -->');
  const [, after] = rest!.split('<!-- /bench -->');
  const left = report.skipped.length > 0 ? ` Left out: ${report.skipped.join('; ')}.` : '';
  const where = `Commit ${report.commit}, ${report.date}, Node ${report.node}, ${report.cpus} cores, ${report.inFlight} in flight, ${report.rows[0]!.rounds.length} rounds of ${report.secondsPerRound} s. \`${report.command}\`${left}`;
  writeFileSync(file, `${before}<!-- bench -->\n${where}\n\n${text}\n<!-- /bench -->${after}`);
}

const jsonOf = (report: BenchReport): string => `${JSON.stringify(report, null, 2)}\n`;

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

await main();
