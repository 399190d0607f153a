/**
 * `npm run sim -- --seeds 1000 [--from 1]`: simulates a cluster for each seed and stops with an error at the end if any
 * promise was broken. Prints rate, coverage and commit; for a failing seed, what broke and the one command that replays it.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { simulate, type SimulationResult } from './simulation.js';

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '100' }, from: { type: 'string', default: '1' }, history: { type: 'boolean', default: false } } });
const count = Number(values.seeds);
const from = Number(values.from);
const PROGRESS_MS = 2_000;

const coverage: Record<string, number> = {};
const failed: SimulationResult[] = [];
const beganMs = performance.now();
let saidMs = beganMs;
let operations = 0;
let faults = 0;
let virtualMs = 0;

for (let seed = from; seed < from + count; seed++) {
  const result = simulate({ seed });
  operations += result.operations;
  faults += result.faults;
  virtualMs += result.virtualMs;
  for (const [what, times] of Object.entries(result.coverage)) coverage[what] = (coverage[what] ?? 0) + times;
  if (result.violations.length > 0) {
    failed.push(result);
    console.log(`\nseed ${seed}: ${result.violations.length} violations`);
    for (const { rule, what } of result.violations.slice(0, 5)) console.log(`  ${rule}: ${what}`);
    console.log(`  replay: npm run sim -- --seeds 1 --from ${seed} --history`);
  }
  if (values.history) for (const operation of result.history) console.log(JSON.stringify(operation));
  if (performance.now() - saidMs > PROGRESS_MS) {
    saidMs = performance.now();
    const done = seed - from + 1;
    console.log(`${progressBar(done / count)} ${done}/${count} seeds, ${rate()}, ${failed.length} failed`);
  }
}

console.log('\ncoverage');
for (const [what, times] of Object.entries(coverage).sort(([a], [b]) => (a < b ? -1 : 1))) console.log(`  ${String(times).padStart(9)}  ${what}`);
console.log(`\ncommit ${commit()}, seeds ${from} to ${from + count - 1}: ${operations} operations, ${faults} faults, ${rate()}`);
console.log(`${count - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;

function rate(): string {
  const seconds = (performance.now() - beganMs) / 1_000;
  return `${(virtualMs / 1_000 / seconds).toFixed(0)} virtual seconds a second, ${(operations / seconds).toFixed(0)} operations a second`;
}

function progressBar(share: number): string {
  const filled = Math.round(share * 20);
  return `[${'#'.repeat(filled)}${'.'.repeat(20 - filled)}]`;
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}
