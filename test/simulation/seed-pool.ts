/**
 * Runs seeds in worker threads, each taking the next one when it is done with its last. A seed that hangs, which no
 * exception tells, is ended with its worker and reported.
 */
import { parentPort, Worker } from 'node:worker_threads';
import { config } from 'rxjs';
import type { Operation, Violation } from '@app/history';
import { simulate } from './simulation.js';

/** What is told of one seed; its history only where a promise was broken. */
export interface SeedReport {
  readonly seed: number;
  readonly violations: readonly Pick<Violation, 'rule' | 'what' | 'operations'>[];
  readonly operations: number;
  readonly faults: number;
  readonly virtualMs: number;
  readonly coverage: Readonly<Record<string, number>>;
  readonly history: readonly Operation[];
}

export interface PoolOptions {
  readonly from: number;
  readonly count: number;
  readonly workerCount: number;
  /** The file that calls serveSeeds() when it finds itself in a worker. */
  readonly script: URL;
  readonly onSeed: (report: SeedReport) => void;
}

/** Each seed that this divides is run twice, and must leave the same trace. */
export const TWICE_EVERY = 25;
const HUNG_AFTER_MS = 180_000;

/** Simulates a seed; twice where it is one of the sample. */
export function reportOf(seed: number): SeedReport {
  const { violations, operations, faults, virtualMs, coverage, history, traceHash } = simulate(seed);
  const found: SeedReport['violations'][number][] = [...violations];
  const counts = { ...coverage };
  if (seed % TWICE_EVERY === 0) {
    const again = simulate(seed).traceHash;
    counts['seed run twice'] = 1;
    if (again !== traceHash) found.push({ rule: 'broken-invariant', what: `the same seed left the trace ${traceHash} and then ${again}`, operations: [] });
  }
  return { seed, violations: found, operations, faults, virtualMs, coverage: counts, history: found.length === 0 ? [] : history };
}

/** In a worker: answers each seed that it is sent with its report. */
export function serveSeeds(): void {
  // Errors are part of normal work here, and most of what they cost is a stack that nobody reads.
  Error.stackTraceLimit = 0;
  // What an Observable has nobody to tell, it throws in a turn of its own, after the seed: so is the answer.
  const unheard: unknown[] = [];
  config.onUnhandledError = (error) => unheard.push(error);
  parentPort!.on('message', (seed: number) => {
    const report = reportOf(seed);
    setTimeout(() => {
      const violations = unheard.splice(0).map((error) => ({ rule: 'broken-invariant' as const, what: `nobody was told of ${String(error)}`, operations: [] }));
      parentPort!.postMessage({ ...report, violations: [...report.violations, ...violations] });
    }, 1);
  });
}

export function runSeeds({ from, count, workerCount, script, onSeed }: PoolOptions): Promise<void> {
  let next = from;
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(script);
      let seed = -1;
      let watchdog: NodeJS.Timeout;
      const goOn = (): void => {
        clearTimeout(watchdog);
        if (next >= from + count) return void worker.terminate().then(() => resolve());
        seed = next++;
        watchdog = setTimeout(() => {
          onSeed({ seed, violations: [{ rule: 'broken-invariant', what: `hangs: no end after ${HUNG_AFTER_MS / 1_000} s`, operations: [] }], operations: 0, faults: 0, virtualMs: 0, coverage: {}, history: [] });
          void worker.terminate().then(() => work().then(resolve, reject));
        }, HUNG_AFTER_MS);
        worker.postMessage(seed);
      };
      worker.on('message', (report: SeedReport) => {
        onSeed(report);
        goOn();
      });
      worker.on('error', (error) => {
        clearTimeout(watchdog);
        reject(error);
      });
      goOn();
    });
  return Promise.all(Array.from({ length: Math.min(workerCount, count) }, work)).then(() => undefined);
}
