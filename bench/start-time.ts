/** How long `npm start` takes from the command until it says that it is ready, its catalog of films loaded: built, in an empty directory. */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import path from 'node:path';
import type { Bench } from './bench.js';
import { type Finding, median } from './report.js';

const READY_WITHIN_MS = 120_000;

export async function startTime({ directory, root, say, size: { starts, ownZones, nodesPerZone } }: Bench): Promise<Finding> {
  const seconds: number[] = [];
  for (let start = 0; start < starts; start++) {
    seconds.push(await timedStart(root, ['--data', mkdtempSync(path.join(directory, 'start-')), '--zones', String(ownZones), '--nodes-per-zone', String(nodesPerZone)]));
    say(`npm start, ${start + 1} of ${starts}: ready after ${seconds.at(-1)!.toFixed(1)} s`);
  }
  return {
    name: 'Start',
    how: `\`npm start\`, built, from the command until it says "ready", catalog loaded: ${ownZones} zones x ${nodesPerZone} nodes, a gateway for each zone, a round robin, the console.`,
    goals: [{ what: '`npm start` from command to ready', value: median(seconds), atMost: 8, unit: 's' }],
    table: [['start', 's'], ...seconds.map((each, index) => [index + 1, each])],
  };
}

/** Settles once all of it has ended again. */
function timedStart(root: string, options: readonly string[]): Promise<number> {
  const beganMs = performance.now();
  const child = spawn('npm', ['start', '--', '--port', '0', ...options], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let readyMs: number | null = null;
  const hear = (chunk: Buffer): void => {
    said += chunk.toString();
    if (readyMs !== null || !/^ready$/m.test(said)) return;
    readyMs = performance.now();
    child.kill('SIGTERM');
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const timer = setTimeout(() => child.kill('SIGTERM'), READY_WITHIN_MS);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      if (readyMs === null) reject(new Error(`npm start was not ready within ${READY_WITHIN_MS / 1_000} s:\n${said}`));
      else resolve((readyMs - beganMs) / 1_000);
    });
  });
}
