/** The supervisor over real processes: stubs, which start in a few hundredths of a second and misbehave on request. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { readStatus } from './admin-socket.js';
import { readClusterFile } from './cluster-file.js';
import { freePortBlock } from './free-ports.js';
import { startCluster } from './supervisor.js';
import { eventually, isAlive, processState } from './testing/condition.js';
import { ALL, pidOf, pids, record, states, STUB, stubClusters, WARNING } from './testing/stub-clusters.js';

vi.setConfig({ testTimeout: 60_000 });
const stubs = stubClusters();
const { options, cluster, refusal } = stubs;
const told = () => readFileSync(stubs.events, 'utf8').trim().split('\n');
/** The order in which roles came, each once. */
const roles = (lines: readonly string[], what: string) => {
  const names = lines.filter((line) => line.endsWith(what)).map((line) => line.split(' ')[0] ?? '');
  const seen = names.map((name) => (name === 'round-robin' ? name : name.startsWith('gateway') ? 'gateway' : 'store'));
  return seen.filter((role, index) => role !== seen[index - 1]);
};

describe('a start', () => {
  it('brings store nodes up first, then gateways, then the round robin, and is over when every gateway is ready', async () => {
    const one = await cluster();
    expect(roles(told(), 'started')).toEqual(['store', 'gateway', 'round-robin']);
    expect(Object.keys(states(one))).toEqual(ALL);
    expect(new Set(Object.values(states(one)))).toEqual(new Set(['running']));
    for (const { role, host, port } of one.plan.processes) {
      if (role !== 'gateway') continue;
      expect((await fetch(`http://${host}:${port}/health/ready`)).status).toBe(200);
    }
  });

  it('writes down what runs where, as the processes themselves have it', async () => {
    const one = await cluster();
    const written = readClusterFile(stubs.directory);
    expect(written).toEqual(one.status());
    expect(written).toMatchObject({ format: 1, zones: 2, nodesPerZone: 1, replicationFactor: 2, supervisor: { pid: process.pid } });
    for (const { name, host, port, zone, pid, state, dataDirectory, exit } of written?.processes ?? []) {
      const answer = await fetch(`http://${host}:${port}/`);
      expect(answer.headers.get('served-by')).toBe(name);
      const environment = (await answer.json()) as Record<string, string>;
      expect(environment.TRIPTYCH_CLUSTER_ID).toBe(written?.clusterId);
      expect(environment.TRIPTYCH_ZONE ?? null).toBe(zone);
      expect(environment.TRIPTYCH_DATA_DIR ?? null).toBe(dataDirectory);
      expect(isAlive(pid ?? 0)).toBe(true);
      expect([state, exit]).toEqual(['running', null]);
    }
    expect(statSync(path.join(stubs.directory, 'cluster.json')).mode & 0o777).toBe(0o600);
  });

  it('keeps what each process prints in a log of its own, and sets a large one aside', async () => {
    await refusal({ STUB_FAILS: 'a1' });
    const log = path.join(stubs.directory, 'a1', 'log');
    expect(readFileSync(log, 'utf8')).toBe('asked to fail\n');
    await refusal({ STUB_FAILS: 'a1' });
    expect(readFileSync(log, 'utf8')).toBe('asked to fail\nasked to fail\n');
    writeFileSync(log, Buffer.alloc(17 * 1024 * 1024));
    await refusal({ STUB_FAILS: 'a1' });
    expect(readFileSync(log, 'utf8')).toBe('asked to fail\n');
    expect(statSync(`${log}.1`).size).toBe(17 * 1024 * 1024);
  });

  it.each([
    ['exits', { STUB_FAILS: 'b1' }, 'b1 exited with code 3 during the start; see '],
    ['never listens', { STUB_SILENT: 'gateway-b' }, 'gateway-b did not start within 5 s; see '],
    ['is never ready', { STUB_UNREADY: 'gateway-b' }, 'gateway-b listens but was not ready within 5 s; see its log'],
  ])('in which a process %s fails in one line, and leaves nothing running', async (_, behaviour, line) => {
    const one = stubs.supervisor(behaviour, { startTimeoutMs: 5_000 });
    const seen = new Set<number>();
    const watching = setInterval(() => {
      if (existsSync(path.join(stubs.directory, 'cluster.json'))) for (const pid of pids(one)) seen.add(pid);
    }, 5);
    await expect(one.launch()).rejects.toThrow(line);
    clearInterval(watching);
    expect(seen.size).toBeGreaterThan(0);
    expect([...seen].filter(isAlive)).toEqual([]);
    expect(new Set(one.processes.map(({ pid }) => pid))).toEqual(new Set([null]));
    expect(readClusterFile(stubs.directory)?.supervisor).toBeNull();
    // The directory is free again.
    await cluster();
  });

  it('that is stopped half way ends at once, and leaves nothing running', async () => {
    const one = stubs.supervisor({ STUB_SILENT: 'gateway-b' });
    const launched = one.launch().then(
      () => 'launched',
      (error: Error) => error.message,
    );
    const running = await eventually('the gateways are starting', () => existsSync(stubs.events) && roles(told(), 'started').length === 2 && pids(one));
    await one.stop();
    expect(await launched).toBe('stopped before it was ready');
    expect(running.filter(isAlive)).toEqual([]);
  });

  it('in which a process dies that had started already fails at once, without waiting for the others', async () => {
    const one = stubs.supervisor({ STUB_SILENT: 'gateway-b' });
    const launched = one.launch().then(
      () => 'launched',
      (error: Error) => error.message,
    );
    await eventually('a gateway runs', () => existsSync(stubs.events) && told().includes('gateway-b started'));
    const running = pids(one);
    process.kill(pidOf(one, 'a1'), 'SIGKILL');
    expect(await launched).toMatch(/^a1 was ended by SIGKILL during the start; see /);
    expect(running.filter(isAlive)).toEqual([]);
  });

  it('is over when what is to be loaded is there, which begins once the gateways are ready', async () => {
    const seen: string[] = [];
    const one = await cluster({}, {
      load: async ({ clusterId, plan }) => {
        const gateway = plan.processes.find(({ role }) => role === 'gateway');
        seen.push(clusterId, String((await fetch(`http://${gateway?.host}:${gateway?.port}/health/ready`)).status));
      },
    });
    expect(seen).toEqual([one.clusterId, '200']);
  });

  it('that is stopped while it loads ends at once, and the loading is told', async () => {
    let told: AbortSignal | undefined;
    const one = stubs.supervisor({}, { load: (_, ending) => new Promise(() => (told = ending)) });
    const launched = one.launch().catch((error: Error) => error.message);
    const ending = await eventually('it loads', () => told);
    expect(ending.aborted).toBe(false);
    await one.stop();
    expect(ending.aborted).toBe(true);
    expect(await launched).toBe('stopped before it was ready');
  });

  it('says where it is while it takes long', async () => {
    const said: string[] = [];
    const one = stubs.supervisor({ STUB_SILENT: 'a1,b1' }, { say: (line) => said.push(line), progressIntervalMs: 50 });
    const launched = one.launch().catch(() => {});
    await eventually('a line of progress', () => said.includes('starting (0 s): waiting for a1, b1'));
    await one.stop();
    await launched;
    expect(said.filter((line) => !line.startsWith('starting ('))).toEqual([WARNING]);
  });

  it('warns of a layout that cannot lose a zone, and is refused when it has to survive that', async () => {
    expect(await refusal({}, { survive: 'zone' })).toBe(WARNING.replace('warning: ', ''));
    expect(existsSync(stubs.directory)).toBe(false);
    const said: string[] = [];
    await cluster({}, { say: (line) => said.push(line) });
    expect(said).toEqual([WARNING]);
    await cluster({}, { zones: 3, survive: 'zone', say: (line) => said.push(line), dataDirectory: `${stubs.directory}-2` });
    expect(said).toEqual([WARNING]);
  });

  it('on ports of which one is in use is refused, naming it and for what it was, before anything runs', async () => {
    const base = await freePortBlock('127.0.0.1', 9);
    const holder = createServer().listen(base + 2, '127.0.0.1');
    await once(holder, 'listening');
    expect(await refusal({}, { port: base })).toBe(
      `port ${base + 2} (for gateway-b) is in use; the cluster needs 10 ports from ${base} upwards: give another one with --port, or 0 for free ones`,
    );
    expect(existsSync(stubs.events)).toBe(false);
    holder.close();
    const one = await cluster({}, { port: base });
    expect(record(one, 'round-robin').port).toBe(base);
  });

  it('serves the console where a page for it is given, says where in cluster.json, and ends it with the cluster', async () => {
    const page = path.join(path.dirname(stubs.directory), 'page');
    mkdirSync(page);
    writeFileSync(path.join(page, 'index.html'), 'the page');
    const one = await cluster({}, { console: page });
    const { origin, hash } = new URL(one.consoleUrl!);
    expect(one.status().supervisor?.console).toBe(one.consoleUrl);
    expect(await (await fetch(origin)).text()).toBe('the page');
    const stream = await fetch(`${origin}/console/events`, { headers: { authorization: `Bearer ${hash.replace('#token=', '')}` } });
    expect(stream.status).toBe(200);
    await one.stop();
    // A browser that still looks does not hold the end up.
    await stream.text().catch(() => {});
    await expect(fetch(origin)).rejects.toThrow('fetch failed');
    expect((await cluster()).consoleUrl).toBeNull();
  });

  it('on more ports than there are is refused', async () => {
    expect(await refusal({}, { port: 65_530 })).toContain('the cluster needs 10 ports from 65530 upwards, and the last there is is 65535');
  });

  it('in a directory where a supervisor runs is refused, and does not disturb it', async () => {
    const one = await cluster();
    expect(await refusal({})).toBe(
      `${stubs.directory} is in use by a running cluster (supervisor pid ${process.pid}): stop that one, or give another directory with --data`,
    );
    expect(pids(one).every(isAlive)).toBe(true);
    expect((await readStatus(path.join(stubs.directory, 'admin.sock'))).clusterId).toBe(one.clusterId);
  });

  it('of two clusters side by side takes different ports', async () => {
    const both = [await cluster(), await cluster({}, { dataDirectory: `${stubs.directory}-2` })];
    const ports = both.flatMap(({ plan }) => plan.processes.map(({ port }) => port));
    expect(new Set(ports).size).toBe(10);
  });

  it('ends what an earlier run left, once the system confirms that it is ours', async () => {
    const first = await cluster({ STUB_STUBBORN: 'a1' });
    const { clusterId, processes } = first.status();
    await first.stopAtOnce();
    const stubborn = startStub({ TRIPTYCH_CLUSTER_ID: clusterId, TRIPTYCH_NODE_ID: 'a1' });
    const stranger = startStub({ TRIPTYCH_CLUSTER_ID: 'another', TRIPTYCH_NODE_ID: 'b1' });
    const stale = { ...first.status(), processes: processes.map((one) => ({ ...one, pid: { a1: stubborn.pid, b1: stranger.pid }[one.name] ?? null })) };
    writeFileSync(path.join(stubs.directory, 'cluster.json'), JSON.stringify(stale));
    await Promise.all([stubborn.listening, stranger.listening]);
    const said: string[] = [];
    await cluster({}, { say: (line) => said.push(line) });
    expect(said).toEqual([WARNING, 'a1 of an earlier run was still there and has been ended']);
    expect([isAlive(stubborn.pid), isAlive(stranger.pid)]).toEqual([false, true]);
    stranger.kill();
  });
});

describe('a process of a running cluster', () => {
  it('that dies is shown as dead, with how, and stays dead', async () => {
    const said: string[] = [];
    const one = await cluster({}, { say: (line) => said.push(line) });
    process.kill(pidOf(one, 'b1'), 'SIGKILL');
    await eventually('b1 is shown as dead', () => record(one, 'b1').state === 'exited');
    expect(record(one, 'b1')).toMatchObject({ pid: null, exit: { code: null, signal: 'SIGKILL' } });
    expect(readClusterFile(stubs.directory)).toEqual(one.status());
    expect(said).toEqual([WARNING, 'b1 was ended by SIGKILL']);
    expect(told().filter((line) => line === 'b1 started')).toHaveLength(1);
    expect(Object.values(states(one)).filter((state) => state === 'running')).toHaveLength(4);
  });

  it('is killed, with its zone, and starts again on the same port and the same data', async () => {
    const one = await cluster();
    const before = [pidOf(one, 'gateway-b'), pidOf(one, 'b1')];
    const ports = one.processes.map(({ port }) => port);
    expect(await one.kill('zone-b')).toEqual([
      { name: 'gateway-b', done: true, text: 'killed' },
      { name: 'b1', done: true, text: 'killed' },
    ]);
    expect(before.filter(isAlive)).toEqual([]);
    expect(told().filter((line) => line.endsWith('stopped'))).toEqual([]);
    expect(states(one)).toMatchObject({ 'gateway-b': 'exited', b1: 'exited', a1: 'running', 'round-robin': 'running' });
    expect(await one.kill('b1')).toEqual([{ name: 'b1', done: true, text: 'was not running' }]);

    expect(await one.start('zone-b')).toEqual([
      { name: 'gateway-b', done: true, text: 'started' },
      { name: 'b1', done: true, text: 'started' },
    ]);
    expect(told().slice(-2)).toEqual(['b1 started', 'gateway-b started']);
    expect(one.processes.map(({ port }) => port)).toEqual(ports);
    expect(before).not.toContain(pidOf(one, 'b1'));
    expect(record(one, 'b1').exit).toBeNull();
    expect(await one.start('b1')).toEqual([{ name: 'b1', done: true, text: 'is running' }]);
  });

  it('is stopped: asked to, gateways before store nodes, and killed when it takes no notice', async () => {
    const one = await cluster({ STUB_STUBBORN: 'a1' }, { stopTimeoutMs: 2_000 });
    expect(await one.stop('zone-b')).toEqual([
      { name: 'gateway-b', done: true, text: 'stopped' },
      { name: 'b1', done: true, text: 'stopped' },
    ]);
    expect(told().slice(-2)).toEqual(['gateway-b stopped', 'b1 stopped']);
    expect(record(one, 'b1').exit).toEqual({ code: 0, signal: null });
    expect(await one.stop('a1')).toEqual([{ name: 'a1', done: true, text: 'killed' }]);
    expect(record(one, 'a1').exit).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('is paused and resumed as the same process', async () => {
    const one = await cluster();
    const pid = pidOf(one, 'a1');
    expect(await one.pause('a1')).toEqual([{ name: 'a1', done: true, text: 'paused' }]);
    await eventually('the system has it stopped', () => processState(pid) === 'T');
    expect(readClusterFile(stubs.directory)?.processes.find(({ name }) => name === 'a1')).toMatchObject({ pid, state: 'paused' });
    expect(await one.start('a1')).toEqual([{ name: 'a1', done: false, text: 'is paused' }]);
    expect(await one.resume('a1')).toEqual([{ name: 'a1', done: true, text: 'resumed' }]);
    await eventually('it runs again', () => processState(pid) !== 'T');
    expect(pidOf(one, 'a1')).toBe(pid);
    expect(await one.resume('a1')).toEqual([{ name: 'a1', done: true, text: 'is running' }]);
  });

  it('is stopped in order also while it is paused, by us or by someone else', async () => {
    const one = await cluster();
    await one.pause('a1');
    process.kill(pidOf(one, 'b1'), 'SIGSTOP');
    await one.stop('store');
    expect(['a1', 'b1'].map((name) => record(one, name).exit)).toEqual(Array(2).fill({ code: 0, signal: null }));
  });

  it('that does not come up again is said to have failed, and the cluster goes on', async () => {
    const one = await cluster();
    await one.kill('a1');
    const holder = createServer().listen(record(one, 'a1').port, '127.0.0.1');
    await once(holder, 'listening');
    const [outcome] = await one.start('a1');
    holder.close();
    expect(outcome).toMatchObject({ name: 'a1', done: false });
    expect(outcome?.text).toMatch(/^a1 exited with code 1 before it served; see /);
    expect(states(one)).toMatchObject({ a1: 'exited', b1: 'running' });
    expect((await one.start('a1'))[0]?.done).toBe(true);
  });
});

describe('a stop', () => {
  it('ends the round robin first, then gateways, then store nodes, and leaves none', async () => {
    const one = await cluster();
    const running = pids(one);
    await one.pause('gateway-a');
    await one.stop();
    expect(roles(told(), 'stopped')).toEqual(['round-robin', 'gateway', 'store']);
    expect(running.filter(isAlive)).toEqual([]);
    expect(new Set(one.processes.map(({ exit }) => exit?.code))).toEqual(new Set([0]));
    expect(readClusterFile(stubs.directory)).toEqual(one.status());
    expect(readClusterFile(stubs.directory)?.supervisor).toBeNull();
    expect(existsSync(path.join(stubs.directory, 'admin.sock'))).toBe(false);
  });

  it('at once does not wait for those who take no notice', async () => {
    const one = await cluster({ STUB_STUBBORN: ALL.join(',') });
    const running = pids(one);
    void one.stop();
    await one.stopAtOnce();
    expect(running.filter(isAlive)).toEqual([]);
    expect(new Set(one.processes.map(({ exit }) => exit?.signal))).toEqual(new Set(['SIGKILL']));
  });

  it('then a start keeps cluster id, secrets and data; a fresh one begins anew', async () => {
    const first = await cluster();
    const { clusterId } = first;
    await first.stop();
    const again = await cluster();
    expect(again.clusterId).toBe(clusterId);
    await again.stop();
    const fresh = await cluster({}, { fresh: true });
    expect(fresh.clusterId).not.toBe(clusterId);
  });

  it('refuses what is asked of the cluster meanwhile', async () => {
    const one = await cluster();
    const stopping = one.stop();
    await expect(one.start('a1')).rejects.toThrow('the cluster is being stopped');
    await stopping;
  });

  it('is what startCluster gives, too', async () => {
    const handle = await startCluster(options());
    const running = handle.processes.flatMap(({ pid }) => pid ?? []);
    expect(running).toHaveLength(5);
    expect(await handle.stop()).toEqual([]);
    expect(running.filter(isAlive)).toEqual([]);
  });
});

/** A process that the supervisor under test has not started. */
function startStub(environment: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [STUB], {
    env: { TRIPTYCH_HOST: '127.0.0.1', TRIPTYCH_PORT_HTTP: '0', ...environment },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return { pid: child.pid ?? 0, listening: once(child, 'message'), kill: () => child.kill('SIGKILL') };
}
