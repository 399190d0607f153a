/**
 * `npm run drill`: loads a cluster, takes a zone away, and shows what happened. Ends with 0 when every goal was met, 1 when one was
 * missed or a promise broken, 2 when it could not be run as asked, 3 when it ran and proves nothing (its own coverage, its own
 * event loop), 130 on Ctrl-C. However it ends, what it broke is mended: by itself, or by its guard when it cannot.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type as systemType } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DrillRefused } from './drill-refused.js';
import { commandAgain, readOptions, type DrillOptions } from './drill-options.js';
import { runDrill } from './drill.js';
import { UndoList } from './faults/undo-list.js';
import { startGenerator, type GeneratorProcess } from './generator-process.js';
import { DEFAULT_GOALS, judgeGoals, readGoals, type Goal } from './judge/slo.js';
import { judge } from './judge/verdict.js';
import { DEFAULT_PATIENCE } from './load/device.js';
import type { LoadPlan } from './load/load-plan.js';
import { machineClock } from './load/machine-clock.js';
import { progressLine } from './progress.js';
import { reportOf, type DrillEnvironment, type DrillReport } from './report/drill-report.js';
import { pageOf } from './report/report-page.js';
import { linesOf, linesOfAll } from './report/report-table.js';
import { readScript, type DrillScript } from './script/drill-script.js';
import { BRIEF_TIMES, DEFAULT_TIMES, DRILL_NAMES, namedDrill, type DrillTargets } from './script/named-drills.js';
import { ClusterTarget, urlOf } from './target/cluster-target.js';
import { startOwnCluster } from './target/own-cluster.js';

// This file is dist/apps/drill/main.js.
const programs = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const say = (line: string): void => console.log(line);
// Nobody may be there to read it: the drill goes on, and mends what it broke.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const SHARE_OF_PEAK = 0.3;
const PEAK_MS = 4_000;
const PEAK_IN_FLIGHT = 32;
const LEAST_RATE_PER_S = 20;
const WATCHERS_PER_ZONE = 8;
/** Whose zone is harmed, where nobody says otherwise: not the first, so that it is not the one that everything starts in. */
const HARMED_ZONE = 1;

class Interrupted extends Error {}

/** What is loaded and harmed. */
interface Scene {
  readonly gateways: readonly string[];
  readonly zones: readonly string[];
  readonly cluster: ClusterTarget | null;
  readonly targets: DrillTargets | null;
  readonly about: string;
  readonly end: () => Promise<void>;
}

async function main(words: readonly string[]): Promise<number> {
  const options = readOptions(words);
  const goals = options.slo === undefined ? DEFAULT_GOALS : readGoals(readText(options.slo), options.slo);
  const given = options.script === undefined ? null : readScript(readText(options.script), options.script);
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.abort(new Interrupted(signal)));
  const undoList = new UndoList(path.join(programs, 'drill', 'undo-guard.js'));
  let scene: Scene | null = null;
  try {
    scene = await sceneOf(options, undoList, interrupt.signal);
    const { targets } = scene;
    const times = { ...(options.all || options.brief ? BRIEF_TIMES : DEFAULT_TIMES), ...(options.duration !== undefined && { faultS: options.duration }) };
    const named = (name: (typeof DRILL_NAMES)[number]): DrillScript => {
      if (targets === null) throw new DrillRefused('nothing of this cluster can be harmed without its data directory: give --data DIR, or --peak to only load it');
      return namedDrill(name, targets, times);
    };
    const load = await loadOf(scene, options, interrupt.signal);
    if (options.peak) return 0;
    const scripts = given !== null ? [given] : options.all ? DRILL_NAMES.map(named) : [named(options.drill ?? 'zone-kill')];
    const reports: DrillReport[] = [];
    for (const [index, script] of scripts.entries()) reports.push(await oneDrill({ script, scene, goals, options, load, undoList, words, index, ending: interrupt.signal }));
    if (reports.length > 1) linesOfAll(reports).forEach(say);
    say(`report: ${written(reports, options)}`);
    return exitCodeOf(reports);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    say('\ninterrupted: mending what was broken ...');
    return 130;
  } finally {
    const failures = await undoList.undoAll();
    for (const failure of failures) console.error(`could not be undone: ${failure}`);
    await scene?.end();
    // Interrupted before the cluster was up: the guard ends what there is of it.
    undoList.close(scene === null ? undoList.due : []);
    if (failures.length === 0) say('everything is as it was');
  }
}

async function sceneOf({ data, target, zones, 'nodes-per-zone': nodesPerZone }: DrillOptions, undoList: UndoList, ending: AbortSignal): Promise<Scene> {
  if (data === undefined && target !== undefined) {
    return { gateways: target, zones: target.map((_, index) => `zone-${String.fromCharCode(97 + index)}`), cluster: null, targets: null, about: `${target.length} gateways at ${target.join(', ')}`, end: async () => {} };
  }
  let end = async (): Promise<void> => {};
  let directory = data;
  if (directory === undefined) {
    say(`starting a cluster of ${zones} zones x ${nodesPerZone} nodes`);
    const own = startOwnCluster({
      entry: path.join(programs, 'cluster', 'main.js'),
      zones,
      nodesPerZone,
      say: (line) => /^(starting|warning|catalog: \d+ films loaded)/.test(line) && say(`  ${line}`),
      began: (pid, at) => undoList.add({ kind: 'end', pid, directory: at }),
    });
    const started = await Promise.race([own, new Promise<never>((_, reject) => ending.addEventListener('abort', () => reject(ending.reason as Error), { once: true }))]);
    directory = started.directory;
    end = () => started.end();
  }
  const cluster = new ClusterTarget(directory);
  const { processes } = await cluster.status();
  const gateways = processes.filter(({ role }) => role === 'gateway');
  const harmed = gateways[Math.min(HARMED_ZONE, gateways.length - 1)]!;
  const node = processes.find(({ role, zone }) => role === 'store' && zone === harmed.zone)!;
  return {
    gateways: target ?? gateways.map(urlOf),
    zones: gateways.map(({ zone, name }) => zone ?? name),
    cluster,
    targets: { zone: harmed.zone!, gateway: harmed.name, node: node.name },
    about: `${gateways.length} zones, ${processes.filter(({ role }) => role === 'store').length} store nodes${data === undefined ? ', the drill\'s own, on this machine' : ` in ${directory}`}`,
    end,
  };
}

interface Load {
  readonly plan: Omit<LoadPlan, 'durationMs' | 'userPrefix' | 'steps'>;
  readonly peakPerS: number | null;
}

/** What to ask for, after looking at what there is, and how often, after trying how much is possible. */
async function loadOf({ gateways }: Scene, options: DrillOptions, ending: AbortSignal): Promise<Load> {
  const paths = Object.keys(((await (await fetch(`${gateways[0]}/docs/json`)).json()) as { paths?: object }).paths ?? {});
  const hasHome = paths.some((one) => one.endsWith('/home'));
  const hasEvents = paths.some((one) => one.endsWith('/favorites/events'));
  const plan = {
    seed: options.seed,
    gateways,
    users: options.users,
    skew: options.skew,
    listSize: options['list-size'],
    mix: hasHome ? options.mix : { ...options.mix, home: 0 },
    roamingShare: 0.5,
    readBackShare: 0.3,
    patience: DEFAULT_PATIENCE,
    watchersPerZone: hasEvents ? WATCHERS_PER_ZONE : 0,
    process: options.arrivals,
    ratePerS: options.rate ?? 0,
  };
  if (options.rate !== undefined && !options.peak) return { plan, peakPerS: null };
  const generator = startGenerator(path.join(programs, 'drill', 'generator.js'));
  try {
    await endedBy(generator.prepare({ ...plan, ratePerS: 1, durationMs: 0, userPrefix: `peak-${stamp()}-` }), ending);
    await endedBy(generator.peak({ inFlight: PEAK_IN_FLIGHT, durationMs: PEAK_MS / 2 }), ending);
    const { perSecond } = await endedBy(generator.peak({ inFlight: PEAK_IN_FLIGHT, durationMs: PEAK_MS }), ending);
    const ratePerS = options.rate ?? Math.max(LEAST_RATE_PER_S, Math.round(SHARE_OF_PEAK * perSecond));
    say(`peak: ${Math.round(perSecond)} operations a second in a closed loop of ${PEAK_IN_FLIGHT}; the drill asks for ${ratePerS}`);
    return { plan: { ...plan, ratePerS }, peakPerS: perSecond };
  } finally {
    generator.end();
  }
}

interface OneDrill {
  readonly script: DrillScript;
  readonly scene: Scene;
  readonly goals: readonly Goal[];
  readonly options: DrillOptions;
  readonly load: Load;
  readonly undoList: UndoList;
  readonly words: readonly string[];
  readonly index: number;
  readonly ending: AbortSignal;
}

async function oneDrill({ script, scene, goals, options, load, undoList, words, index, ending }: OneDrill): Promise<DrillReport> {
  say(`\n== ${script.name}: ${script.about}`);
  const environment = environmentOf(scene, options, words);
  const steps = script.steps.flatMap(({ atS, forS, fault }) => (fault.kind === 'load' ? [{ fromMs: 1_000 * atS, factor: fault.factor }, { fromMs: 1_000 * (atS + forS), factor: 1 }] : []));
  const plan: LoadPlan = { ...load.plan, steps, durationMs: 1_000 * script.durationS, userPrefix: `d${stamp()}-${index}-` };
  const generator: GeneratorProcess = startGenerator(path.join(programs, 'drill', 'generator.js'));
  let phase = 'warm-up';
  let beganMs: number | null = null;
  generator.onLive((figures) => {
    // Live figures come once a second: the run began one before the first.
    beganMs ??= machineClock.monotonicMs() - 1_000;
    const seconds = (machineClock.monotonicMs() - beganMs) / 1_000;
    if (phase === 'warm-up' && seconds > script.warmUpS) phase = 'baseline';
    say(progressLine(phase, seconds, scene.zones, figures));
  });
  try {
    const sayPhase = (line: string): void => {
      if (beganMs !== null) phase = line;
      say(`      ${line}`);
    };
    const evidence = await runDrill({ script, plan, zones: scene.zones, generator, cluster: scene.cluster, undoList, peakPerS: load.peakPerS, say: sayPhase, ending });
    const verdict = judge(evidence);
    const report = reportOf(evidence, verdict, judgeGoals(script.name, verdict.figures, goals), environment);
    linesOf(report).forEach(say);
    return report;
  } finally {
    generator.end();
  }
}

function environmentOf({ about }: Scene, { seed }: DrillOptions, words: readonly string[]): DrillEnvironment {
  return {
    date: new Date().toISOString(),
    commit: commit(),
    node: process.version,
    cpus: availableParallelism(),
    cpuModel: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${systemType()} ${release()}`,
    loadAverage: Math.round(10 * loadavg()[0]!) / 10,
    cluster: about,
    command: commandAgain(words, seed),
  };
}

/** @returns the page */
function written(reports: readonly DrillReport[], { report: directory, all }: DrillOptions): string {
  const name = all ? 'all' : reports[0]!.drill;
  const file = path.join(directory, `${name}.html`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, `${name}.json`), `${JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 1)}\n`);
  writeFileSync(file, pageOf(reports));
  return file;
}

function exitCodeOf(reports: readonly DrillReport[]): number {
  if (reports.some(({ outcome }) => outcome === 'failed')) return 1;
  return reports.some(({ outcome }) => outcome === 'not measured') ? 3 : 0;
}

function endedBy<T>(work: Promise<T>, ending: AbortSignal): Promise<T> {
  return Promise.race([work, new Promise<never>((_, reject) => ending.addEventListener('abort', () => reject(ending.reason as Error), { once: true }))]);
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new DrillRefused(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** Short, and another one each time. */
const stamp = (): string => Date.now().toString(36);

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof DrillRefused ? `drill: ${error.message}` : error);
  process.exitCode = 2;
}
