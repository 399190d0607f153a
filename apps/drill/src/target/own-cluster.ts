/** A cluster for one drill: `npm start` on free ports and a directory that nobody else has, ended and removed afterwards. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DrillRefused } from '../drill-refused.js';

export interface OwnCluster {
  readonly directory: string;
  readonly pid: number;
  /** Settles once no process of it is left and its directory is gone. */
  end(): Promise<void>;
}

export interface OwnClusterOptions {
  /** The built supervisor, an absolute path. */
  readonly entry: string;
  readonly zones: number;
  readonly nodesPerZone: number;
  /** Each line that it prints. */
  readonly say: (line: string) => void;
  /** Called as soon as there is something to end. */
  readonly began: (pid: number, directory: string) => void;
}

/** @throws DrillRefused when it does not come up; nothing is left then */
export async function startOwnCluster({ entry, zones, nodesPerZone, say, began }: OwnClusterOptions): Promise<OwnCluster> {
  const directory = mkdtempSync(path.join(tmpdir(), 'triptych-drill-'));
  const layout = ['--zones', String(zones), '--nodes-per-zone', String(nodesPerZone), '--port', '0', '--data', directory, '--fresh', '--faults'];
  const child = spawn(process.execPath, [entry, ...layout], {
    // A session of its own: Ctrl-C reaches the drill alone, which then undoes what it did and ends this one.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TRIPTYCH_LOG_LEVEL: 'warn' },
  });
  began(child.pid!, directory);
  const end = async (): Promise<void> => {
    await ended(child);
    rmSync(directory, { recursive: true, force: true });
  };
  const heard: string[] = [];
  const ready = new Promise<boolean>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        heard.push(line);
        say(line);
        if (line === 'ready') resolve(true);
      });
    }
    child.once('exit', () => resolve(false));
  });
  if (!(await ready)) {
    await end();
    throw new DrillRefused(`the cluster did not start:\n${heard.slice(-5).join('\n')}`);
  }
  return { directory, pid: child.pid!, end };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
