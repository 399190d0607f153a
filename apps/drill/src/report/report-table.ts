/** The same in a terminal: goals as rows, then what else is worth knowing at once. */
import type { DrillReport } from './drill-report.js';

const WORTH_KNOWING = [
  'operations', 'operations.failed', 'device.failed', 'device.slowestMs', 'device.longestDarkMs', 'survivors.failed', 'survivors.slowestMs', 'survivors.baselineWindowMs', 'survivors.worstWindowMs',
  'survivors.backWithinMs', 'cutOff.slowestPageMs', 'reads.one.stale', 'divergence.settledAfterMs', 'volumes.hedges', 'volumes.failovers', 'volumes.hintsStored', 'overload.goodputTimesPeak', 'generator.unmeasuredShare',
];

export function numberText(value: number | null): string {
  if (value === null) return '-';
  if (Number.isInteger(value)) return String(value);
  return value < 10 ? value.toFixed(2) : value.toFixed(0);
}

export function tableOf(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, index) => Math.max(most[index] ?? 0, cell.length)), []);
  return rows.map((row) => row.map((cell, index) => cell.padEnd(widths[index]!)).join('  ').trimEnd());
}

export function linesOf(report: DrillReport): string[] {
  const { drill, outcome, goals, figures, violations, faultsOfTheDrill, failures, operations } = report;
  const known = WORTH_KNOWING.flatMap((name) => (name in figures ? [`${name} ${numberText(figures[name]!)}`] : []));
  return [
    '',
    ...tableOf([['goal', 'measured', 'target', ''], ...goals.map(({ figure, measured, target, passed }) => [figure, numberText(measured), target, passed ? 'pass' : 'MISSED'])]),
    '',
    ...known,
    ...tableOf(failures.slice(0, 12).map(({ who, kind, said, count }) => [`failed ${count}`, who, kind, said])),
    ...tableOf(operations.slice(0, 12).map(({ who, kind, level, dueS, tookMs, ok, trail }) => [`at ${dueS.toFixed(1)} s`, who, kind, level, `${ok ? 'done' : 'failed'} after ${tookMs} ms:`, trail.join(', ')])),
    ...violations.slice(0, 10).map(({ rule, what }) => `BROKEN  ${rule}: ${what.slice(0, 300)}`),
    ...faultsOfTheDrill.map((fault) => `NOT MEASURED  ${fault}`),
    '',
    `${drill}: ${outcome}`,
  ];
}

/** One row for each goal of each drill, and a line for each drill. */
export function linesOfAll(reports: readonly DrillReport[]): string[] {
  return [
    '',
    ...tableOf([['drill', 'goal', 'measured', 'target', ''], ...reports.flatMap(({ drill, goals }) => goals.map(({ figure, measured, target, passed }) => [drill, figure, numberText(measured), target, passed ? 'pass' : 'MISSED']))]),
    '',
    ...tableOf([['drill', 'outcome', 'goals met', ''], ...reports.map(({ drill, outcome, goals, faultsOfTheDrill }) => [drill, outcome, `${goals.filter(({ passed }) => passed).length}/${goals.length}`, faultsOfTheDrill.join('; ')])]),
  ];
}
