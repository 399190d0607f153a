/**
 * A device that hangs up, over real processes: what replicas say to each other, and to gateways, is held back, so that every
 * read is waited for; then the device goes, and a moment later nobody waits any more, in the gateway, at the coordinator, or for a
 * replica, long before the deadline. The same for a device whose time is up, and for what each process was given to do it in.
 */
import path from 'node:path';
import { connect, type Socket } from 'node:net';
import { adminToken } from '@app/admin';
import { PATTERNS } from '@app/contracts';
import type { CallAccount, CallInFlight } from '@app/wire';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, localCluster, type LocalCluster } from '../support/local-cluster.js';

/** A trace of this test's own, which every process that works for it has. */
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
/** Of a gateway: GatewayPorts.requestTimeoutMs. */
const DEADLINE_MS = 2_000;
/** A round trip, and asking everybody what they have in flight, on a busy machine. */
const SOON_MS = 1_500;

let cluster: LocalCluster;
const devices: Socket[] = [];
beforeAll(async () => {
  cluster = await localCluster();
});
beforeEach(async () => {
  for (const zone of ['a', 'b', 'c']) await eventually(async () => (await fetch(`${cluster.gateway(zone)}/health/ready`)).ok, 30_000, `gateway ${zone} is ready`);
  await fetch(`${cluster.gateway('a')}/v1/users/ann/favorites/alien-1979`, { method: 'PUT' });
});
afterEach(async () => {
  for (const device of devices.splice(0)) device.destroy();
  await Promise.all(stores().map(({ name }) => admin(name, 'DELETE', 'faults')));
});
afterAll(() => cluster.end());

const READS: [string, string][] = [
  ['a page of a list', '/v1/users/ann/favorites'],
  ['a film', '/v1/films/alien-1979'],
  ['a page of films', '/v1/films'],
  ['a count', '/v1/films/alien-1979/favorites-count'],
  ['a bookmark', '/v1/users/ann/bookmarks/alien-1979'],
  ['ratings', '/v1/users/ann/ratings'],
];

describe('a device that hangs up', () => {
  it.each(READS)('leaves nobody waiting: %s', async (_, url) => {
    await holdAnswers();
    const before = await cancels();
    const askedMs = performance.now();
    const device = ask('GET', url);
    await eventually(async () => (await gatewayWork()).length > 0, SOON_MS, 'the request is under way');
    device.destroy();
    const leftMs = performance.now();
    await eventually(async () => (await working()).length === 0 && (await gatewayWork()).length === 0, SOON_MS, 'nobody waits any more');
    expect(performance.now() - askedMs, 'long before the deadline').toBeLessThan(DEADLINE_MS);
    expect(performance.now() - leftMs).toBeLessThan(SOON_MS);
    expect((await cancels()).gateway, 'called off by the gateway').toBeGreaterThan(before.gateway);
    await eventually(async () => (await cancels()).heardByStores > before.heardByStores, SOON_MS, 'a store node has heard of it');
  });

  it('stops what its coordinator asks of replicas, who are told so', async () => {
    await holdAnswers();
    const before = await cancels();
    const device = ask('GET', READS[0]![1]);
    await eventually(async () => (await working('made')).length > 0, SOON_MS, 'a replica is asked');
    const [asked] = await working('made');
    expect(asked).toMatchObject({ pattern: PATTERNS.peer, traceId: TRACE });
    device.destroy();
    await eventually(async () => (await working()).length === 0, SOON_MS, 'nobody waits any more');
    // The gateway's CANCEL, and the coordinator's to the replica that it asked.
    await eventually(async () => (await cancels()).heardByStores >= before.heardByStores + 2, SOON_MS, 'the replica has heard of it');
    const after = await cancels();
    expect(after.coordinators, 'cancelled at the coordinator').toBeGreaterThan(before.coordinators);
    expect(after.made, 'called off by the coordinator').toBeGreaterThan(before.made);
  });

  it('ends its stream of events at every node that watches for it', async () => {
    const device = ask('GET', '/v1/users/ann/favorites/events', 'Accept: text/event-stream\r\n');
    const watching = async () => (await working('served')).filter(({ pattern }) => pattern === PATTERNS.watch);
    await eventually(async () => (await watching()).length > 0, 5_000, 'a node watches');
    const before = await cancels();
    device.destroy();
    await eventually(async () => (await watching()).length === 0, SOON_MS, 'no node watches');
    expect((await cancels()).coordinators, 'cancelled where it was watched').toBeGreaterThan(before.coordinators);
  });

  it('from a write leaves no coordinator waiting for it: what was sent rolls forward', async () => {
    await holdAnswers();
    const device = ask('PUT', '/v1/users/ann/favorites/brazil-1985');
    await eventually(async () => (await working('served')).some(({ pattern }) => pattern === PATTERNS.commit), SOON_MS, 'a coordinator has the write');
    device.destroy();
    await eventually(async () => (await working('served')).length === 0 && (await gatewayWork()).length === 0, SOON_MS, 'nobody waits for the write');
    await Promise.all(stores().map(({ name }) => admin(name, 'DELETE', 'faults')));
    await eventually(async () => (await cluster.films('b', 'ann')).includes('brazil-1985'), 30_000, 'the write comes to light');
    expect(await cluster.films('c', 'ann')).toContain('brazil-1985');
  });
});

describe('a request whose deadline passes', () => {
  it('is answered then, and leaves nobody waiting', async () => {
    await holdAnswers();
    let answer = '';
    ask('GET', '/v1/users/ann/favorites').on('data', (text: string) => (answer += text));
    await eventually(async () => (await working('made')).length > 0, SOON_MS, 'a replica is asked');
    // Looked at from the outside in, a moment later each time: nobody has more time than the one before. An attempt begun
    // between two looks is in the second only, so it is looked at again until the gateway makes no more of them.
    const most = async (calls: Promise<CallInFlight[]>): Promise<number> => Math.max(...(await calls).map(({ timeLeftMs }) => timeLeftMs!));
    await eventually(async () => {
      const [gateway, served, made] = [await most(gatewayWork()), await most(working('served')), await most(working('made'))];
      return made > 0 && made <= served && served <= gateway && gateway <= DEADLINE_MS;
    }, SOON_MS, 'each has the time of the one before, or less');
    await eventually(() => answer !== '', DEADLINE_MS + SOON_MS, 'the answer');
    expect(answer).toMatch(/^HTTP\/1.1 50[34]/);
    await eventually(async () => (await working()).length === 0 && (await gatewayWork()).length === 0, SOON_MS, 'nobody waits any more');
  });

  it('that the device has set itself: what is not there is left out, and nobody waits for it', async () => {
    await holdAnswers();
    let answer = '';
    ask('GET', '/v1/users/ann/home?rows=2&columns=5', 'Deadline-Ms: 150\r\n').on('data', (text: string) => (answer += text));
    await eventually(() => answer !== '', 150 + SOON_MS, 'the answer');
    expect(answer).toMatch(/^HTTP\/1.1 (200|503|504)/);
    await eventually(async () => (await working()).length === 0 && (await gatewayWork()).length === 0, SOON_MS, 'nobody waits any more');
  });
});

/**
 * What replicas outside zone-a say to others waits, and so do all counts. Nodes of zone-a, who coordinate for gateway-a, can ask, and
 * can call off what they asked.
 */
async function holdAnswers(): Promise<void> {
  const hold = (name: string, patternPrefix: string) => admin(name, 'POST', 'faults', { peer: '*', patternPrefix, fault: 'hold' });
  await Promise.all(stores().flatMap(({ name, zone }) => [hold(name, PATTERNS.count), ...(zone === 'zone-a' ? [] : [hold(name, PATTERNS.peer)])]));
}

/** Sends a request through gateway-a, as this test's own. */
function ask(method: string, url: string, headers = ''): Socket {
  const { hostname, port } = new URL(cluster.gateway('a'));
  const device = connect(Number(port), hostname).setEncoding('utf8');
  device.on('error', () => {});
  device.write(`${method} ${url} HTTP/1.1\r\nHost: x\r\nTraceparent: 00-${TRACE}-00f067aa0ba902b7-01\r\n${headers}Content-Length: 0\r\n\r\n`);
  devices.push(device);
  return device;
}

const stores = () => cluster.processes.filter(({ role }) => role === 'store');
const isOurs = ({ traceId }: CallInFlight): boolean => traceId === TRACE;

interface StoreState {
  readonly wire: { readonly served: CallAccount; readonly made: CallAccount };
}
interface GatewayState {
  readonly store: { readonly calls: CallAccount };
}

/** Calls of this test in flight at store nodes: those they serve, and those they have made to others. */
async function working(which?: 'served' | 'made'): Promise<CallInFlight[]> {
  const states = await Promise.all(stores().map(({ name }) => admin<StoreState>(name, 'GET', 'state')));
  return states.flatMap(({ wire }) => [...(which === 'made' ? [] : wire.served.oldest), ...(which === 'served' ? [] : wire.made.oldest)]).filter(isOurs);
}

async function gatewayWork(): Promise<CallInFlight[]> {
  return (await admin<GatewayState>('gateway-a', 'GET', 'state')).store.calls.oldest.filter(isOurs);
}

/** Calls called off until now: by gateway-a, at and by the store nodes, and CANCELs that these have heard. */
async function cancels(): Promise<{ gateway: number; coordinators: number; made: number; heardByStores: number }> {
  const { store } = await admin<GatewayState>('gateway-a', 'GET', 'state');
  const states = await Promise.all(stores().map(({ name }) => admin<StoreState>(name, 'GET', 'state')));
  const sum = (of: (state: StoreState) => number): number => states.reduce((total, state) => total + of(state), 0);
  return {
    gateway: store.calls.counts.cancelled,
    coordinators: sum(({ wire }) => wire.served.counts.cancelled),
    made: sum(({ wire }) => wire.made.counts.cancelled),
    heardByStores: sum(({ wire }) => wire.served.counts.cancelsHeard),
  };
}

async function admin<T>(name: string, method: string, route: string, body?: unknown): Promise<T> {
  const process = cluster.processes.find((candidate) => candidate.name === name);
  if (process === undefined) throw new Error(`there is no ${name}`);
  const response = await fetch(`http://127.0.0.1:${process.adminPort}/admin/${route}`, {
    method,
    headers: { authorization: `Bearer ${adminToken(path.join(cluster.dataDirectory, 'admin.token'))}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  expect([name, method, route, response.status]).toEqual([name, method, route, 200]);
  return (await response.json()) as T;
}
