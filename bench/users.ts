/**
 * What a request costs where few have a list, and where a million have: two clusters alike but for that, rounds interleaved. And
 * what memory the processes of the large one hold afterwards, when nobody asks anything.
 */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SeededRandom } from '@app/time';
import { adminCall } from '../apps/cluster/src/admin-call.js';
import type { Bench } from './bench.js';
import { fillCluster } from './filled-stores.js';
import type { LoadRequest } from './load.js';
import { type Finding, median } from './report.js';
import { measureLoad } from './side-by-side.js';
import { anonymousBytes, eachOf } from './system-counters.js';
import { startTriptych, type TriptychServer } from './targets.js';

const FILMS = 1;
const LOOK_EVERY_MS = 500;
const READY_WITHIN_MS = 600_000;

export async function users(bench: Bench): Promise<Finding> {
  const { programs, directory, say, size } = bench;
  const { seconds, rounds, warmSeconds, inFlight, idleSeconds, ownZones: zones, nodesPerZone } = size;
  const counts = [size.fewUsers, size.manyUsers] as const;
  const servers: TriptychServer[] = [];
  try {
    for (const count of counts) {
      say(`starting a cluster, and filling lists of ${count} users, ${FILMS} film each`);
      const server = await startTriptych({ programs, directory, name: `${count} users`, zones, nodesPerZone });
      servers.push(server);
      await fillCluster(bench, server, count, FILMS);
      say(`${server.name}: waiting until all have read their rows`);
      await untilLooked(server);
    }
    const us: [number[], number[]] = [[], []];
    const failures: [number, number] = [0, 0];
    for (let round = -1; round < rounds; round++) {
      for (const [index, server] of servers.entries()) {
        const { cpuUsPerRequest, failures: failed } = await measureLoad({ server, next: halfAndHalfOf(server, counts[index]!) }, inFlight, round < 0 ? warmSeconds : seconds);
        say(`${round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`}: ${server.name}: ${cpuUsPerRequest.toFixed(0)} us`);
        if (round < 0) continue;
        us[index]!.push(cpuUsPerRequest);
        failures[index]! += failed;
      }
    }
    say(`idle for ${idleSeconds} s`);
    await delay(idleSeconds * 1_000);
    const [few, many] = [median(us[0]), median(us[1])];
    // Of each kind of process the largest.
    const memory = servers.map((server) => eachOf(server.pids(), (pids) => Math.max(...pids.map(anonymousBytes)) / 1e6));
    const [fewSaid, manySaid] = counts.map((count) => count.toLocaleString('en'));
    return {
      name: 'Users',
      how: `Two clusters, ${fewSaid} and ${manySaid} users with ${FILMS} film each, written without requests through each node's own row store while it is stopped. Half adds, half lists, of users drawn at random, ${inFlight} in flight, ${rounds} rounds of ${seconds} s each in turn. Memory is that of the largest process of its kind, ${idleSeconds} s after the last request: heap and anonymous memory, without files that are mapped.`,
      goals: [
        { what: `CPU per request with ${manySaid} users against ${fewSaid}`, value: many / few, atMost: 1.3, unit: '' },
        { what: `memory of a process after ${manySaid} favorites, idle, the largest`, value: Math.max(...Object.values(memory[1]!)), atMost: 150, unit: 'MB' },
      ],
      table: [
        ['users', 'CPU us per request', 'not answered with success', 'largest gateway MB', 'largest store MB'],
        [fewSaid!, few, failures[0], ...Object.values(memory[0]!)],
        [manySaid!, many, failures[1], ...Object.values(memory[1]!)],
      ],
    };
  } finally {
    for (const server of servers.reverse()) await server.stop();
  }
}

/** Each film is new to its list. */
function halfAndHalfOf({ urls }: TriptychServer, count: number): (index: number) => LoadRequest {
  const random = new SeededRandom(count);
  return (index) => {
    const favorites = `${urls[index % urls.length]}/v1/users/user-${random.below(count)}/favorites`;
    return index % 2 === 0 ? { method: 'PUT', url: `${favorites}/film-${added++}` } : { method: 'GET', url: `${favorites}?limit=50` };
  };
}

let added = 0;

/** After a start a store node reads all its rows once in the background, for its Merkle tree. */
async function untilLooked({ name, cluster }: TriptychServer): Promise<void> {
  const tokenFile = path.join(cluster.dataDirectory, 'admin.token');
  const stores = cluster.processes.filter(({ role }) => role === 'store');
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const states = await Promise.all(stores.map((store) => adminCall<StoreState>(tokenFile, store, { method: 'GET', path: 'state', timeoutMs: 10_000 })));
    if (states.every(({ store }) => store.antiEntropy.isReady)) return;
    if (performance.now() > deadlineMs) throw new Error(`${name}: rows were not all read within ${READY_WITHIN_MS / 1_000} s`);
    await delay(LOOK_EVERY_MS);
  }
}

interface StoreState {
  readonly store: { readonly antiEntropy: { readonly isReady: boolean } };
}
