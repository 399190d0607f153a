/**
 * The same loads at Triptych and beside what else a user would run, rounds interleaved: CPU-microseconds per request, summed over every
 * process that serves it, and their ratios within the run: absolute figures vary by a third from run to run, ratios much less.
 */
import { lacks } from '../test/support/capability.js';
import type { Bench } from './bench.js';
import { runLoad } from './load.js';
import { whyNoRedis } from './redis-group.js';
import type { BenchRow, Goal, Measurement, SideBySide } from './report.js';
import { anonymousBytes, cpuByRole, eachOf, loopbackBytes } from './system-counters.js';
import { add, fillLong, fillShort, halfAndHalf, list, LONG_LIST, longList, SHORT_LIST, startHello, startRedisPeer, startTriptych, type Load, type Server } from './targets.js';

export const RATIOS: readonly Goal[] = [
  { what: 'CPU per request, half and half, against hello', of: 'Triptych: half and half', to: 'Fastify hello', atMost: 6 },
  { what: 'the same against Redis synced always', of: 'Triptych: half and half', to: 'Fastify + Redis, WAIT 1, always: half and half', atMost: 0.5 },
  { what: 'the same, periodic, against Redis synced each second', of: 'Triptych, periodic: half and half', to: 'Fastify + Redis, WAIT 1, everysec: half and half', atMost: 1.1 },
  { what: 'SESSION list against QUORUM list', of: `Triptych: list of ${SHORT_LIST}, SESSION`, to: `Triptych: list of ${SHORT_LIST}, QUORUM`, atMost: 0.85 },
  { what: 'the same in the store processes', of: `Triptych: list of ${SHORT_LIST}, SESSION`, to: `Triptych: list of ${SHORT_LIST}, QUORUM`, role: 'stores', atMost: 0.6 },
  { what: `list of ${LONG_LIST} against list of ${SHORT_LIST}`, of: `Triptych: list of ${LONG_LIST}, QUORUM`, to: `Triptych: list of ${SHORT_LIST}, QUORUM`, atMost: 6 },
];

export async function sideBySide(bench: Bench): Promise<SideBySide> {
  const { programs, directory, say, size } = bench;
  const { users } = size;
  const { server: triptych, filled } = await bench.triptych();
  const skipped: string[] = [];
  const loads: Load[] = [];
  const others: Server[] = [];
  const load = (server: Server, what: string, next: Load['next']): void => void loads.push({ name: what === '' ? server.name : `${server.name}: ${what}`, server, next });
  const started = async (what: string, starting: Promise<Server>): Promise<Server> => {
    say(`starting ${what}`);
    others.push(await starting);
    return others.at(-1)!;
  };
  try {
    const hello = await started('a bare Fastify', startHello(programs));
    load(hello, '', () => ({ method: 'GET', url: `${hello.urls[0]}/` }));
    await fillLong(triptych, users);
    load(triptych, 'add, QUORUM', add(triptych, users));
    load(triptych, `list of ${SHORT_LIST}, QUORUM`, list(triptych, users, filled));
    load(triptych, `list of ${SHORT_LIST}, SESSION`, list(triptych, users, filled, 'SESSION'));
    load(triptych, `list of ${LONG_LIST}, QUORUM`, longList(triptych, users));
    load(triptych, 'half and half', halfAndHalf(add(triptych, users), list(triptych, users, filled)));
    const starts = [async () => started('another cluster whose favorites are periodic', startTriptych({ programs, directory, name: 'Triptych, periodic', durability: 'periodic', nodesPerZone: size.nodesPerZone }))];
    const whyNot = whyNoRedis();
    if (lacks('redis', whyNot)) skipped.push(`Redis: ${whyNot}`);
    else for (const appendFsync of ['always', 'everysec'] as const) starts.push(async () => started(`Redis with two replicas, ${appendFsync}`, startRedisPeer(programs, directory, appendFsync)));
    for (const start of starts) {
      const server = await start();
      load(server, 'half and half', halfAndHalf(add(server, users), list(server, users, await fillShort(server, users))));
    }
    const rows = await measure(loads, bench);
    const memoryMiB = [triptych, ...others].map((server) => [server.name, eachOf(server.pids(), (pids) => Math.round(Math.max(...pids.map(anonymousBytes)) / 2 ** 20))]);
    return { skipped, rows, memoryMiB: Object.fromEntries(memoryMiB) as SideBySide['memoryMiB'] };
  } finally {
    for (const server of others.reverse()) await server.stop();
  }
}

async function measure(loads: readonly Load[], { size: { seconds, rounds, warmSeconds, inFlight }, say }: Bench): Promise<BenchRow[]> {
  const results = loads.map(({ name }) => ({ name, rounds: [] as Measurement[] })) satisfies BenchRow[];
  for (let round = -1; round < rounds; round++) {
    for (const [index, load] of loads.entries()) {
      // Round -1 warms everything up, a server with one load as long as one with six.
      const warmEach = warmSeconds / loads.filter(({ server }) => server === load.server).length;
      const measured = await measureLoad(load, inFlight, round < 0 ? warmEach : seconds);
      say(`${round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`}: ${load.name}: ${measured.cpuUsPerRequest.toFixed(0)} us, ${measured.requestsPerSecond.toFixed(0)} requests/s`);
      if (round >= 0) results[index]!.rounds.push(measured);
    }
  }
  return results;
}

/** One closed loop, and what it cost. */
export async function measureLoad({ server, next }: Omit<Load, 'name'>, inFlight: number, forSeconds: number): Promise<Measurement> {
  const pids = server.pids();
  const [cpuBefore, bytesBefore] = [cpuByRole(pids), loopbackBytes()];
  const { requests, failures, seconds: took, latencies } = await runLoad({ inFlight, seconds: forSeconds, next });
  const cpuUsByRole = eachOf(cpuByRole(pids), (cpuUs, role) => (cpuUs - cpuBefore[role]!) / requests);
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
