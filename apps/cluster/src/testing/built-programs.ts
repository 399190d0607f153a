/**
 * The supervisor as it is really run: built as `npm run build` builds it, in a process of its own, so that a test can send
 * it signals. Its own programs are the real ones; gateways and store nodes are stubs.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { rspack, type RspackOptions } from '@rspack/core';
import { eventually } from './condition.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const SOURCES = path.join(ROOT, 'apps', 'cluster', 'src');

export interface BuiltPrograms {
  /** Where the programs lie: <directory>/apps/cluster/main.js and so on. Also the place for data directories. */
  readonly directory: string;
  remove(): void;
}

export async function buildPrograms(): Promise<BuiltPrograms> {
  const directory = mkdtempSync(path.join(tmpdir(), 'triptych-programs-'));
  const configurationFile = path.join(ROOT, 'rspack.config.mjs');
  const { configurationOf } = (await import(configurationFile)) as {
    configurationOf: (entry: Record<string, string>) => RspackOptions;
  };
  const configuration = configurationOf(
    Object.fromEntries(['main', 'cli', 'round-robin'].map((name) => [`apps/cluster/${name}`, path.join(SOURCES, `${name}.ts`)])),
  );
  // Stubs hold no films, and a supervisor that tried to load them would wait for its time to run out.
  const noFilms = path.join(directory, 'no-films.js');
  writeFileSync(noFilms, 'export const loadCatalog = async () => 0;');
  const plugins = [new rspack.NormalModuleReplacementPlugin(/\/catalog-loader\.js$/, noFilms)];
  await new Promise<void>((resolve, reject) => {
    rspack({ ...configuration, plugins, output: { ...configuration.output, path: directory } }, (error, stats) => {
      if (error) reject(error);
      else if (stats?.hasErrors()) reject(new Error(stats.toString({ preset: 'errors-only' })));
      else resolve();
    });
  });
  for (const program of ['gateway', 'favorites-service']) {
    mkdirSync(path.join(directory, 'apps', program));
    copyFileSync(path.join(SOURCES, 'testing', 'stub-child.mjs'), path.join(directory, 'apps', program, 'main.js'));
  }
  mkdirSync(path.join(directory, 'apps', 'console'));
  writeFileSync(path.join(directory, 'apps', 'console', 'index.html'), '<!doctype html><title>the page</title>');
  writeFileSync(path.join(directory, 'package.json'), '{ "type": "module" }');
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(directory, 'node_modules'));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

export interface RunningProgram {
  readonly child: ChildProcess;
  readonly pid: number;
  /** All lines so far of standard output, and of standard error. */
  readonly out: () => string[];
  readonly err: () => string[];
  /** Settles when a line of standard output is `line`. @throws with what was said when the program ends first */
  readonly says: (line: string) => Promise<void>;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
}

/** @param settings TRIPTYCH_* and STUB_* variables */
export function runProgram({ directory }: BuiltPrograms, name: string, words: readonly string[], settings: NodeJS.ProcessEnv = {}): RunningProgram {
  const child = spawn(process.execPath, [path.join(directory, 'apps', 'cluster', `${name}.js`), ...words], {
    cwd: directory,
    env: { PATH: process.env.PATH, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, so that a test can signal the whole group, as a terminal does.
    detached: true,
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (said.err += String(chunk)));
  const linesOf = (text: string) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));
  const out = () => linesOf(said.out);
  let over = false;
  // `exit`, not `close`: a program that is killed may leave its output open for a moment in others' hands.
  const ended = once(child, 'exit').then(([code, signal]) => {
    over = true;
    return { code: code as number | null, signal: signal as string | null };
  });
  return {
    child,
    pid: child.pid ?? 0,
    out,
    err: () => linesOf(said.err),
    ended,
    says: async (line) => {
      await eventually(
        `a line ${JSON.stringify(line)}`,
        () => {
          if (out().includes(line)) return true;
          if (over) throw new Error(`ended without saying ${JSON.stringify(line)}:\n${said.out}${said.err}`);
          return false;
        },
        30_000,
      );
    },
  };
}
