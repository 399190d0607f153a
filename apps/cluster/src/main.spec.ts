/** `npm start` and `npm run cluster` as processes: what they print, how they end, and what they leave behind. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readClusterFile, type ProcessRecord } from './cluster-file.js';
import { tooOldNode } from './node-version.js';
import { buildPrograms, runProgram, type BuiltPrograms, type RunningProgram } from './testing/built-programs.js';
import { eventually, isAlive, processState } from './testing/condition.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let programs: BuiltPrograms;
beforeAll(async () => {
  programs = await buildPrograms();
});
afterAll(() => programs.remove());

let turn = 0;
let directory: string;
const running: RunningProgram[] = [];
beforeEach(() => {
  turn += 1;
  directory = path.join(programs.directory, `data-${turn}`);
});
afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});

const SMALL = ['--zones', '1', '--nodes-per-zone', '1', '--port', '0'];
function start(settings: NodeJS.ProcessEnv = {}, words: readonly string[] = SMALL): RunningProgram {
  const program = runProgram(programs, 'main', [...words, '--data', directory], settings);
  running.push(program);
  return program;
}
async function started(settings: NodeJS.ProcessEnv = {}, words: readonly string[] = SMALL) {
  const program = start(settings, words);
  await program.says('ready');
  const record = readClusterFile(directory);
  return { ...program, processes: record?.processes ?? [], pids: record?.processes.flatMap(({ pid }) => pid ?? []) ?? [] };
}
/** What it said, in one line, and its exit code. */
async function refused(settings: NodeJS.ProcessEnv = {}, words: readonly string[] = SMALL) {
  const program = start(settings, words);
  const { code } = await program.ended;
  return { code, err: program.err() };
}
async function cli(...words: string[]) {
  const program = runProgram(programs, 'cli', [...words, '--data', directory]);
  const { code } = await program.ended;
  return { code, out: program.out(), err: program.err() };
}
const noneLeft = (pids: readonly number[]) => eventually(`none of ${pids.join(', ')} is left`, () => !pids.some(isAlive));
const urlOf = (processes: readonly ProcessRecord[], role: string, index = 0) => {
  const found = processes.filter((candidate) => candidate.role === role)[index];
  return `http://${found?.host}:${found?.port}`;
};

describe('npm start', () => {
  it('prints what runs where, the URLs, three lines to try, and ready', async () => {
    const { out, processes, err } = await started({}, ['--zones', '3', '--nodes-per-zone', '2', '--port', '0']);
    const [robin, a, b, c] = [urlOf(processes, 'round-robin'), ...[0, 1, 2].map((index) => urlOf(processes, 'gateway', index))];
    const lines = out();
    expect(err()).toEqual([]);
    for (const { name, role, zone, pid, port } of processes) {
      expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^${name} +${role} +${zone ?? '-'} +${pid} +${port} +(\\d+|-)$`)));
    }
    expect(processes).toHaveLength(10);
    expect(lines).toContain(`Gateways        ${a}  ${b}  ${c}`);
    expect(lines).toContain(`Round robin     ${robin}`);
    expect(lines).toContain(`API docs        ${a}/docs`);
    expect(lines.filter((line) => line.startsWith('  curl'))).toEqual([
      `  curl -X PUT ${a}/v1/users/ann/favorites/inception-2010`,
      `  curl ${b}/v1/users/ann/favorites`,
      `  curl ${robin}/v1/users/ann/favorites`,
    ]);
    expect(lines.at(-1)).toBe('ready');
  });

  it('serves through the round robin, each gateway in turn', async () => {
    const { processes } = await started({}, ['--zones', '2', '--nodes-per-zone', '1', '--port', '0']);
    const served = new Set<string | null>();
    for (const _ of [1, 2]) served.add((await fetch(urlOf(processes, 'round-robin'))).headers.get('served-by'));
    expect(served).toEqual(new Set(['gateway-a', 'gateway-b']));
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('stops all in order on %s to its group, and exits with 0', async (signal) => {
    const events = `${directory}.events`;
    const { pid, ended, pids, out } = await started({ STUB_EVENTS: events });
    // As a terminal does on Ctrl-C, and when it is closed.
    process.kill(-pid, signal);
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(pids).toHaveLength(3);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readFileSync(events, 'utf8').trim().split('\n').slice(-2)).toEqual(['gateway-a stopped', 'a1 stopped']);
    expect(out().at(-1)).toBe('stopped');
    const record = readClusterFile(directory);
    expect(record?.supervisor).toBeNull();
    expect(record?.processes.map(({ exit }) => exit)).toEqual(Array(3).fill({ code: 0, signal: null }));
  });

  it('stops all in order also when nobody reads what it says any more', async () => {
    const { child, ended } = await started();
    child.stdout?.destroy();
    child.kill('SIGHUP');
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(readClusterFile(directory)?.processes.map(({ exit }) => exit)).toEqual(Array(3).fill({ code: 0, signal: null }));
  });

  it('takes two signals of one Ctrl-C as one, and a second Ctrl-C as at once', async () => {
    const { child, ended, pids, says } = await started({ STUB_STUBBORN: 'a1' });
    child.kill('SIGINT');
    // Another signal, since two of one kind that come together are one for the system already.
    child.kill('SIGTERM');
    await eventually('only the one that takes no notice is left', () => pids.filter(isAlive).length === 1);
    await says('Stopping; press Ctrl-C again to stop at once ...');
    const heardMs = performance.now();
    await eventually('half a second later one more is another', () => performance.now() - heardMs > 600);
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(readClusterFile(directory)?.processes.map(({ exit }) => exit?.signal ?? exit?.code)).toEqual([0, 0, 'SIGKILL']);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('ends well when it is stopped before it is ready', async () => {
    const program = start({ STUB_SILENT: 'gateway-a' });
    const pids = await eventually('a gateway starts', () => {
      const record = readClusterFile(directory);
      return record?.processes.some(({ name, state }) => name === 'gateway-a' && state === 'starting') && record.processes.flatMap(({ pid }) => pid ?? []);
    });
    program.child.kill('SIGINT');
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.err()).toEqual([]);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('leaves no child when it is killed with SIGKILL, not even one that is paused or takes no notice', async () => {
    const { child, ended, pids, processes } = await started({ STUB_STUBBORN: 'gateway-a' });
    const paused = processes.find(({ name }) => name === 'a1')?.pid ?? 0;
    process.kill(paused, 'SIGSTOP');
    await eventually('a1 is paused', () => processState(paused) === 'T');
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    expect(await noneLeft(pids)).toBe(true);
    // And it can be started again there, although everything in the directory says that it runs.
    expect((await started()).pids).toHaveLength(3);
  });

  it('leaves no child when the guard is killed too: those that run see their supervisor go, and the rest at the next start', async () => {
    const { child, ended, pids, processes, pid } = await started();
    const paused = processes.find(({ name }) => name === 'a1')?.pid ?? 0;
    process.kill(paused, 'SIGSTOP');
    await eventually('a1 is paused', () => processState(paused) === 'T');
    // Stopped first, so that it cannot start another guard.
    process.kill(pid, 'SIGSTOP');
    await eventually('the supervisor is stopped', () => processState(pid) === 'T');
    for (const guard of guardsOf(pid)) process.kill(guard, 'SIGKILL');
    child.kill('SIGKILL');
    await ended;
    expect(await noneLeft(pids.filter((candidate) => candidate !== paused))).toBe(true);
    expect(isAlive(paused)).toBe(true);
    const again = await started();
    expect(isAlive(paused)).toBe(false);
    expect(again.out()).toContain('a1 of an earlier run was still there and has been ended');
  });

  it('gets another guard when the one it has is killed', async () => {
    const { child, ended, pids, processes, pid } = await started({ STUB_STUBBORN: 'a1' });
    const [guard = 0] = guardsOf(pid);
    process.kill(guard, 'SIGKILL');
    await eventually('there is another guard', () => guardsOf(pid).some((candidate) => candidate !== guard));
    process.kill(processes.find(({ name }) => name === 'a1')?.pid ?? 0, 'SIGSTOP');
    child.kill('SIGKILL');
    await ended;
    expect(await noneLeft(pids)).toBe(true);
  });

  it.each([
    ['a child that fails', { STUB_FAILS: 'a1' }, SMALL, /^triptych: a1 exited with code 3 during the start; see \S+\/a1\/log$/],
    ['a wrong flag', {}, ['--zones', 'three'], /^triptych: --zones is "three": expected a whole number from 1 to 9$/],
    ['an unknown flag', {}, ['--zoens', '3'], /^triptych: Unknown option '--zoens': expected --zones N/],
  ])('says in one line what is wrong, with exit code 1: %s', async (_, settings, words, line) => {
    expect(await refused(settings, words)).toEqual({ code: 1, err: [expect.stringMatching(line)] });
  });

  it('says in one line that a directory or a port is in use, that the directory is of another layout, or is none', async () => {
    const { processes, child, ended, pid } = await started();
    expect(await refused()).toEqual({
      code: 1,
      err: [`triptych: ${directory} is in use by a running cluster (supervisor pid ${pid}): stop that one, or give another directory with --data`],
    });
    const port = String(processes[0]?.port);
    directory += '-other';
    expect(await refused({}, ['--zones', '1', '--nodes-per-zone', '1', '--port', port])).toEqual({
      code: 1,
      err: [expect.stringMatching(`^triptych: port ${port} \\(for round-robin\\) is in use; `)],
    });
    directory = directory.replace('-other', '');
    child.kill('SIGTERM');
    await ended;
    expect(await refused({}, ['--zones', '2', '--port', '0'])).toEqual({
      code: 1,
      err: [expect.stringContaining('holds a cluster of --zones 1 --nodes-per-zone 1, not 2 and 2')],
    });
    directory = path.join(programs.directory, 'package.json');
    expect(await refused()).toEqual({ code: 1, err: [expect.stringContaining('cannot be used as data directory: ')] });
  });

  it.each([
    ['20.20.2', 'Node 24 or newer is needed to run a cluster, and this is Node 20.20.2: npm start uses the one that package.json pins'],
    ['24.0.0', null],
    ['26.10.0', null],
  ])('under Node %s: %s', (version, fault) => {
    expect(tooOldNode(version)).toBe(fault);
  });
});

describe('npm run cluster', () => {
  it('shows a running cluster and acts on it', async () => {
    const { pids } = await started();
    const status = await cli('status');
    expect(status).toMatchObject({ code: 0, err: [] });
    expect(status.out).toHaveLength(6);
    expect(status.out.at(-1)).toMatch(/^console http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}$/);
    expect(await cli('kill', 'a1')).toEqual({ code: 0, out: ['a1  killed'], err: [] });
    expect(pids.filter(isAlive)).toHaveLength(2);
    expect((await cli('status')).out.find((line) => line.startsWith('a1 '))).toContain('exited (SIGKILL)');
    expect(await cli('start', 'a1')).toEqual({ code: 0, out: ['a1  started'], err: [] });
  });

  it('says in one line what is wrong, with exit code 1', async () => {
    expect(await cli('status')).toEqual({
      code: 1,
      out: [],
      err: [`triptych: no cluster is running in ${directory}: start it with npm start, or name another one with --data`],
    });
    const { child, ended } = await started();
    expect((await cli('kill', 'b7')).err).toEqual([expect.stringMatching(/^triptych: there is no "b7" here: choose one of zone-a, /)]);
    child.kill('SIGKILL');
    await ended;
    expect((await cli('status')).err).toEqual([expect.stringContaining('no cluster is running in')]);
  });
});

/** The guards that a supervisor has: shells that are its children. */
function guardsOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [own, parent, ...words] = line.trim().split(/\s+/);
    return Number(parent) === pid && words.includes('triptych-guard') ? [Number(own)] : [];
  });
}
