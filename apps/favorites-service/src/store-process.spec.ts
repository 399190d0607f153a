/** A store node with its sockets and its disk, in this process: its admin port, and what it does when its disk fails. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { StoreConfiguration } from '@app/config';
import { nodeId, PATTERNS, zoneId } from '@app/contracts';
import { openLmdbEngine } from '@app/store/adapters';
import { systemClock } from '@app/time';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FaultDisk } from '../../../libs/store/src/testing/fault-disk.js';
import { startStoreProcess, type StoreProcess } from './store-process.js';
import { HOST, ROW, storeClient, type StoreClient } from './testing/store-client.js';

const TOKEN = 'a-token-of-at-least-thirty-two-characters';

let directory: string;
let cleanups: (() => unknown)[];
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'store-process-'));
  cleanups = [];
});
afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
  rmSync(directory, { recursive: true });
});

function configurationOf(over: Partial<StoreConfiguration> = {}): StoreConfiguration {
  const [node, zone] = [nodeId('a1'), zoneId('zone-a')];
  return {
    nodeId: node,
    zone,
    region: 'local',
    host: HOST,
    clusterId: 'cluster-1',
    logLevel: 'silent',
    adminPort: 0,
    wirePort: 0,
    secretFile: 'unused',
    adminTokenFile: 'unused',
    members: [{ node, zone, region: 'local', host: HOST, port: 1, weight: 1 }],
    seeds: [],
    replicationFactor: 1,
    survive: 'nothing',
    dataDirectory: path.join(directory, 'data'),
    faults: true,
    durability: 'commit',
    periodicSyncMs: 10_000,
    ...over,
  };
}

const open = (disk?: (disk: FaultDisk) => void) =>
  openLmdbEngine({
    directory: path.join(directory, 'data'),
    clusterId: 'cluster-1',
    nodeId: 'a1',
    clock: systemClock,
    wrapDisk: (inner) => {
      const faulty = new FaultDisk(inner);
      disk?.(faulty);
      return faulty;
    },
  });

interface Started extends StoreClient {
  readonly store: StoreProcess;
  readonly disk: FaultDisk;
  readonly died: string[];
  readonly ask: (method: string, url: string, body?: unknown) => Promise<{ status: number; body: any }>;
}

async function started(over: Partial<StoreConfiguration> = {}): Promise<Started> {
  let disk!: FaultDisk;
  const died: string[] = [];
  const opened = open((faulty) => (disk = faulty));
  const store = await startStoreProcess({
    configuration: configurationOf(over),
    opened,
    adminToken: TOKEN,
    log: pino({ level: 'silent' }),
    die: (why) => died.push(why),
  });
  cleanups.push(() => store.stop(0));
  const client = storeClient(store.ports.wire);
  cleanups.push(() => client.wire.close());
  const ask: Started['ask'] = async (method, url, body) => {
    const headers = { authorization: `Bearer ${TOKEN}`, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    const response = await fetch(`http://${HOST}:${store.ports.admin}${url}`, init);
    return { status: response.status, body: await response.json() };
  };
  // What a start writes is on disk: from here on the disk is the test's.
  await vi.waitFor(async () => expect((await ask('GET', '/admin/state')).body.store.witness.standing).not.toBe('unknown'), 10_000);
  return { store, disk, died, ...client, ask };
}

describe('the admin port of a store node', () => {
  it('tells an administrator what the node is, how it started, what it holds and does', async () => {
    const node = await started();
    await node.add('alien-1979');
    const { status, body } = await node.ask('GET', '/admin/state');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      node: 'a1',
      zone: 'zone-a',
      clusterId: 'cluster-1',
      faults: 'on',
      draining: false,
      recovery: { isNew: true, cleanStop: false },
      storage: { state: 'open', failure: null, durableLsn: expect.any(Number) },
      store: { engine: { pendingBatches: 0 }, damagedRows: 0, slotSync: { waitingSlots: 0 }, witness: { standing: 'new' } },
      wire: { connections: 1, callsInFlight: 0, heard: {} },
      peers: {},
    });
  });

  it('shows calls in flight, and what each peer has asked', async () => {
    const node = await started();
    node.disk.hold();
    const adding = node.add('alien-1979');
    await vi.waitFor(async () => expect((await node.ask('GET', '/admin/state')).body).toMatchObject({ wire: { callsInFlight: 1 }, store: { engine: { pendingBatches: 1 } } }));
    node.disk.release();
    await adding;
    await node.call(PATTERNS.peer, { ...ROW, hlc: 0, epoch: 1, kind: 'digest' });
    expect((await node.ask('GET', '/admin/state')).body.wire).toMatchObject({ connections: 1, callsInFlight: 0, heard: { device: { digest: 1 } }, served: { oldest: [] } });
  });

  it('is closed to whoever does not have the token', async () => {
    const { store } = await started();
    expect((await fetch(`http://${HOST}:${store.ports.admin}/admin/state`)).status).toBe(401);
    expect((await fetch(`http://${HOST}:${store.ports.admin}/admin/faults`, { method: 'DELETE' })).status).toBe(401);
  });
});

describe('faults injected through the admin port', () => {
  const GET = [PATTERNS.get, { ...ROW, items: ['alien-1979'], level: 'ONE' }] as const;

  it('hold back one kind of answer to one peer until they are lifted', async () => {
    const node = await started();
    const held = await node.ask('POST', '/admin/faults', { peer: 'device', patternPrefix: 'store.get', fault: 'hold' });
    expect(held).toEqual({ status: 200, body: { id: '1' } });
    let isAnswered = false;
    const answer = node.call(...GET).then(() => (isAnswered = true));
    // Another kind passes it meanwhile, over the same connection.
    await node.call(PATTERNS.list, { ...ROW, limit: 10, level: 'ONE' });
    expect(isAnswered).toBe(false);
    expect(await node.ask('DELETE', '/admin/faults/1')).toEqual({ status: 200, body: { lifted: ['1'] } });
    await answer;
  });

  it('drop, delay and refuse; are listed; and are lifted all at once', async () => {
    const node = await started();
    const rules = [
      { peer: '*', patternPrefix: 'store.get', fault: 'drop' },
      { peer: 'device', patternPrefix: 'store.list', fault: { delayMs: 60 } },
      { peer: 'b1', fault: 'refuse' },
    ];
    for (const rule of rules) await node.ask('POST', '/admin/faults', rule);
    expect((await node.ask('GET', '/admin/faults')).body).toEqual({ faults: rules.map((rule, i) => ({ id: String(i + 1), ...rule })) });
    await expect(node.call(...GET, 100)).rejects.toMatchObject({ code: 'WIRE_DEADLINE' });
    const beganMs = performance.now();
    await node.call(PATTERNS.list, { ...ROW, limit: 10, level: 'ONE' });
    expect(performance.now() - beganMs).toBeGreaterThan(50);

    await node.ask('POST', '/admin/faults', { peer: 'device', fault: 'refuse' });
    await expect(node.call(...GET)).rejects.toMatchObject({ code: expect.stringMatching(/^WIRE_/) });
    await vi.waitFor(() => expect(node.wire.state).toMatchObject({ kind: 'down', reason: { code: 'WIRE_HANDSHAKE_REFUSED' } }));
    expect((await node.ask('DELETE', '/admin/faults')).body).toEqual({ lifted: ['1', '2', '3', '4'] });
    expect((await node.ask('GET', '/admin/faults')).body).toEqual({ faults: [] });
    await vi.waitFor(() => expect(node.wire.isConnected).toBe(true), { timeout: 5_000 });
    expect(await node.call(...GET)).toMatchObject({ items: [null] });
  });

  it('are refused when they make no sense, saying where', async () => {
    const node = await started();
    const wrong: [unknown, RegExp][] = [
      [{}, /peer/],
      [{ peer: '..', fault: 'hold' }, /^peer: the name of a process, or \*/],
      [{ peer: 'b1', fault: 'explode' }, /^fault: hold, drop, refuse or /],
      [{ peer: 'b1', fault: { delayMs: 0 } }, /^fault/],
      [{ peer: 'b1', fault: { delayMs: 1e9 } }, /^fault/],
      [{ peer: 'b1', fault: 'hold', patternPrefix: '' }, /^patternPrefix/],
      [{ peer: 'b1', fault: 'refuse', patternPrefix: 'store.' }, /^patternPrefix: refuse is of whole connections/],
      [{ peer: 'b1', fault: 'hold', more: 1 }, /more/],
      [[], /./],
    ];
    for (const [body, detail] of wrong) {
      const reply = await node.ask('POST', '/admin/faults', body);
      expect([body, reply.status, reply.body.code, reply.body.detail]).toEqual([body, 400, 'REQUEST_INVALID', expect.stringMatching(detail)]);
    }
    const unknown = await node.ask('DELETE', '/admin/faults/7');
    expect([unknown.status, unknown.body.code]).toEqual([404, 'ROUTE_UNKNOWN']);
    expect((await node.ask('GET', '/admin/faults')).body).toEqual({ faults: [] });
  });

  it('are refused by a process that was not started for them', async () => {
    const node = await started({ faults: false });
    const calls: [string, string, unknown?][] = [
      ['POST', '/admin/faults', { peer: '*', fault: 'drop' }],
      ['GET', '/admin/faults'],
      ['DELETE', '/admin/faults'],
      ['DELETE', '/admin/faults/1'],
    ];
    for (const [method, url, body] of calls) {
      const reply = await node.ask(method, url, body);
      expect([method, reply.status, reply.body.code, reply.body.detail]).toEqual([method, 403, 'ACCESS_DENIED', expect.stringContaining('TRIPTYCH_FAULTS=on')]);
    }
    expect((await node.ask('GET', '/admin/state')).body.faults).toBe('off');
    expect(await node.call(...GET)).toMatchObject({ items: [null] });
  });
});

describe('a store node', () => {
  it('takes no writes when its disk fails, says so, and still shows what it had acknowledged', async () => {
    const node = await started();
    await node.add('alien-1979');
    node.disk.failSyncs(new Error('EIO'));
    await expect(node.add('heat-1995')).rejects.toMatchObject({ code: expect.stringMatching(/^STORE_/) });
    await expect(node.add('brazil-1985')).rejects.toMatchObject({ code: 'STORE_READ_ONLY', applied: 'no' });
    expect(await node.call(PATTERNS.get, { ...ROW, items: ['alien-1979'], level: 'ONE' })).toMatchObject({ items: [{ item: 'alien-1979' }] });
    expect(await node.call(PATTERNS.get, { ...ROW, items: ['heat-1995'], level: 'ONE' })).toMatchObject({ items: [null] });
    expect((await node.ask('GET', '/admin/state')).body.storage).toMatchObject({ state: 'failed', failure: expect.stringContaining('EIO') });
    expect(node.died).toEqual([]);
  });

  it('closes its data as it should when it cannot listen', async () => {
    const taken = createServer().listen(0, HOST);
    await new Promise((resolve) => taken.once('listening', resolve));
    cleanups.push(() => taken.close());
    const { port } = taken.address() as AddressInfo;
    for (const ports of [{ wirePort: port }, { adminPort: port }]) {
      const start = startStoreProcess({ configuration: configurationOf(ports), opened: open(), adminToken: TOKEN, log: pino({ level: 'silent' }), die: () => {} });
      await expect(start).rejects.toMatchObject({ code: 'EADDRINUSE', port });
    }
    const { engine, recovery } = open();
    expect(recovery).toMatchObject({ isNew: false, cleanStop: true });
    await new Promise((resolve) => engine.close(resolve));
  });
});
