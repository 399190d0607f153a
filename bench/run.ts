/**
 * `npm run bench`: what a request costs, beside what else a user would run. Starts a cluster of its own, another whose favorites
 * are `periodic`, a bare Fastify hello, and Fastify over Redis with two replicas, drives all by the same load, several
 * rounds interleaved, and reports CPU-microseconds per request summed over every process that serves it, with ratios
 * within the run: absolute figures vary by a third from run to run, ratios much less.
 *
 *     npm run bench -- [--seconds 4] [--rounds 5] [--in-flight 64] [--users 500] [--json file] [--write]
 *
 * --write puts the figures into docs/performance.json and the tables into docs/PERFORMANCE.md. Without redis-server that peer is
 * left out, in a line that says so; where TRIPTYCH_REQUIRE names redis, that is a failure.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { lacks } from '../test/support/capability.js';
import { runLoad } from './load.js';
import { whyNoRedis } from './redis-group.js';
import { goalsOf, tableOf, type BenchReport, type BenchRow, type Goal, type Measurement } from './report.js';
import { anonymousBytes, loopbackBytes, sumOfCpu } from './system-counters.js';
import { add, fill, halfAndHalf, list, LONG_LIST, longList, SHORT_LIST, startHello, startRedisPeer, startTriptych, type Load, type Server } from './targets.js';

const GOALS: readonly Goal[] = [
  { what: 'half and half, against hello', of: 'Triptych: half and half', to: 'Fastify hello', atMost: 6 },
  { what: 'half and half, against Redis synced always', of: 'Triptych: half and half', to: 'Fastify + Redis, WAIT 1, always: half and half', atMost: 0.5 },
  { what: 'half and half, periodic, against Redis synced each second', of: 'Triptych, periodic: half and half', to: 'Fastify + Redis, WAIT 1, everysec: half and half', atMost: 1.1 },
  { what: 'SESSION list against QUORUM list', of: `Triptych: list of ${SHORT_LIST}, SESSION`, to: `Triptych: list of ${SHORT_LIST}, QUORUM`, atMost: 0.85 },
  { what: 'the same in the store processes', of: `Triptych: list of ${SHORT_LIST}, SESSION`, to: `Triptych: list of ${SHORT_LIST}, QUORUM`, role: 'stores', atMost: 0.6 },
  { what: `list of ${LONG_LIST} against list of ${SHORT_LIST}`, of: `Triptych: list of ${LONG_LIST}, QUORUM`, to: `Triptych: list of ${SHORT_LIST}, QUORUM`, atMost: 6 },
];

const whole = { type: 'string' } as const;
const { values: given } = parseArgs({
  options: { seconds: whole, rounds: whole, 'in-flight': whole, users: whole, write: { type: 'boolean' }, json: { type: 'string' } },
});
const seconds = Number(given.seconds ?? 4);
const rounds = Number(given.rounds ?? 5);
const inFlight = Number(given['in-flight'] ?? 64);
const users = Number(given.users ?? 500);

// This file is dist/apps/bench/run.js.
const programs = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const root = path.dirname(path.dirname(programs));

async function main(): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'triptych-bench-'));
  const servers: Server[] = [];
  const skipped: string[] = [];
  const started = async (what: string, starting: Promise<Server>): Promise<Server> => {
    say(`starting ${what}`);
    servers.push(await starting);
    return servers.at(-1)!;
  };
  try {
    const loads: Load[] = [];
    const load = (server: Server, what: string, next: Load['next']): void => void loads.push({ name: what === '' ? server.name : `${server.name}: ${what}`, server, next });

    load(await started('a bare Fastify', startHello(programs)), '', hello(servers[0]!));
    const triptych = await started('a cluster of 3 zones x 2 nodes', startTriptych(programs, directory, 'commit'));
    const filled = await filledBy(triptych, true);
    load(triptych, 'add, QUORUM', add(triptych, users));
    load(triptych, `list of ${SHORT_LIST}, QUORUM`, list(triptych, users, filled));
    load(triptych, `list of ${SHORT_LIST}, SESSION`, list(triptych, users, filled, 'SESSION'));
    load(triptych, `list of ${LONG_LIST}, QUORUM`, longList(triptych, users));
    load(triptych, 'half and half', halfAndHalf(add(triptych, users), list(triptych, users, filled)));
    const others = [async () => started('another whose favorites are periodic', startTriptych(programs, directory, 'periodic'))];
    const whyNot = whyNoRedis();
    if (lacks('redis', whyNot)) skipped.push(`Redis: ${whyNot}`);
    else for (const appendFsync of ['always', 'everysec'] as const) others.push(async () => started(`Redis with two replicas, ${appendFsync}`, startRedisPeer(programs, directory, appendFsync)));
    for (const other of others) {
      const server = await other();
      const kept = await filledBy(server, false);
      load(server, 'half and half', halfAndHalf(add(server, users), list(server, users, kept)));
    }
    const report = await measure(loads, servers, skipped);
    const tables = `${tableOf(report)}\n\n${goalsOf(report, GOALS)}`;
    console.log(`\n${tables}\n`);
    if (given.json !== undefined) writeFileSync(given.json, `${JSON.stringify(report, null, 2)}\n`);
    if (given.write === true) writeDocs(report, tables);
    const failures = report.rows.flatMap((row) => row.rounds).reduce((sum, round) => sum + round.failures, 0);
    if (failures > 0) throw new Error(`${failures} requests failed: these figures mean nothing`);
  } finally {
    for (const server of servers.reverse()) await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const hello = ({ urls }: Server): Load['next'] => () => ({ method: 'GET', url: `${urls[0]}/` });

async function filledBy(server: Server, isLongToo: boolean): ReturnType<typeof fill> {
  say(`filling ${users} lists of ${server.name} with ${SHORT_LIST} films each`);
  return await fill(server, users, isLongToo);
}

async function measure(loads: readonly Load[], servers: readonly Server[], skipped: readonly string[]): Promise<BenchReport> {
  const results = loads.map(({ name }) => ({ name, rounds: [] as Measurement[] })) satisfies BenchRow[];
  for (let round = -1; round < rounds; round++) {
    for (const [index, load] of loads.entries()) {
      // Round -1 warms everything up.
      const measured = await once(load, round < 0 ? Math.min(seconds, 2) : seconds);
      say(`${round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`}: ${load.name}: ${measured.cpuUsPerRequest.toFixed(0)} us, ${measured.requestsPerSecond.toFixed(0)} requests/s`);
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
    skipped,
    rows: results,
    memoryMiB: Object.fromEntries(servers.map((server) => [server.name, eachOf(server.pids(), (pids) => Math.round(Math.max(...pids.map(anonymousBytes)) / 2 ** 20))])),
  };
}

async function once({ server, next }: Load, forSeconds: number): Promise<Measurement> {
  const pids = server.pids();
  const [cpuBefore, bytesBefore] = [eachOf(pids, sumOfCpu), loopbackBytes()];
  const { requests, failures, seconds: took, latencies } = await runLoad({ inFlight, seconds: forSeconds, next });
  const cpuUsByRole = eachOf(pids, (of, role) => (sumOfCpu(of) - cpuBefore[role]!) / requests);
  const ms = (percentile: number): number => latencies.getValueAtPercentile(percentile) / 1_000;
  return {
    cpuUsPerRequest: Object.values(cpuUsByRole).reduce((sum, each) => sum + each, 0),
    cpuUsByRole,
    requestsPerSecond: requests / took,
    p50Ms: ms(50),
    p99Ms: ms(99),
    p999Ms: ms(99.9),
    bytesOnWirePerRequest: (loopbackBytes() - bytesBefore) / requests,
    failures,
  };
}

function eachOf(pids: Readonly<Record<string, readonly number[]>>, figure: (of: readonly number[], role: string) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(pids).map(([role, of]) => [role, figure(of, role)]));
}

function writeDocs(report: BenchReport, tables: string): void {
  writeFileSync(path.join(root, 'docs', 'performance.json'), `${JSON.stringify(report, null, 2)}\n`);
  const file = path.join(root, 'docs', 'PERFORMANCE.md');
  const [before, rest] = readFileSync(file, 'utf8').split('<!-- bench -->');
  const [, after] = rest!.split('<!-- /bench -->');
  const left = report.skipped.length > 0 ? ` Left out: ${report.skipped.join('; ')}.` : '';
  const where = `Commit ${report.commit}, ${report.date}, Node ${report.node}, ${report.cpus} cores, ${report.inFlight} in flight, ${report.rows[0]!.rounds.length} rounds of ${report.secondsPerRound} s. \`${report.command}\`${left}`;
  writeFileSync(file, `${before}<!-- bench -->\n${where}\n\n${tables}\n<!-- /bench -->${after}`);
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
