/**
 * `npm run sim -- --seeds 1000 [--from 1] [--workers 2] [--history] [--record]`: simulates a cluster for each seed and ends with
 * an error if any promise was broken. Prints rate, coverage and commit; for a failing seed, what broke and the one command that
 * replays it. --history prints what the devices did and saw in failing seeds, --record keeps the figures in docs/.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { recordRun, RunTally } from './run-figures.js';
import { runSeeds, serveSeeds, type SeedReport } from './seed-pool.js';

const LINE_EVERY_MS = 10_000;
const BAR_EVERY_MS = 200;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      from: { type: 'string', default: '1' },
      workers: { type: 'string', default: String(Math.min(8, availableParallelism())) },
      history: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
    },
  });
  const [count, from, workerCount] = [values.seeds, values.from, values.workers].map(Number) as [number, number, number];
  if (![count, from, workerCount].every((value) => Number.isInteger(value) && value >= 1)) throw new Error('--seeds, --from and --workers are whole numbers from 1 up');
  const tally = new RunTally();
  const progress = new Progress(count);
  await runSeeds({
    from,
    count,
    workerCount,
    script: new URL(import.meta.url),
    onSeed: (report) => {
      tally.add(report);
      if (report.violations.length > 0) {
        progress.clear();
        tellFailure(report, values.history);
      }
      progress.show(tally);
    },
  });
  progress.clear();
  console.log('\ncoverage');
  for (const [what, times] of Object.entries(tally.figures(from, from + count - 1).coverage)) console.log(`  ${String(times).padStart(9)}  ${what}`);
  if (tally.neverRan.length > 0) console.log(`\nnever ran in these seeds: ${tally.neverRan.join(', ')}`);
  const figures = tally.figures(from, from + count - 1);
  console.log(`\ncommit ${figures.commit}, seeds ${from} to ${figures.to}: ${figures.operations} operations, ${figures.faults} faults, ${tally.rate}`);
  if (values.record) recordRun(figures);
  console.log(`${count - tally.failed.length} passed, ${tally.failed.length} failed`);
  process.exitCode = tally.failed.length > 0 ? 1 : 0;
}

function tellFailure({ seed, violations, history }: SeedReport, withHistory: boolean): void {
  console.log(`seed ${seed}: ${violations.length} violations`);
  for (const { rule, what } of violations.slice(0, 5)) console.log(`  ${rule}: ${what}`);
  console.log(`  replay: npm run sim -- --seeds 1 --from ${seed} --history`);
  if (withHistory) for (const operation of history) console.log(JSON.stringify(operation));
}

/** A bar on a terminal, now and then a line elsewhere. */
class Progress {
  #saidMs = performance.now();
  readonly #isTerminal = process.stdout.isTTY;

  constructor(private readonly count: number) {}

  show(tally: RunTally): void {
    if (performance.now() - this.#saidMs < (this.#isTerminal ? BAR_EVERY_MS : LINE_EVERY_MS)) return;
    this.#saidMs = performance.now();
    const filled = Math.round((tally.seeds / this.count) * 20);
    const text = `${tally.seeds}/${this.count} seeds, ${tally.rate}, ${tally.failed.length} failed`;
    if (this.#isTerminal) process.stdout.write(`\r\u001b[K[${'#'.repeat(filled)}${'.'.repeat(20 - filled)}] ${text}`);
    else console.log(text);
  }

  clear(): void {
    if (this.#isTerminal) process.stdout.write('\r\u001b[K');
  }
}

if (isMainThread) await main();
else serveSeeds();
