/**
 * A flood over real processes: the whole cluster on one core, the devices on another. Peak is what the cluster serves when
 * devices wait for their answers (closed loop, the best of several numbers of them); then requests come at twice and at three
 * times that rate, whether or not they are answered, and every device hangs up after a second. Goodput is what was answered
 * with 2xx within that second.
 *
 * On a machine that is busy with other things the cluster does not get the whole of its core, and never twice the same part of
 * it. So what is compared is goodput for each second of CPU time that the cluster had, at its peak and in the flood; where it
 * had its core to itself, that is goodput. Peak is measured before and after each flood, and the mean of the two is the peak.
 */
import { execFile, execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminToken } from '@app/admin';
import type { GatewayAdmissionState } from '../../apps/gateway/src/http/admission.js';
import { sumOfCpu } from '../../bench/system-counters.js';
import { concurrently, eventually, localCluster, type LocalCluster } from '../support/local-cluster.js';
import type { Orders, Phase, PhaseReport } from './generator.js';

const [CLUSTER_CORE, LOAD_CORE] = ['0', '1'];
const ZONES = ['a', 'b', 'c'];
const USERS = 200;
const FILMS = 10;
const FLOOD_SECONDS = 8;
/** Half of what it can do: a day like any other. */
const USUAL = 0.5;
const RECOVERY_SECONDS = 8;
const IS_USUAL = 0.99;
const GENERATOR_LATE_MS = 500;
const TRIES = 3;

/** What came of a load, and what the cluster spent on it. */
interface Served {
  readonly report: PhaseReport;
  readonly cpuSeconds: number;
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

const missing = obstacle();
if (missing !== null) console.log(`skipped: a flood over real processes: ${missing}`);

describe.skipIf(missing !== null)('a cluster on one core, flooded from another', () => {
  let cluster: LocalCluster;
  let peak: Served;

  beforeAll(async () => {
    cluster = await localCluster({ environment: { ...process.env, TRIPTYCH_LOG_LEVEL: 'warn' } });
    for (const { pid } of cluster.processes) if (pid !== null) execFileSync('taskset', ['-a', '-c', '-p', CLUSTER_CORE, String(pid)]);
    const lists = Array.from({ length: USERS * FILMS }, (_, index) => `/v1/users/flood-${index % USERS}/favorites/film-${Math.floor(index / USERS)}`);
    await concurrently(lists, 24, async (list) => {
      // A gateway that has just started is slow, and refuses what it cannot answer soon: a device asks again.
      await eventually(async () => (await fetch(cluster.gateway(ZONES[list.length % 3]!) + list, { method: 'PUT' })).status === 200, 10_000, `${list} is added`);
    });
    await load({ kind: 'closed', devices: 24, seconds: 5 });
    peak = await measurePeak();
  });
  afterAll(() => cluster.end());

  it.each([
    [2, 0.8],
    [3, 0.6],
  ])('at %i times its capacity serves at least %f of it, and is itself again within 5 s', async (times, share) => {
    const usual: Phase = { kind: 'open', ratePerSecond: USUAL * peak.perSecond, seconds: 2 };
    const before = await load(usual);
    const countsBefore = await gatewayCounts();
    const during = await floodOf(times * peak.perSecond);
    const counts = Object.entries(await gatewayCounts()).map(([name, count]) => `${name} ${name.startsWith('limit') ? count : count - countsBefore[name]!}`);
    const after = await load({ ...usual, seconds: RECOVERY_SECONDS });
    const [peakBefore, peakNow] = [peak, (peak = await measurePeak())];
    const goodput = during.perCpuSecond / ((peakBefore.perCpuSecond + peakNow.perCpuSecond) / 2);
    const recoverySeconds = recoveryOf(after.report);
    for (const [what, served] of Object.entries({ before, during, after })) say(`${times} times: ${what}`, served);
    console.log(`${times} times: gateways during the flood: ${counts.join(', ')}`);
    console.log(`${times} times: goodput ${percent(goodput)} of the peak for each second of CPU, ${percent(during.perSecond / peakBefore.perSecond)} by the clock; usual service after ${recoverySeconds} s`);
    expect(during.report.sent / during.report.seconds, 'the flood was as large as it should be').toBeGreaterThan(0.95 * times * peakBefore.perSecond);
    expect(goodput).toBeGreaterThanOrEqual(share);
    expect(recoverySeconds).toBeLessThanOrEqual(5);
  });

  /** A generator that was kept from its core for a while has sent no flood, but nothing and then a heap: then it is tried again. */
  async function floodOf(ratePerSecond: number): Promise<Served> {
    for (let turn = 1; ; turn++) {
      const during = await load({ kind: 'open', ratePerSecond, seconds: FLOOD_SECONDS });
      if (during.report.latestMs < GENERATOR_LATE_MS) return during;
      say('not counted, the generator was late', during);
      expect(turn, 'the generator has its core to itself').toBeLessThan(TRIES);
    }
  }

  async function measurePeak(): Promise<Served> {
    const levels: Served[] = [];
    for (const devices of [24, 48, 96]) levels.push(await load({ kind: 'closed', devices, seconds: 3 }));
    levels.forEach((level, index) => say(`closed loop of ${[24, 48, 96][index]}`, level));
    return levels.reduce((best, level) => (level.perSecond > best.perSecond ? level : best));
  }

  async function load(phase: Phase): Promise<Served> {
    const gateways = ZONES.map((zone) => new URL(cluster.gateway(zone)).host);
    const orders: Orders = { gateways, prefix: 'flood', users: USERS, phase };
    const generator = path.resolve('test/overload/generator.ts');
    const cpu = (): number => sumOfCpu(cluster.processes.flatMap(({ pid }) => pid ?? []));
    const before = cpu();
    const { stdout } = await promisify(execFile)('taskset', ['-c', LOAD_CORE, process.execPath, generator, JSON.stringify(orders)], { maxBuffer: 1 << 26 });
    const cpuSeconds = (cpu() - before) / 1e6;
    const report = JSON.parse(stdout) as PhaseReport;
    return { report, cpuSeconds, perSecond: report.good / report.seconds, perCpuSecond: report.good / cpuSeconds };
  }

  /** What the gateways have done with requests until now, summed: admitted, refused and why, abandoned by their devices. */
  async function gatewayCounts(): Promise<Record<string, number>> {
    const authorization = `Bearer ${adminToken(path.join(cluster.dataDirectory, 'admin.token'))}`;
    const counts: Record<string, number> = {};
    const add = (name: string, count: number): void => void (counts[name] = (counts[name] ?? 0) + count);
    for (const { role, zone, adminPort } of cluster.processes) {
      if (role !== 'gateway') continue;
      const response = await fetch(`http://127.0.0.1:${adminPort}/admin/state`, { headers: { authorization } });
      const { admission, requests } = (await response.json()) as { admission: GatewayAdmissionState; requests: { abandoned: number } };
      add('abandoned', requests.abandoned);
      add(`limit of ${zone}`, admission.limit);
      for (const { admitted, refused } of Object.values(admission.lines)) {
        add('admitted', admitted);
        for (const [why, count] of Object.entries(refused)) add(why, count);
      }
      add('late', Object.values(admission.refusedLate).reduce((sum, count) => sum + count));
    }
    return counts;
  }
});

/** From the end of the flood to the first second from which on all that came was served, s. */
function recoveryOf({ quarters }: PhaseReport): number {
  const last = quarters.findLastIndex(({ good, sent }) => good < IS_USUAL * sent);
  return (last + 1) / 4;
}

function say(what: string, { report: { sent, seconds, byStatus, p50Ms, p99Ms, refusedP50Ms, connections, latestMs }, cpuSeconds, perSecond, perCpuSecond }: Served): void {
  const answers = Object.entries(byStatus).map(([status, count]) => `${status}: ${count}`);
  const good = `${perSecond.toFixed(0)}/s good (p50 ${p50Ms} ms, p99 ${p99Ms} ms), ${perCpuSecond.toFixed(0)} per CPU second (${percent(cpuSeconds / seconds)} of a core)`;
  console.log(`${what}: ${(sent / seconds).toFixed(0)}/s sent, ${good}; refused after ${refusedP50Ms} ms; ${answers.join(', ')}; ${connections} connections, generator late by ${latestMs} ms`);
}

const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;

function obstacle(): string | null {
  if (availableParallelism() < 2) return 'it needs a core for the cluster and one for the load';
  try {
    execFileSync('taskset', ['-c', LOAD_CORE, 'true'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'there is no taskset here that gives out cores';
  }
}
