/**
 * A replica that was away: killed, and started again a minute of adds later. How long until nobody keeps a hint for it any more, and
 * what those who add films meanwhile notice of that. Afterwards its rows are compared with those of the other replicas.
 */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { HeldRow } from '@app/contracts';
import { adminCall } from '../apps/cluster/src/admin-call.js';
import type { Bench } from './bench.js';
import { runLoad } from './load.js';
import { type OpenLoopResult, runOpenLoop } from './open-loop.js';
import type { Finding } from './report.js';
import { add, type TriptychServer } from './targets.js';

const AWAY = 'b1';
const LOOK_EVERY_MS = 50;
const CAUGHT_UP_WITHIN_MS = 120_000;
/** Healthy time before, and foreground load after the return, in shares of the time away. */
const HEALTHY_SHARE = 1 / 4;
/** More adds than that and the machine, not the cluster, is what is measured. */
const SHARE_OF_PEAK = 1 / 2;
const ROWS_COMPARED_MAX = 100;

export async function catchUp(bench: Bench): Promise<Finding> {
  const { awaySeconds, addsPerSecond: wanted, inFlight, seconds, users } = bench.size;
  const { server } = await bench.triptych();
  const { cluster } = server;
  const next = add(server, users);
  const peak = await runLoad({ inFlight, seconds, next });
  const peakPerSecond = (peak.requests - peak.failures) / peak.seconds;
  const perSecond = Math.min(wanted, Math.floor(peakPerSecond * SHARE_OF_PEAK));
  const load = (what: string, forSeconds: number, goesOn = (): boolean => true): Promise<OpenLoopResult> => {
    bench.say(`catching up: ${perSecond} adds a second, ${what}`);
    return runOpenLoop({ perSecond, seconds: forSeconds, next, goesOn });
  };

  const healthy = await load('all well', awaySeconds * HEALTHY_SHARE);
  await cluster.kill(AWAY);
  const away = await load(`${AWAY} away`, awaySeconds);
  const hints = await hintsFor(server, AWAY);
  const beganMs = performance.now();
  let returnedMs: number | null = null;
  const [starting] = await Promise.all([
    load(`${AWAY} starting`, CAUGHT_UP_WITHIN_MS / 1_000, () => returnedMs === null),
    cluster.start(AWAY).finally(() => (returnedMs = performance.now())),
  ]);
  const [back, caughtUpMs] = await Promise.all([load(`${AWAY} back`, awaySeconds * HEALTHY_SHARE), untilNoHints(server)]);
  const differing = await rowsDiffering(server, users);
  if (differing > 0) throw new Error(`catching up: ${differing} rows of ${AWAY} still differ`);

  const ms = ({ latencies }: OpenLoopResult, percentile: number): number => latencies.getValueAtPercentile(percentile) / 1_000;
  const line = (what: string, result: OpenLoopResult): (string | number)[] => [what, result.requests, result.failures, ms(result, 50), ms(result, 99), ms(result, 99.9)];
  const bounded = perSecond < wanted ? `, half of the ${peakPerSecond.toFixed(0)} that this machine can take at most` : '';
  return {
    name: 'A replica away',
    how: `${AWAY}, one of ${cluster.plan.processes.filter(({ role }) => role === 'store').length} store nodes, is killed and started again after ${awaySeconds} s of ${perSecond} adds a second${bounded}; its process takes ${((returnedMs! - beganMs) / 1_000).toFixed(1)} s to start, on the same cores, and it is back from when it listens. ${hints.toLocaleString('en')} hints waited for it. Caught up: none waits any more, and the rows compared are equal.`,
    goals: [
      { what: `a replica that was away ${awaySeconds} s at ${perSecond} adds a second catches up`, value: (caughtUpMs - returnedMs!) / 1_000, atMost: 10, unit: 's' },
      { what: 'p99 of adds from its return on against before it went', value: ms(back, 99) / ms(healthy, 99), atMost: 1.5, unit: '' },
    ],
    table: [['adds', 'sent', 'not answered with success', 'p50 ms', 'p99 ms', 'p99.9 ms'], line('all well', healthy), line('one away', away), line('it starts', starting), line('it is back', back)],
  };
}

interface StoreState {
  readonly store: { readonly hints: { readonly targets: Readonly<Record<string, { readonly waitingCount: number }>> } };
}

async function askStore<T>({ cluster }: TriptychServer, name: string, what: string): Promise<T> {
  const store = cluster.processes.find((process) => process.name === name)!;
  return await adminCall<T>(path.join(cluster.dataDirectory, 'admin.token'), store, { method: 'GET', path: what, timeoutMs: 10_000 });
}

const storesOf = ({ cluster }: TriptychServer): string[] => cluster.processes.filter(({ role, state }) => role === 'store' && state === 'running').map(({ name }) => name);

/** Kept for it by all the others. */
async function hintsFor(server: TriptychServer, target: string): Promise<number> {
  const states = await Promise.all(storesOf(server).map((name) => askStore<StoreState>(server, name, 'state')));
  return states.reduce((sum, { store }) => sum + (store.hints.targets[target]?.waitingCount ?? 0), 0);
}

/** When that was, monotonic ms. */
async function untilNoHints(server: TriptychServer): Promise<number> {
  const deadlineMs = performance.now() + CAUGHT_UP_WITHIN_MS;
  for (;;) {
    if ((await hintsFor(server, AWAY)) === 0) return performance.now();
    if (performance.now() > deadlineMs) throw new Error(`catching up: hints still wait after ${CAUGHT_UP_WITHIN_MS / 1_000} s`);
    await delay(LOOK_EVERY_MS);
  }
}

/** How many lists that were added to are not the same at all their replicas. Who holds no copy of a row has none of its films. */
async function rowsDiffering(server: TriptychServer, users: number): Promise<number> {
  const { replicationFactor } = server.cluster.plan;
  let differing = 0;
  for (let user = 0; user < Math.min(users, ROWS_COMPARED_MAX); user++) {
    const held = await Promise.all(storesOf(server).map((name) => askStore<Pick<HeldRow, 'digest' | 'itemCount'>>(server, name, `rows/favorites/adds-${user}`)));
    const copies = held.filter(({ itemCount }) => itemCount > 0);
    if (copies.length !== replicationFactor || copies.some(({ digest }) => digest !== copies[0]!.digest)) differing++;
  }
  return differing;
}
