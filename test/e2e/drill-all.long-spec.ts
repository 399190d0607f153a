/**
 * Every drill, one after the other, on a cluster of its own at 30% of what this machine can do: `npm run drill -- --all`. What is
 * promised is demanded of each. Latencies depend on the machine and on what else it has to do, so they are measured and shown
 * in the table, missed or met, and a machine that is too busy to measure them says so; docs/DRILL.md has those of a quiet one.
 * TRIPTYCH_DRILL_REPORT names a directory that is to keep the report.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const DRILLS = [
  'zone-kill', 'zone-partition', 'zone-partition-one-way', 'zone-slow', 'zone-pause', 'gateway-kill', 'node-kill', 'rolling-restart', 'disk-full', 'clock-skew', 'flapping', 'lossy-link',
  'overload',
];
/** Of what the drill judges, that which no machine is too slow for. */
const PROMISES = /^(promises\.|divergence\.|undo\.)/;

interface Report {
  readonly drill: string;
  readonly goals: readonly { readonly figure: string; readonly measured: number | null; readonly passed: boolean }[];
  readonly figures: Readonly<Record<string, number | null>>;
  readonly violations: readonly unknown[];
  readonly bands: readonly unknown[];
}

let code: number | null;
let reports: readonly Report[];
const kept = process.env['TRIPTYCH_DRILL_REPORT'];
const directory = kept ?? mkdtempSync(path.join(tmpdir(), 'triptych-drill-all-'));
const reportOf = (drill: string): Report => reports.find((report) => report.drill === drill)!;

beforeAll(async () => {
  const child = spawn(process.execPath, ['--enable-source-maps', path.resolve('dist/apps/drill/main.js'), '--all', '--report', directory], { stdio: 'inherit' });
  [code] = (await once(child, 'close')) as [number | null];
  reports = JSON.parse(readFileSync(path.join(directory, 'all.json'), 'utf8')) as Report[];
}, 25 * 60_000);
afterAll(() => {
  if (kept === undefined) rmSync(directory, { recursive: true, force: true });
});

describe('every drill', () => {
  it('was run', () => {
    expect(reports.map(({ drill }) => drill)).toEqual(DRILLS);
    expect(code).toBeOneOf([0, 1, 3]);
    expect(readFileSync(path.join(directory, 'all.html'), 'utf8')).toContain('</svg>');
  });

  it.each(DRILLS)('%s: nothing lost, nothing back, no divergence, no false claim, everything undone', (drill) => {
    const { goals, figures, violations, bands } = reportOf(drill);
    const promises = goals.filter(({ figure }) => PROMISES.test(figure));
    expect(promises).toHaveLength(10);
    expect(promises.filter(({ passed }) => !passed)).toEqual([]);
    expect(violations).toEqual([]);
    expect(bands.length).toBeGreaterThan(0);
    expect(figures['operations']).toBeGreaterThan(200);
  });
});
