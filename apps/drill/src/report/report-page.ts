/** The report as one page that needs nothing else: figures, goals and plots of each drill, in light and dark. */
import { escaped, svgOf, type Band, type Line } from './plot.js';
import type { DrillReport, Series } from './drill-report.js';
import { numberText } from './report-table.js';

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--faint:#8a929c;--grid:#e4e7eb;--band:#d64545;--good:#1a7f4b;--bad:#c23030;--c0:#2563eb;--c1:#d97706;--c2:#059669;--c3:#9333ea;--c4:#0891b2;--c5:#be185d}
@media (prefers-color-scheme:dark){:root{--ink:#e6e8eb;--paper:#14171b;--faint:#8b95a1;--grid:#2a3038;--band:#b33a3a;--good:#3fc380;--bad:#ff6b6b;--c0:#6ea0ff;--c1:#f5a742;--c2:#34d399;--c3:#c084fc;--c4:#22d3ee;--c5:#f472b6}}
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1000px;margin:2rem auto;padding:0 1rem}
h1,h2,h3{line-height:1.2}table{border-collapse:collapse;width:100%;margin:.6rem 0 1.4rem}td,th{text-align:left;padding:.22rem .6rem;border-bottom:1px solid var(--grid);vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}.passed{color:var(--good)}.failed,.not{color:var(--bad)}code,pre{font-family:ui-monospace,monospace;font-size:.9em}
pre{white-space:pre-wrap;background:color-mix(in srgb,var(--ink) 6%,transparent);padding:.6rem;border-radius:4px}svg{width:100%;height:auto;margin:.3rem 0}
.band{fill:var(--band);opacity:.16}.grid{stroke:var(--grid)}.tick,.key,.title{font-size:11px;fill:var(--faint)}.title{fill:var(--ink);font-weight:600}
.line{fill:none;stroke-width:1.4}.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}.c4{stroke:var(--c4)}.c5{stroke:var(--c5)}
tspan{stroke:none}tspan.c0{fill:var(--c0)}tspan.c1{fill:var(--c1)}tspan.c2{fill:var(--c2)}tspan.c3{fill:var(--c3)}tspan.c4{fill:var(--c4)}tspan.c5{fill:var(--c5)}
`;

export function pageOf(reports: readonly DrillReport[]): string {
  const title = reports.length === 1 ? `Drill ${reports[0]!.drill}` : `${reports.length} drills`;
  const body = [
    `<h1>${escaped(title)}</h1>`,
    ...(reports.length > 1 ? [summary(reports)] : []),
    ...reports.map(section),
    environment(reports[0]!),
  ];
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${STYLE}</style><body>${body.join('\n')}</body></html>\n`;
}

function summary(reports: readonly DrillReport[]): string {
  const rows = reports.map(({ drill, about, outcome, goals }) => `<tr><td><a href="#${drill}">${escaped(drill)}</a></td><td class="${cssOf(outcome)}">${outcome}</td><td class="n">${goals.filter(({ passed }) => passed).length}/${goals.length}</td><td>${escaped(about)}</td></tr>`);
  return `<table><tr><th>drill</th><th>outcome</th><th>goals met</th><th></th></tr>${rows.join('')}</table>`;
}

function section(report: DrillReport): string {
  const { drill, about, outcome, goals, figures, violations, faultsOfTheDrill, failures, operations, bands, load } = report;
  return [
    `<h2 id="${drill}">${escaped(drill)}: <span class="${cssOf(outcome)}">${outcome}</span></h2>`,
    `<p>${escaped(about)}. ${Math.round(load.ratePerS)} requests a second (${load.arrivals}, seed ${load.seed})${load.peakPerS === null ? '' : ` of ${Math.round(load.peakPerS)} at peak`}, ${load.users} users.</p>`,
    ...faultsOfTheDrill.map((fault) => `<p class="failed">Not measured: ${escaped(fault)}</p>`),
    ...plots(report),
    '<h3>Goals</h3>',
    `<table><tr><th>figure</th><th>measured</th><th>target</th><th></th></tr>${goals.map(({ figure, measured, target, passed }) => `<tr><td>${escaped(figure)}</td><td class="n">${numberText(measured)}</td><td>${escaped(target)}</td><td class="${passed ? 'passed' : 'failed'}">${passed ? 'pass' : 'MISSED'}</td></tr>`).join('')}</table>`,
    '<h3>What was done</h3>',
    `<table>${bands.map(({ what, fromS, toS }) => `<tr><td>${escaped(what)}</td><td class="n">${fromS.toFixed(1)} s</td><td class="n">${toS.toFixed(1)} s</td></tr>`).join('')}</table>`,
    ...(violations.length === 0 ? [] : ['<h3>Broken promises</h3>', `<pre>${violations.map(({ rule, what }) => escaped(`${rule}: ${what}`)).join('\n')}</pre>`]),
    ...(failures.length === 0 ? [] : ['<h3>What failed</h3>', `<table>${failures.map(({ who, kind, said, count }) => `<tr><td>${escaped(who)}</td><td>${kind}</td><td>${escaped(said)}</td><td class="n">${count}</td></tr>`).join('')}</table>`]),
    ...(operations.length === 0 ? [] : ['<details><summary>Single operations: failed ones that should not have, and the slowest of a zone that was cut off</summary>', `<table>${operations.map(({ who, kind, level, dueS, tookMs, ok, trail }) => `<tr><td class="n">${dueS.toFixed(1)} s</td><td>${escaped(who)}</td><td>${kind}</td><td>${escaped(level)}</td><td>${ok ? 'done' : 'failed'} after ${tookMs} ms</td><td>${trail.map(escaped).join('<br>')}</td></tr>`).join('')}</table></details>`]),
    '<details><summary>All figures</summary>',
    `<table>${Object.entries(figures).map(([name, value]) => `<tr><td>${escaped(name)}</td><td class="n">${numberText(value)}</td></tr>`).join('')}</table></details>`,
  ].join('\n');
}

function plots({ series, bands, script }: DrillReport): string[] {
  const shared = { from: 0, to: script.durationS, bands: bands.map(({ what, fromS, toS }): Band => ({ name: what, from: fromS, to: toS })) };
  const lines = (valueOf: (point: Series['points'][number]) => number | null): Line[] =>
    series.map(({ population, points }, colour) => ({ name: population, colour: colour % 6, points: points.map((point) => [point.s, valueOf(point)]) }));
  return [
    svgOf({ ...shared, title: 'Answered well', unit: 'operations a second, by when they were due', lines: lines(({ due, failed }) => 10 * (due - failed)) }),
    svgOf({ ...shared, title: 'Slowest of each 100 ms (p99)', unit: 'ms, logarithmic; gaps: not measured', isLogarithmic: true, lines: lines(({ p99Ms, isMeasured }) => (isMeasured ? Math.max(0.1, p99Ms) : null)) }),
    svgOf({ ...shared, title: 'Median', unit: 'ms, logarithmic', isLogarithmic: true, lines: lines(({ p50Ms, isMeasured }) => (isMeasured ? Math.max(0.1, p50Ms) : null)) }),
    svgOf({ ...shared, title: 'Failed', unit: 'operations a second, by when they were due', lines: lines(({ failed }) => 10 * failed) }),
  ];
}

function environment({ environment: { command, ...rest } }: DrillReport): string {
  const rows = Object.entries(rest).map(([name, value]) => `<tr><td>${escaped(name)}</td><td>${escaped(String(value))}</td></tr>`);
  return `<h2>Environment</h2><table>${rows.join('')}</table><p>Run it again:</p><pre>${escaped(command)}</pre>`;
}

const cssOf = (outcome: string): string => (outcome === 'not measured' ? 'not' : outcome);
