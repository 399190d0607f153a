import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isInstalled } from '../../scripts/setup.mjs';
import { ROOT } from './source-tree.js';

/** A project with our scripts and configuration, and a cluster program of a few lines. */
const project = mkdtempSync(path.join(tmpdir(), 'triptych-commands-'));
const inProject = (...parts: string[]) => path.join(project, ...parts);
const program = inProject('apps/cluster/src/main.ts');
const bundle = inProject('dist/apps/cluster/main.js');
const { version } = process;

const PROGRAM = `
if (process.argv.includes('--wait')) {
  setInterval(() => {}, 1000);
  process.on('SIGTERM', () => process.exit(7));
} else process.exitCode = Number(process.argv[2] ?? 0);
console.log(JSON.stringify({ arguments: process.argv.slice(2), version: process.version }));
`;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Runs an npm command to its end; `whenSaid` is called once the program has said its first line. */
function npm(commandArguments: string[], { whenSaid, environment }: { whenSaid?: (npmPid: number) => void; environment?: object } = {}): Promise<Ended> {
  const child = spawn('npm', commandArguments, { cwd: project, env: { ...process.env, ...environment } });
  let output = '';
  let waiting = whenSaid;
  const hear = (chunk: Buffer) => {
    output += chunk.toString();
    if (waiting === undefined || !output.includes('"arguments"')) return;
    waiting(child.pid!);
    waiting = undefined;
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, output }));
  });
}

/** What the program said of itself. */
const said = ({ output }: Ended) => JSON.parse(/^\{"arguments".*$/m.exec(output)?.[0] ?? 'null') as unknown;

beforeAll(() => {
  // The project borrows our packages by a link; an `npm ci` in it would empty them, so it must have nothing to install.
  const [lock, installed] = ['package-lock.json', 'node_modules/.package-lock.json'].map(
    (file) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')) as object,
  );
  assert(isInstalled(lock, installed), 'node_modules is not what package-lock.json says: npm ci');
  for (const entry of ['scripts', 'package.json', 'package-lock.json', 'tsconfig.base.json', 'rspack.config.mjs']) {
    cpSync(path.join(ROOT, entry), inProject(entry), { recursive: true });
  }
  symlinkSync(path.join(ROOT, 'node_modules'), inProject('node_modules'));
  mkdirSync(path.dirname(program), { recursive: true });
  writeFileSync(program, PROGRAM);
});
afterAll(() => rmSync(project, { recursive: true }));

describe('npm start', () => {
  it('builds, then runs the program under the pinned Node with its arguments, and keeps its exit code', async () => {
    const ended = await npm(['start', '--', '3', '--zones', '2']);
    expect(said(ended)).toEqual({ arguments: ['3', '--zones', '2'], version });
    expect(ended.code).toBe(3);
    expect(ended.output).toContain('Building ...');
  });

  it('builds again when a source changed, by content and not by date, and not otherwise', async () => {
    const builtMs = statSync(bundle).mtimeMs;
    writeFileSync(program, PROGRAM);
    expect((await npm(['start'])).output).not.toContain('Building');
    expect(statSync(bundle).mtimeMs).toBe(builtMs);
    writeFileSync(program, `${PROGRAM}\nconsole.log('changed');`);
    expect((await npm(['start'])).output).toMatch(/Building[^]*changed/);
  });

  it('keeps the last good build when a new one fails, and says so in one line', async () => {
    const good = readFileSync(bundle, 'utf8');
    writeFileSync(program, "import './not-there.js';");
    const ended = await npm(['start']);
    writeFileSync(program, PROGRAM);
    expect(ended.code).toBe(1);
    expect(ended.output).toMatch(/not-there[^]*^triptych: the build failed/m);
    expect(readFileSync(bundle, 'utf8')).toBe(good);
  });

  it('hands a signal on and waits for the program to stop in its own way', async () => {
    const ended = await npm(['start', '--', '--wait'], { whenSaid: (npmPid) => process.kill(npmPid, 'SIGTERM') });
    expect(ended.code).toBe(7);
  });

  it('leaves nothing behind when npm itself is killed', async () => {
    // The output ends when the last process that holds it has ended.
    const ended = await npm(['start', '--', '--wait'], { whenSaid: (npmPid) => process.kill(npmPid, 'SIGKILL') });
    expect(ended.signal).toBe('SIGKILL');
  });

  it('says in one line that the registry cannot be reached', async () => {
    rmSync(inProject('node_modules'));
    const environment = {
      npm_config_registry: 'http://127.0.0.1:9',
      npm_config_fetch_retries: '0',
      npm_config_cache: inProject('empty-cache'),
    };
    const ended = await npm(['start'], { environment });
    symlinkSync(path.join(ROOT, 'node_modules'), inProject('node_modules'));
    expect(ended.code).toBe(1);
    expect(ended.output).toMatch(/^triptych: The packages could not be fetched: npm cannot reach its registry \(ECONNREFUSED\)/m);
    expect(existsSync(inProject('node_modules', '.bin', 'node'))).toBe(true);
  });
});
