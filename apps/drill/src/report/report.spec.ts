import { describe, expect, it } from 'vitest';
import { DEFAULT_GOALS, judgeGoals } from '../judge/slo.js';
import { judge } from '../judge/verdict.js';
import { evidence, quietSamples, START_MS, type MadeUp } from '../testing/made-up-run.js';
import { reportOf, type DrillEnvironment } from './drill-report.js';
import { svgOf } from './plot.js';
import { pageOf } from './report-page.js';
import { linesOf, linesOfAll } from './report-table.js';

const ENVIRONMENT: DrillEnvironment = { date: '2026-11-22T00:00:00Z', commit: 'abc1234', node: 'v26', cpus: 2, cpuModel: 'some <cpu>', memoryGiB: 8, system: 'Linux', loadAverage: 1, cluster: '3 zones', command: 'npm run drill -- zone-kill --seed 1' };

function report(made: MadeUp = {}) {
  const all = evidence(made);
  const verdict = judge(all);
  return reportOf(all, verdict, judgeGoals('zone-kill', verdict.figures, DEFAULT_GOALS), ENVIRONMENT);
}
const broken = () => report({ samples: quietSamples().map((sample) => (sample.device === 'roaming' && sample.dueMs === START_MS + 11_000 ? { ...sample, ok: false, endMs: sample.dueMs + 777 } : sample)) });

describe('a report', () => {
  it('passes, fails, or proves nothing', () => {
    expect(report().outcome).toBe('passed');
    expect(broken().outcome).toBe('failed');
    expect(report({ run: { claims: [] } }).outcome).toBe('not measured');
  });
  it('that broke a promise has failed, however little else it proves', () => {
    expect(report({ run: { claims: [] }, more: { lists: [{ user: 'ann', films: [['x'], [], ['x']] }] } }).outcome).toBe('failed');
  });
  it('holds a point for each 100 ms of each population, and when faults were', () => {
    const { series, bands } = broken();
    expect(series.map(({ population }) => population)).toEqual(['devices that fail over', 'clients of zone-a', 'clients of zone-b', 'clients of zone-c']);
    expect(series[0]!.points).toHaveLength(200);
    expect(series[0]!.points[110]).toMatchObject({ s: 11, due: 20, failed: 1, p99Ms: 777 });
    expect(bands).toEqual([{ what: 'kill', fromS: 10, toS: 14 }]);
  });
});

describe('the page', () => {
  it('needs nothing else, serves light and dark, and holds figures, goals, environment and the command to run it again', () => {
    const page = pageOf([broken()]);
    expect(page).not.toMatch(/https?:\/\/|<script|<link|@import|src=/);
    expect(page).toContain('prefers-color-scheme:dark');
    expect(page.match(/<svg/g)).toHaveLength(4);
    expect(page.match(/class="band"/g)).toHaveLength(4);
    for (const text of ['device.slowestMs</td><td class="n">777', 'MISSED', 'abc1234', 'some &#60;cpu&#62;', 'npm run drill -- zone-kill --seed 1', 'kill</td><td class="n">10.0 s']) expect(page).toContain(text);
  });
  it('of several drills begins with a table of them', () => {
    const page = pageOf([report(), { ...broken(), drill: 'node-kill' }]);
    expect(page).toContain('<a href="#node-kill">');
    expect(page.match(/<svg/g)).toHaveLength(8);
  });
});

it('the terminal gets the same as rows', () => {
  const lines = linesOf(broken());
  expect(lines).toEqual(expect.arrayContaining([expect.stringMatching(/^device\.slowestMs\s+777\s+<= 300\s+MISSED$/), expect.stringMatching(/^device\.failed\s+1\s+<= 0\s+MISSED$/), 'zone-kill: failed']));
  const all = linesOfAll([report(), broken()]);
  expect(all).toEqual(expect.arrayContaining([expect.stringMatching(/^zone-kill\s+device\.failed\s+0\s+<= 0\s+pass$/), expect.stringMatching(/^zone-kill\s+failed\s+\d+\/\d+$/)]));
});

describe('a plot', () => {
  const plot = { title: 'T', unit: 'ms', from: 0, to: 10, bands: [{ name: 'cut', from: 2, to: 4 }] };
  it('puts time from left to right, values from below, and leaves a gap where nothing was measured', () => {
    const svg = svgOf({ ...plot, lines: [{ name: 'a', colour: 1, points: [[0, 0], [5, 4], [6, null], [10, 2]] }] });
    expect(svg).toContain('class="line c1" d="M56 196L502 26M948 111"');
    expect(svg).toContain('class="band" x="234.4" y="26" width="178.4"');
  });
  it('of nothing is a plot', () => expect(svgOf({ ...plot, lines: [{ name: 'a', colour: 0, points: [] }] })).toMatch(/^<svg.*<\/svg>$/));
  it('over powers of ten when asked', () => {
    const svg = svgOf({ ...plot, isLogarithmic: true, lines: [{ name: 'a', colour: 0, points: [[0, 1], [5, 10], [10, 100]] }] });
    expect(svg).toContain('d="M56 196L502 111L948 26"');
  });
});
