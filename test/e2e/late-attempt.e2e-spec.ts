/**
 * One operation, many attempts (docs/row-model.md), over real processes: a coordinator falls silent between its own durable
 * write and its sends, the same operation is carried on with elsewhere, the user goes on, and then the coordinator comes
 * back with what it had. Nothing of what the user did since is undone.
 *
 * How it is brought about: the operation is prepared at a1 as a gateway prepares it, and then a1 holds back what it says to
 * other replicas, so that its COMMIT is durable at a1 and nowhere else. (A gateway that is cut off with a1 no longer gets so far: a1
 * notices the silence, and refuses to prepare.)
 */
import path from 'node:path';
import { adminToken, clusterSecrets } from '@app/admin';
import { PATTERNS, type CallContext, type GetReply, type NodeId, type Operation, type PrepareReply } from '@app/contracts';
import { sealRetryToken } from '@app/favorites-client';
import { decodeClientReply, encodeClientRequest, schemaHash } from '@app/store';
import { systemClock, systemRandom } from '@app/time';
import { tcpNetwork, WireClient } from '@app/wire';
import { lastValueFrom, map } from 'rxjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, localCluster, type LocalCluster } from '../support/local-cluster.js';

const COORDINATOR = 'a1';
const FILM = 'alien-1979';
const HOLD_SENDS = { peer: '*', patternPrefix: PATTERNS.peer, fault: 'hold' };
const ADD: Operation = { kind: 'add', value: Buffer.from('\u0001{"zone":"zone-a","device":null}') };
const LEVELS = ['quorum', 'all', 'one'];
/** A pause so long that connections die takes the held messages with it: then it is tried again, with another user. */
const TRIES = 6;

let cluster: LocalCluster;
let users: AsyncGenerator<User>;
let probe: User;
const clients = new Map<string, WireClient>();
beforeAll(async () => {
  cluster = await localCluster();
  users = usersOf(COORDINATOR);
  probe = await nextUser();
});
beforeEach(async () => {
  // Whatever the last test did to circuits and connections is over: a1 coordinates for its zone, and reaches all replicas.
  const isWell = async () => {
    const { status, servedBy } = await ask('a', 'PUT', probe.name, null, 'all');
    return status === 200 && servedBy.endsWith(`node=${COORDINATOR}`);
  };
  await eventually(isWell, 30_000, 'a1 coordinates again');
});
afterEach(async () => {
  for (const { name, state } of stores()) {
    if (state === 'paused') await cluster.resume(name);
    if (state === 'exited') await cluster.start(name);
    await admin(name, 'DELETE', 'faults');
  }
});
afterAll(async () => {
  for (const client of clients.values()) client.close();
  await cluster.end();
});

describe('a coordinator killed between its own durable write and its sends', () => {
  it('does not bring back a film that was removed after the same operation was carried on with elsewhere', async () => {
    const [user, other] = [await nextUser(), await nextUser()];
    const [token] = await heldBack(ADD, user, other);
    await cluster.kill(COORDINATOR);
    for (const zone of ['b', 'c']) expect(await cluster.films(zone, user.name)).toEqual([]);

    // The device carries on through another zone, with its token; the other one forgets that it ever asked.
    expect((await ask('b', 'PUT', user.name, token)).status).toBe(200);
    expect((await ask('b', 'PUT', other.name)).status).toBe(200);
    for (const zone of ['b', 'c']) expect(await cluster.films(zone, user.name)).toEqual([FILM]);
    for (const { name } of [user, other]) expect((await ask('c', 'DELETE', name)).status).toBe(204);
    for (const zone of ['b', 'c']) expect(await cluster.films(zone, user.name)).toEqual([]);

    await cluster.start(COORDINATOR);
    await liftAll();
    // It comes back with its own durable writes; reads, hints and anti-entropy all spread what it has.
    await everywhere(user, []);
    expect(await held(COORDINATOR, user.name)).toBe(false);

    // Without the token it was another operation: the first was never acknowledged and never removed, so it appears, once.
    await eventually(async () => (await cluster.films('a', other.name)).includes(FILM), 60_000, 'the add that nobody carried on with appears');
    await everywhere(other, [FILM]);
    expect((await ask('a', 'DELETE', other.name)).status).toBe(204);
    await everywhere(other, []);
  });
});

describe('a coordinator paused between its own durable write and its sends', () => {
  it('does not bring back a film that was removed meanwhile, although its sends arrive at last', async () => {
    await untilDelivered(async (user) => {
      const [token] = await heldBack(ADD, user);
      await cluster.pause(COORDINATOR);
      expect((await ask('b', 'PUT', user.name, token)).status).toBe(200);
      expect((await ask('c', 'DELETE', user.name)).status).toBe(204);
      await cluster.resume(COORDINATOR);
      return [];
    });
  });

  it('does not take away a film that was added anew after a DELETE was carried on with elsewhere', async () => {
    await untilDelivered(async (user) => {
      expect((await ask('c', 'PUT', user.name, null, 'all')).status).toBe(200);
      const [token] = await heldBack({ kind: 'remove' }, user);
      await cluster.pause(COORDINATOR);
      expect((await ask('b', 'DELETE', user.name, token)).status).toBe(204);
      expect(await cluster.films('c', user.name)).toEqual([]);
      expect((await ask('c', 'PUT', user.name)).status).toBe(200);
      await cluster.resume(COORDINATOR);
      return [FILM];
    });
  });
});

/** A user whose row a1 holds, and the other two who hold it. */
interface User {
  readonly name: string;
  readonly others: readonly string[];
}

async function* usersOf(node: string): AsyncGenerator<User> {
  for (let i = 0; ; i++) {
    const name = `user-${i}`;
    const read = { table: 'favorites', row: name, items: [FILM], level: 'ALL' };
    const replicas = await call<GetReply>(node, PATTERNS.get, read).then(
      ({ achieved }) => achieved.replicas as readonly NodeId[] as readonly string[],
      (error: { code?: string }) => {
        if (error.code === 'STORE_NOT_REPLICA') return null;
        throw error;
      },
    );
    if (replicas !== null) yield { name, others: replicas.filter((replica) => replica !== node) };
  }
}

const nextUser = async (): Promise<User> => (await users.next()).value as User;

/**
 * Tries `act` until the late sends of a1 have really arrived, and holds every try to the same: what the user did last
 * stands, in every zone, at every level.
 * @param act leaves a1 running, its sends held; the films that the user then has
 */
async function untilDelivered(act: (user: User) => Promise<string[]>): Promise<void> {
  for (let turn = 1; ; turn++) {
    const user = await nextUser();
    expect(user.others).toHaveLength(2);
    const films = await act(user);
    const before = await Promise.all(user.others.map(appliesHeard));
    await liftAll();
    const arrived = async () => (await Promise.all(user.others.map(appliesHeard))).every((count, i) => count > before[i]!);
    const isDelivered = await eventually(arrived, 3_000, 'the late sends arrive').then(() => true, () => false);
    await everywhere(user, films);
    expect(await held(COORDINATOR, user.name)).toBe(films.length > 0);
    if (isDelivered) return;
    expect(turn, 'in no try did the late sends arrive').toBeLessThan(TRIES);
  }
}

/** What the user has, read through every zone at every level; a quorum read first, so that it has to put things right. */
async function everywhere({ name }: User, films: string[]): Promise<void> {
  for (const level of LEVELS) {
    for (const zone of ['a', 'b', 'c']) {
      // A gateway that was cut off may not have found its way back yet.
      await eventually(() => ask(zone, 'GET', name, null, level).then(({ status }) => status === 200), 20_000, `zone-${zone} serves at ${level}`);
      expect([level, zone, await cluster.films(zone, name, level)]).toEqual([level, zone, films]);
    }
  }
}

/** Users' operations that a1 has made durable and told nobody of. What it answers in the end is for nobody. @returns their retry tokens */
async function heldBack(operation: Operation, ...of: User[]): Promise<(string | null)[]> {
  const secrets = clusterSecrets(path.join(cluster.dataDirectory, 'cluster.secret'));
  const writes = await Promise.all(
    of.map(async ({ name }) => {
      const row = { table: 'favorites', row: name };
      const { delta, item: result } = await call<PrepareReply>(COORDINATOR, PATTERNS.prepare, { ...row, item: FILM, operation, level: 'QUORUM' });
      if (delta === null) throw new Error('there is something to write');
      return { ...row, item: FILM, operation, delta, result };
    }),
  );
  await admin(COORDINATOR, 'POST', 'faults', HOLD_SENDS);
  const before = await sends();
  for (const { table, row, delta } of writes) void call(COORDINATOR, PATTERNS.commit, { table, row, delta, level: 'QUORUM' }).catch(() => {});
  // A node shows what is on its disk.
  const isDurable = async () => (await Promise.all(of.map(({ name }) => held(COORDINATOR, name)))).every((isThere) => isThere === (operation.kind === 'add'));
  await eventually(isDurable, 10_000, 'all is durable at a1');
  expect(await sends()).toBeGreaterThanOrEqual(before + 2 * of.length);
  return writes.map((pending) => sealRetryToken(pending, 'anonymous', secrets));
}

const liftAll = () => Promise.all(stores().map(({ name }) => admin(name, 'DELETE', 'faults')));

const stores = () => cluster.processes.filter(({ role }) => role === 'store');

function processOf(name: string): LocalCluster['processes'][number] {
  const found = cluster.processes.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

async function admin(name: string, method: string, route: string, body?: unknown): Promise<any> {
  const token = adminToken(path.join(cluster.dataDirectory, 'admin.token'));
  const response = await fetch(`http://127.0.0.1:${processOf(name).adminPort}/admin/${route}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  expect([name, method, route, response.status]).toEqual([name, method, route, 200]);
  return response.json();
}

/** Operations that a1 has given to its wire for other replicas. */
const sends = async (): Promise<number> => (await admin(COORDINATOR, 'GET', 'state')).store.asked.apply;

/** Operations that a1 has sent to a node and that arrived there. */
const appliesHeard = async (name: string): Promise<number> => (await admin(name, 'GET', 'state')).wire.heard[COORDINATOR]?.apply ?? 0;

/** Whether a node itself shows the film, asked past every gateway. */
async function held(name: string, user: string): Promise<boolean> {
  const reply = await call<GetReply>(name, PATTERNS.get, { table: 'favorites', row: user, items: [FILM], level: 'ONE' });
  expect(reply.achieved.replicas).toEqual([name]);
  return reply.items[0] !== null;
}

interface Answer {
  readonly status: number;
  readonly body: any;
  readonly token: string | null;
  readonly servedBy: string;
}

/** What a device asks of its list. @param zone of the gateway, a, b or c */
async function ask(zone: string, method: string, user: string, token: string | null = null, level = 'quorum'): Promise<Answer> {
  const list = `${cluster.gateway(zone)}/v1/users/${user}/favorites`;
  const headers = { consistency: level, ...(token !== null && { 'retry-token': token }) };
  const response = await fetch(method === 'GET' ? list : `${list}/${FILM}`, { method, headers });
  const text = await response.text();
  return {
    status: response.status,
    body: text === '' ? null : JSON.parse(text),
    token: response.headers.get('retry-token'),
    servedBy: response.headers.get('served-by') ?? '',
  };
}

/** A call to a store node over the wire, as a gateway makes it. */
async function call<Reply>(name: string, pattern: string, payload: unknown): Promise<Reply> {
  let client = clients.get(name);
  if (client === undefined) {
    const { host, port } = processOf(name);
    const identity = { clusterId: cluster.clusterId, name: 'late-attempt-test', role: 'test', schemaHash: schemaHash() };
    client = new WireClient({ address: { host, port }, peer: name, identity, network: tcpNetwork(), clock: systemClock, random: systemRandom });
    clients.set(name, client);
  }
  const connected = client;
  connected.connect();
  await eventually(() => connected.isConnected, 10_000, `${name} is reached`);
  const context: CallContext = {
    deadlineMs: systemClock.monotonicMs() + 5_000,
    traceId: 'late-attempt',
    priority: 'write',
    principal: { kind: 'service', name: 'test' },
  };
  const reply$ = connected.call(pattern, encodeClientRequest(pattern, payload), context);
  return lastValueFrom(reply$.pipe(map((reply) => decodeClientReply(pattern, reply) as Reply)));
}
