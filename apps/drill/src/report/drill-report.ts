/** What a drill found, in the form in which it is kept: what the JSON file holds, and what the page is drawn from. */
import type { Violation } from '@app/history';
import type { Evidence } from '../judge/evidence.js';
import type { Judged } from '../judge/slo.js';
import type { FailureCount, Figures, NotedOperation, Verdict } from '../judge/verdict.js';
import { windowsOf } from '../judge/windows.js';
import type { DrillScript } from '../script/drill-script.js';

export interface DrillEnvironment {
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  readonly cpus: number;
  readonly cpuModel: string;
  readonly memoryGiB: number;
  readonly system: string;
  /** Average load of the machine when the drill began: what else it had to do. */
  readonly loadAverage: number;
  readonly cluster: string;
  /** Runs it again. */
  readonly command: string;
}

export type Outcome = 'passed' | 'failed' | 'not measured';

export interface DrillReport {
  readonly format: 1;
  readonly drill: string;
  readonly about: string;
  readonly outcome: Outcome;
  readonly environment: DrillEnvironment;
  readonly script: DrillScript;
  readonly load: { readonly ratePerS: number; readonly arrivals: string; readonly seed: number; readonly users: number; readonly listSize: number; readonly mix: object; readonly peakPerS: number | null };
  readonly goals: readonly Judged[];
  readonly figures: Figures;
  readonly violations: readonly Violation[];
  readonly faultsOfTheDrill: readonly string[];
  readonly failures: readonly FailureCount[];
  readonly operations: readonly NotedOperation[];
  /** Times in s from the start of the run. */
  readonly bands: readonly { readonly what: string; readonly fromS: number; readonly toS: number }[];
  readonly series: readonly Series[];
}

/** Of one population, in steps of 100 ms. */
export interface Series {
  readonly population: string;
  readonly points: readonly { readonly s: number; readonly due: number; readonly failed: number; readonly p50Ms: number; readonly p99Ms: number; readonly isMeasured: boolean }[];
}

export function reportOf(evidence: Evidence, { figures, violations, faultsOfTheDrill, failures, operations }: Verdict, goals: readonly Judged[], environment: DrillEnvironment): DrillReport {
  const { script, plan, run, spans } = evidence;
  const seconds = (ms: number): number => Math.round((ms - run.startMs) / 10) / 100;
  return {
    format: 1,
    drill: script.name,
    about: script.about,
    outcome: outcomeOf(faultsOfTheDrill, goals),
    environment,
    script,
    load: { ratePerS: plan.ratePerS, arrivals: plan.process, seed: plan.seed, users: plan.users, listSize: plan.listSize, mix: plan.mix, peakPerS: evidence.peakPerS },
    goals,
    figures,
    violations,
    faultsOfTheDrill,
    failures,
    operations,
    bands: spans.map(({ what, startMs, healMs }) => ({ what, fromS: seconds(startMs), toS: seconds(healMs) })),
    series: seriesOf(evidence),
  };
}

/** A broken promise is one however badly the rest was measured; of the rest a drill that proves nothing says nothing. */
function outcomeOf(faultsOfTheDrill: readonly string[], goals: readonly Judged[]): Outcome {
  const missed = goals.filter(({ passed }) => !passed);
  if (missed.some(({ figure, measured }) => measured !== null && /^(promises|divergence)\./.test(figure))) return 'failed';
  if (faultsOfTheDrill.length > 0) return 'not measured';
  return missed.length === 0 ? 'passed' : 'failed';
}

function seriesOf({ run, plan, zones }: Evidence): Series[] {
  const populations = [
    { population: 'devices that fail over', of: run.samples.filter(({ device }) => device === 'roaming') },
    ...zones.map((zone, index) => ({ population: `clients of ${zone}`, of: run.samples.filter((sample) => sample.device === 'zone' && sample.zone === index) })),
  ];
  return populations.map(({ population, of }) => {
    const windows = windowsOf(of, { originMs: run.startMs, fromMs: run.startMs, toMs: run.startMs + plan.durationMs, standstills: run.standstills, leastDue: 1 });
    return {
      population,
      points: windows.map(({ startMs, due, succeeded, p50Ms, p99Ms, isMeasured }) => ({
        s: Math.round(startMs - run.startMs) / 1_000,
        due,
        failed: due - succeeded,
        p50Ms: Math.round(p50Ms * 10) / 10,
        p99Ms: Math.round(p99Ms * 10) / 10,
        isMeasured,
      })),
    };
  });
}

