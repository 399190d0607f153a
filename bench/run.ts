/**
 * `npm run bench`: what a request costs. Starts a cluster of its own and a bare Fastify hello, drives both by the same load,
 * several rounds interleaved, and reports CPU-microseconds per request summed over every process that serves it, with
 * ratios to hello of the same run: absolute figures vary by a third from run to run, ratios much less.
 *
 *     npm run bench -- [--seconds 5] [--rounds 5] [--in-flight 64] [--users 500] [--write]
 *
 * --write puts the figures into docs/performance.json and the table into docs/PERFORMANCE.md.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { entriesIn } from '../apps/cluster/src/entries.js';
import { startCluster, type ClusterHandle } from '../apps/cluster/src/supervisor.js';
import { sumOfCpu } from './cpu-time.js';
import { runLoad, send, type LoadRequest } from './load.js';
import { tableOf, type BenchReport, type BenchRow, type Measurement } from './report.js';

const FILMS_IN_LIST = 20;

const whole = { type: 'string' } as const;
const { values: given } = parseArgs({
  options: { seconds: whole, rounds: whole, 'in-flight': whole, users: whole, write: { type: 'boolean' }, json: { type: 'string' } },
});
const seconds = Number(given.seconds ?? 5);
const rounds = Number(given.rounds ?? 5);
const inFlight = Number(given['in-flight'] ?? 64);
const users = Number(given.users ?? 500);

// This file is dist/apps/bench/run.js.
const programs = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const root = path.dirname(path.dirname(programs));

interface Target {
  readonly name: string;
  readonly pids: () => readonly number[];
  readonly next: (index: number) => LoadRequest;
}

async function main(): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'triptych-bench-'));
  const hello = await startHello();
  let cluster: ClusterHandle | null = null;
  try {
    say('starting a cluster of 3 zones x 2 nodes');
    cluster = await startCluster({ zones: 3, nodesPerZone: 2, port: 0, dataDirectory: directory, entries: entriesIn(programs), environment: { ...process.env, TRIPTYCH_LOG_LEVEL: 'warn' } });
    const gateways = cluster.processes.filter(({ role }) => role === 'gateway').map(({ host, port }) => `http://${host}:${port}`);
    const pids = (): number[] => cluster!.processes.filter(({ role }) => role !== 'round-robin').flatMap(({ pid }) => (pid === null ? [] : [pid]));
    say(`filling ${users} lists with ${FILMS_IN_LIST} films`);
    await fill(gateways);
    const report = await measure(targetsOf(hello, gateways, pids));
    const table = tableOf(report);
    console.log(`\n${table}\n`);
    if (given.json !== undefined) writeFileSync(given.json, `${JSON.stringify(report, null, 2)}\n`);
    if (given.write === true) writeDocs(report, table);
    const failures = report.rows.flatMap((row) => row.rounds).reduce((sum, round) => sum + round.failures, 0);
    if (failures > 0) throw new Error(`${failures} requests failed: these figures mean nothing`);
  } finally {
    await cluster?.stop();
    hello.process.stdin!.end();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Adds go round the gateways and over many lists, each film new to its list; lists are read from others than those added to. */
function targetsOf(hello: { url: string; process: ChildProcess }, gateways: readonly string[], pids: () => readonly number[]): Target[] {
  const at = (index: number): string => gateways[index % gateways.length]!;
  let added = 0;
  const add = (index: number): LoadRequest => {
    const film = added++;
    return { method: 'PUT', url: `${at(index)}/v1/users/adds-${film % users}/favorites/film-${film}` };
  };
  const list = (index: number): LoadRequest => ({ method: 'GET', url: `${at(index)}/v1/users/list-${index % users}/favorites?limit=50` });
  return [
    { name: 'Fastify hello', pids: () => [hello.process.pid!], next: () => ({ method: 'GET', url: hello.url }) },
    { name: 'add, QUORUM', pids, next: add },
    { name: `list of ${FILMS_IN_LIST}, QUORUM`, pids, next: list },
    { name: 'half and half', pids, next: (index) => (index % 2 === 0 ? add(index >> 1) : list(index >> 1)) },
  ];
}

async function measure(targets: readonly Target[]): Promise<BenchReport> {
  const results = targets.map(({ name }) => ({ name, rounds: [] as Measurement[] })) satisfies BenchRow[];
  for (let round = -1; round < rounds; round++) {
    for (const [index, target] of targets.entries()) {
      // Round -1 warms everything up.
      const measured = await once(target, round < 0 ? Math.min(seconds, 2) : seconds);
      say(`${round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`}: ${target.name}: ${measured.cpuUsPerRequest.toFixed(0)} us, ${measured.requestsPerSecond.toFixed(0)} requests/s`);
      if (round >= 0) results[index]!.rounds.push(measured);
    }
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    command: `npm run bench -- --seconds ${seconds} --rounds ${rounds} --in-flight ${inFlight} --users ${users}`,
    node: process.version,
    cpus: availableParallelism(),
    inFlight,
    secondsPerRound: seconds,
    rows: results,
  };
}

async function once(target: Target, forSeconds: number): Promise<Measurement> {
  const before = sumOfCpu(target.pids());
  const { requests, failures, seconds: took, latencies } = await runLoad({ inFlight, seconds: forSeconds, next: target.next });
  const used = sumOfCpu(target.pids()) - before;
  const ms = (percentile: number): number => latencies.getValueAtPercentile(percentile) / 1_000;
  return { cpuUsPerRequest: used / requests, requestsPerSecond: requests / took, p50Ms: ms(50), p99Ms: ms(99), p999Ms: ms(99.9), failures };
}

async function fill(gateways: readonly string[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < users * FILMS_IN_LIST) {
      const index = next++;
      const url = `${gateways[index % gateways.length]}/v1/users/list-${index % users}/favorites/film-${Math.floor(index / users)}`;
      if (!(await send(agent, { method: 'PUT', url }))) throw new Error(`${url} was not answered`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  agent.destroy();
}

async function startHello(): Promise<{ url: string; process: ChildProcess }> {
  const child = spawn(process.execPath, [path.join(programs, 'bench', 'hello.js')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once('exit', () => reject(new Error('the hello server did not start')));
  });
  return { url: `http://127.0.0.1:${port}/`, process: child };
}

function writeDocs(report: BenchReport, table: string): void {
  writeFileSync(path.join(root, 'docs', 'performance.json'), `${JSON.stringify(report, null, 2)}\n`);
  const file = path.join(root, 'docs', 'PERFORMANCE.md');
  const [before, rest] = readFileSync(file, 'utf8').split('<!-- bench -->');
  const [, after] = rest!.split('<!-- /bench -->');
  const where = `Commit ${report.commit}, ${report.date}, Node ${report.node}, ${report.cpus} cores, ${report.inFlight} in flight, ${report.rows[0]!.rounds.length} rounds of ${report.secondsPerRound} s. \`${report.command}\``;
  writeFileSync(file, `${before}<!-- bench -->\n${where}\n\n${table}\n<!-- /bench -->${after}`);
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

const say = (line: string): void => console.log(line);

await main();
