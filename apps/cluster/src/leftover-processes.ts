/**
 * What an earlier supervisor may have left running, when it and its guard were both killed while a child was paused. Two
 * processes over one node's data would ruin it, so they are ended before anything is started.
 *
 * The pids come from cluster.json and are not believed: a process is ours only if its own environment, as the system
 * tells it, names this cluster and this node. Where the system does not tell (there is no /proc), nothing is touched, and
 * the port that such a process still holds refuses the start.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterRecord } from './cluster-file.js';
import { ClusterRefused } from './cluster-refused.js';

const GONE_WITHIN_MS = 10_000;

/** Ends them and waits until they are gone; answers their names. */
export async function endLeftovers(previous: ClusterRecord): Promise<string[]> {
  const leftovers = previous.processes.flatMap(({ name, pid }) =>
    pid !== null && isOurs(pid, previous.clusterId, name) ? [{ name, pid }] : [],
  );
  for (const { pid } of leftovers) process.kill(pid, 'SIGKILL');
  const endMs = performance.now() + GONE_WITHIN_MS;
  for (const { name, pid } of leftovers) {
    while (isOurs(pid, previous.clusterId, name)) {
      if (performance.now() > endMs) throw new ClusterRefused(`${name} of an earlier run (pid ${pid}) does not end`);
      await delay(10);
    }
  }
  return leftovers.map(({ name }) => name);
}

function isOurs(pid: number, clusterId: string, name: string): boolean {
  let environment: string;
  try {
    environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return false;
  }
  const settings = new Set(environment.split('\0'));
  return settings.has(`TRIPTYCH_CLUSTER_ID=${clusterId}`) && settings.has(`TRIPTYCH_NODE_ID=${name}`);
}
