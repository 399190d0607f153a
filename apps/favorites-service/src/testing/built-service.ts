/** The service as it is really run: built as `npm run build` builds it, in processes of its own that a test may harm. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { rspack, type RspackOptions } from '@rspack/core';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

export interface BuiltService {
  /** A place for what tests write, gone with the rest. */
  readonly directory: string;
  readonly run: (environment: NodeJS.ProcessEnv) => RunningService;
  readonly remove: () => void;
}

export interface RunningService {
  readonly child: ChildProcess;
  /** Settles with the ports it says it listens on. @throws with what it said when it ends first */
  readonly listening: Promise<{ wire: number; admin: number }>;
  /** Settles when it is gone and has said all. */
  readonly ended: Promise<{ code: number | null; signal: string | null; err: string }>;
  /** Its log so far, parsed. */
  readonly logged: () => Record<string, unknown>[];
}

export async function buildService(): Promise<BuiltService> {
  const directory = mkdtempSync(path.join(tmpdir(), 'favorites-service-'));
  const configurationFile = path.join(ROOT, 'rspack.config.mjs');
  const { configurationOf } = (await import(configurationFile)) as {
    configurationOf: (entry: Record<string, string>) => RspackOptions;
  };
  const configuration = configurationOf({ main: path.join(ROOT, 'apps/favorites-service/src/main.ts') });
  await new Promise<void>((resolve, reject) => {
    rspack({ ...configuration, output: { ...configuration.output, path: directory } }, (error, stats) => {
      if (error) reject(error);
      else if (stats?.hasErrors()) reject(new Error(stats.toString({ preset: 'errors-only' })));
      else resolve();
    });
  });
  writeFileSync(path.join(directory, 'package.json'), '{ "type": "module" }');
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(directory, 'node_modules'));
  return {
    directory,
    run: (environment) => running(path.join(directory, 'main.js'), environment),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function running(program: string, environment: NodeJS.ProcessEnv): RunningService {
  const child = fork(program, [], { env: { PATH: process.env['PATH'], ...environment }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const said = { out: '', err: '' };
  child.stdout!.on('data', (chunk: Buffer) => (said.out += String(chunk)));
  child.stderr!.on('data', (chunk: Buffer) => (said.err += String(chunk)));
  // Not the event `close`: it never comes to a parent that has disconnected.
  const ended = Promise.all([once(child, 'exit'), once(child.stdout!, 'end'), once(child.stderr!, 'end')]).then(
    ([[code, signal]]) => ({ code: code as number | null, signal: signal as string | null, err: said.err }),
  );
  const listening = new Promise<{ wire: number; admin: number }>((resolve, reject) => {
    child.on('message', (message) => resolve((message as { ports: { wire: number; admin: number } }).ports));
    void ended.then(() => reject(new Error(`ended before it listened: ${said.out}${said.err}`)));
  });
  // Most tests of a failed start look at `ended` alone.
  listening.catch(() => {});
  const logged = () => said.out.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
  return { child, listening, ended, logged };
}
