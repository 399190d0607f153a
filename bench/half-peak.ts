/**
 * Latency where a cluster is meant to run: peak is found first, by a closed loop, and then half as many requests a second are sent
 * when they are due, whatever became of those before. With it how late the event loop of every process is, by its own watch.
 */
import path from 'node:path';
import type { LoopDelay } from '@app/admin';
import { adminCall } from '../apps/cluster/src/admin-call.js';
import type { Bench } from './bench.js';
import { runLoad } from './load.js';
import { runOpenLoop } from './open-loop.js';
import { type Finding, median } from './report.js';
import { add, halfAndHalf, list, type TriptychServer } from './targets.js';

const PEAK_ROUNDS = 3;
/** An open loop goes on so many times longer than a closed one: what one request in a thousand waits for needs thousands. */
const LONGER = 5;

export async function halfPeak(bench: Bench): Promise<Finding> {
  const { seconds, rounds, warmSeconds, inFlight, users } = bench.size;
  const { server, filled } = await bench.triptych();
  const next = halfAndHalf(add(server, users), list(server, users, filled));
  await runLoad({ inFlight, seconds: warmSeconds, next });
  const peaks: number[] = [];
  for (let round = 0; round < Math.min(rounds, PEAK_ROUNDS); round++) {
    const { requests, failures, seconds: took } = await runLoad({ inFlight, seconds, next });
    peaks.push((requests - failures) / took);
  }
  const peak = median(peaks);
  const perSecond = peak / 2;
  bench.say(`half of peak: peak is ${peak.toFixed(0)} requests/s`);

  const found: { p50: number; p99: number; p999: number; failures: number; delays: Record<string, LoopDelay> }[] = [];
  for (let round = 0; round < Math.min(rounds, PEAK_ROUNDS); round++) {
    await loopDelays(server);
    const { latencies, failures } = await runOpenLoop({ perSecond, seconds: seconds * LONGER, next });
    const delays = await loopDelays(server);
    const ms = (percentile: number): number => latencies.getValueAtPercentile(percentile) / 1_000;
    found.push({ p50: ms(50), p99: ms(99), p999: ms(99.9), failures, delays });
    bench.say(`half of peak, round ${round + 1}: p99 ${ms(99).toFixed(1)} ms, p99.9 ${ms(99.9).toFixed(1)} ms`);
  }
  const medianOf = (figure: (of: (typeof found)[number]) => number): number => median(found.map(figure));
  const failures = found.reduce((sum, round) => sum + round.failures, 0);
  const processes = Object.keys(found[0]!.delays).map((name) => ({
    name,
    p99: medianOf(({ delays }) => delays[name]!.p99Ms),
    most: Math.max(...found.map(({ delays }) => delays[name]!.maxMs)),
  }));
  return {
    name: 'At half of peak',
    how: `Half adds, half lists of 20. Peak is the median of ${peaks.length} closed loops of ${seconds} s with ${inFlight} in flight: ${peak.toFixed(0)} requests a second. Then ${found.length} open loops of ${seconds * LONGER} s at half of that, latency from when a request was due; medians. ${failures} requests were not answered with success. The load's generator runs on the same cores.`,
    goals: [
      { what: 'p99 at half of peak', value: medianOf(({ p99 }) => p99), atMost: 15, unit: 'ms' },
      { what: 'p99.9 at half of peak', value: medianOf(({ p999 }) => p999), atMost: 40, unit: 'ms' },
      { what: 'event loop delay p99 at half of peak, the process with the highest', value: Math.max(...processes.map(({ p99 }) => p99)), atMost: 10, unit: 'ms' },
    ],
    table: [
      ['of', 'p50 ms', 'p99 ms', 'p99.9 ms', 'most ms'],
      ['requests', medianOf(({ p50 }) => p50), medianOf(({ p99 }) => p99), medianOf(({ p999 }) => p999), ''],
      ...processes.map(({ name, p99, most }) => [`event loop of ${name}`, '', p99, '', most]),
    ],
  };
}

/** Of every process but the round robin, by name, since this was last asked. */
async function loopDelays({ cluster }: TriptychServer): Promise<Record<string, LoopDelay>> {
  const tokenFile = path.join(cluster.dataDirectory, 'admin.token');
  const asked = cluster.processes.filter(({ adminPort }) => adminPort !== null);
  const answers = await Promise.all(asked.map(async (process) => [process.name, await adminCall<LoopDelay>(tokenFile, process, { method: 'POST', path: 'loop-delay', timeoutMs: 5_000 })]));
  return Object.fromEntries(answers) as Record<string, LoopDelay>;
}
