/** The service as a process: how it starts, how it says why it does not, and how it ends. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { PATTERNS } from '@app/contracts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { DRAIN_GRACE_MS } from './store-process.js';
import { buildService, type BuiltService, type RunningService } from './testing/built-service.js';
import { HOST, ROW, storeClient } from './testing/store-client.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const TOKEN = 'a-token-of-at-least-thirty-two-characters';

let service: BuiltService;
beforeAll(async () => {
  service = await buildService();
});
afterAll(() => service.remove());

let turn = 0;
let directory: string;
let tokenFile: string;
const runs: RunningService[] = [];
beforeEach(() => {
  directory = path.join(service.directory, `node-${++turn}`);
  mkdirSync(directory);
  tokenFile = path.join(directory, 'admin.token');
  writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
});
afterEach(async () => {
  for (const { child, ended } of runs.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});

const dataOf = () => path.join(directory, 'data');

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function run(over: NodeJS.ProcessEnv = {}): Promise<RunningService & { port: number }> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const member = { node: 'a1', zone: 'zone-a', region: 'local', host: HOST, port, weight: 1 };
  const started = service.run({
    TRIPTYCH_NODE_ID: 'a1',
    TRIPTYCH_ZONE: 'zone-a',
    TRIPTYCH_REGION: 'local',
    TRIPTYCH_HOST: HOST,
    TRIPTYCH_CLUSTER_ID: 'cluster-1',
    TRIPTYCH_PORT_WIRE: String(port),
    TRIPTYCH_PORT_ADMIN: String(adminPort),
    TRIPTYCH_SECRET_FILE: tokenFile,
    TRIPTYCH_ADMIN_TOKEN_FILE: tokenFile,
    TRIPTYCH_MEMBERS: JSON.stringify([member]),
    TRIPTYCH_SEEDS: `${HOST}:${port}`,
    TRIPTYCH_REPLICATION_FACTOR: '1',
    TRIPTYCH_DATA_DIR: dataOf(),
    ...over,
  });
  runs.push(started);
  return { ...started, port };
}

async function stateOf(adminPort: number): Promise<any> {
  const response = await fetch(`http://${HOST}:${adminPort}/admin/state`, { headers: { authorization: `Bearer ${TOKEN}` } });
  return response.json();
}

const identity = (): Record<string, unknown> => JSON.parse(readFileSync(path.join(dataOf(), 'identity.json'), 'utf8'));

describe('a favorites-service', () => {
  it('serves, says so to its supervisor, warns that everyone may, and on SIGTERM closes its data and exits with 0', async () => {
    const { child, listening, ended, logged, port } = await run();
    const { wire, admin } = await listening;
    expect(wire).toBe(port);
    expect(await stateOf(admin)).toMatchObject({ node: 'a1', faults: 'off', recovery: { isNew: true } });
    expect(logged()).toContainEqual(expect.objectContaining({ level: 'warn', msg: expect.stringContaining('there is no access control') }));
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, signal: null, err: '' });
    expect(identity()).toMatchObject({ cleanStopLsn: expect.any(Number) });
    const again = await run({ TRIPTYCH_FAULTS: 'on' });
    expect(await stateOf((await again.listening).admin)).toMatchObject({ faults: 'on', recovery: { isNew: false, cleanStop: true } });
    expect(again.logged()).toContainEqual(expect.objectContaining({ level: 'warn', msg: expect.stringContaining('faults can be injected') }));
  });

  it('closes its data and ends soon when its supervisor is gone, although a call is still in flight', async () => {
    const { child, listening, ended, logged, port } = await run({ TRIPTYCH_FAULTS: 'on' });
    const { admin } = await listening;
    // Its answer never leaves, so the caller keeps its connection to the end.
    await fetch(`http://${HOST}:${admin}/admin/faults`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: '{"peer":"*","patternPrefix":"store.get","fault":"hold"}',
    });
    const client = storeClient(port);
    const failure = client.call(PATTERNS.get, { ...ROW, items: ['x'], level: 'ONE' }, 60_000).catch((error: unknown) => error);
    await vi.waitFor(async () => expect((await stateOf(admin)).wire.connections).toBe(1));
    child.disconnect();
    expect(await ended).toEqual({ code: 0, signal: null, err: '' });
    const atMs = (said: string) => Date.parse(String(logged().find(({ msg }) => msg === said)?.['time']));
    expect(atMs('stopped') - atMs('draining')).toBeLessThan(DRAIN_GRACE_MS);
    expect(identity()).toMatchObject({ cleanStopLsn: expect.any(Number) });
    expect(await failure).toMatchObject({ code: 'WIRE_CONNECTION_LOST' });
    client.wire.close();
  });

  // Other systems than Linux have no prlimit; store-process.spec.ts shows the same over a disk that only pretends.
  it.skipIf(spawnSync('prlimit', ['--version']).error !== undefined)('takes no writes when its disk is full, saying so, and comes back with all that it acknowledged', async () => {
    const { child, listening, ended, logged, port } = await run();
    await listening;
    const client = storeClient(port);
    await client.add('before');
    // No file may grow beyond 8 KiB any more: the log cannot take what comes next.
    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=8192']);
    await expect(client.add('beyond', 60_000)).rejects.toMatchObject({ code: expect.stringMatching(/^(STORE|WIRE_CONNECTION_LOST)/) });
    await vi.waitFor(() => expect(logged().at(-1)).toMatchObject({ level: 'fatal', msg: expect.stringContaining('storage has failed') }));
    await expect(client.add('beyond-too')).rejects.toMatchObject({ code: 'STORE_READ_ONLY' });
    client.wire.close();
    child.kill('SIGKILL');
    await ended;

    const again = await run();
    expect(await stateOf((await again.listening).admin)).toMatchObject({ recovery: { cleanStop: false }, storage: { state: 'open' } });
  });
});

describe('a favorites-service that cannot start', () => {
  it.each(['TRIPTYCH_PORT_WIRE', 'TRIPTYCH_PORT_ADMIN'])('says in one line that %s is in use, and ends with code 1', async (variable) => {
    const taken = createServer().listen(0, HOST);
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    const { ended } = await run({ [variable]: String(port) });
    expect(await ended).toEqual({ code: 1, signal: null, err: `a1 cannot listen on ${HOST}:${port}: the port is in use\n` });
    taken.close();
  });

  it('leaves the data of a running node alone', async () => {
    const first = await run();
    const { admin } = await first.listening;
    const { ended } = await run();
    expect(await ended).toEqual({ code: 1, signal: null, err: `a1: data directory refused: another process has ${dataOf()} open\n` });
    expect(await stateOf(admin)).toMatchObject({ storage: { state: 'open' } });
  });
});
