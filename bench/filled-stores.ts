/** Data directories filled without requests: fill-store.ts, as many at a time as there are cores. */
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ringMembersOf } from '../apps/cluster/src/cluster-plan.js';
import type { Bench } from './bench.js';
import type { StoreFilled, StoreFilling } from './fill-store.js';
import { inParallel } from './load.js';
import type { TriptychServer } from './targets.js';

/** How many favorites the directory holds now. */
export async function fillStore(programs: string, filling: StoreFilling): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(programs, 'bench', 'fill-store.js'), JSON.stringify(filling)]);
  return (JSON.parse(stdout) as StoreFilled).favorites;
}

/**
 * Gives each user one list, at all its replicas. The store nodes are stopped meanwhile, and started again. Checkpoints are taken: six
 * nodes that each take one of all that was filled, at once and while they are measured, are what no cluster is.
 */
export async function fillCluster({ programs, say }: Bench, { name: server, cluster }: TriptychServer, users: number, films: number): Promise<void> {
  const { clusterId, plan } = cluster;
  const ring = { members: ringMembersOf(plan), replicationFactor: plan.replicationFactor };
  const stores = plan.processes.filter(({ role }) => role === 'store');
  await cluster.stop('store');
  await inParallel(availableParallelism(), (index) => index < stores.length, async (index) => {
    const { name, dataDirectory } = stores[index]!;
    const favorites = await fillStore(programs, { directory: dataDirectory!, clusterId, nodeId: name, users, films, lists: 'same', ring });
    say(`${server}: ${name} holds ${favorites} favorites`);
  });
  await cluster.start('store');
}
