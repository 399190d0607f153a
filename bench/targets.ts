/**
 * What is measured: servers, each with the processes that count for it and a way to fill it, and loads, each a server and what
 * is asked of it. Lists are filled before anything is measured; adds go to lists of their own, and lists are read through other
 * gateways than those that they were filled through. Each film is new to the list that it is added to, and after the first add
 * to the gateway no more: a film that it has not met costs it a third call to the store, for the film's genre.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { Agent } from 'node:http';
import path from 'node:path';
import { startCluster, type ClusterHandle } from '../apps/cluster/src/supervisor.js';
import { entriesIn } from '../apps/cluster/src/entries.js';
import { inParallel, send, type LoadRequest } from './load.js';
import { startRedisGroup } from './redis-group.js';
import type { PidsByRole } from './system-counters.js';

export const SHORT_LIST = 20;
export const LONG_LIST = 500;

/** Something that serves favorites over HTTP. */
export interface Server {
  readonly name: string;
  /** Where requests may go; they go to each in turn. */
  readonly urls: readonly string[];
  /** Ids of the processes that count, by what they do. */
  readonly pids: () => PidsByRole;
  stop(): Promise<void>;
}

export interface Load {
  readonly name: string;
  readonly server: Server;
  readonly next: (index: number) => LoadRequest;
}

export async function startHello(programs: string): Promise<Server> {
  const { child, url } = await startProgram(path.join(programs, 'bench', 'hello.js'));
  return { name: 'Fastify hello', urls: [url], pids: () => ({ server: [child.pid!] }), stop: () => endProgram(child) };
}

export interface TriptychServer extends Server {
  readonly cluster: ClusterHandle;
}

export interface TriptychOptions {
  readonly programs: string;
  /** Its data goes below it. */
  readonly directory: string;
  readonly name: string;
  /** Three by default. */
  readonly zones?: number;
  readonly nodesPerZone: number;
  readonly durability?: 'commit' | 'periodic';
}

/** As `npm start` has it, less the round robin: requests go to the gateways in turn. */
export async function startTriptych({ programs, directory, name, zones = 3, nodesPerZone, durability = 'commit' }: TriptychOptions): Promise<TriptychServer> {
  const environment = { ...process.env, TRIPTYCH_LOG_LEVEL: 'warn', TRIPTYCH_DURABILITY: durability };
  const dataDirectory = path.join(directory, name.replace(/\W+/g, '-').toLowerCase());
  const cluster = await startCluster({ zones, nodesPerZone, port: 0, dataDirectory, entries: entriesIn(programs), environment });
  const pidsOf = (wanted: string): number[] => cluster.processes.flatMap(({ role, pid }) => (role === wanted && pid !== null ? [pid] : []));
  return {
    name,
    cluster,
    urls: cluster.processes.filter(({ role }) => role === 'gateway').map(({ host, port }) => `http://${host}:${port}`),
    pids: () => ({ gateways: pidsOf('gateway'), stores: pidsOf('store') }),
    stop: async () => void (await cluster.stop()),
  };
}

export async function startRedisPeer(programs: string, directory: string, appendFsync: 'always' | 'everysec'): Promise<Server> {
  const home = path.join(directory, `redis-${appendFsync}`);
  mkdirSync(home);
  const group = await startRedisGroup(home, appendFsync);
  const { child, url } = await startProgram(path.join(programs, 'bench', 'redis-app.js'), String(group.port)).catch(async (error: unknown) => {
    await group.stop();
    throw error;
  });
  return {
    name: `Fastify + Redis, WAIT 1, ${appendFsync}`,
    urls: [url],
    pids: () => ({ server: [child.pid!], redis: group.pids }),
    async stop() {
      await endProgram(child);
      await group.stop();
    },
  };
}

/** What the lists of a server were filled with. */
export interface Filled {
  /** Of the short list of each user: what its session has seen. Absent where the server has no such thing. */
  readonly sessionTokens: readonly (string | undefined)[];
}

/** One list after another, so that the token of its last add has seen them all. */
export async function fillShort(server: Server, users: number): Promise<Filled> {
  const sessionTokens: (string | undefined)[] = [];
  await inParallel(32, (user) => user < users, async (user, agent) => {
    for (let film = 0; film < SHORT_LIST; film++) sessionTokens[user] = await put(agent, server, user, `list-${user}/favorites/film-${film}`);
  });
  return { sessionTokens };
}

/** One long list for every 20 users. */
export async function fillLong(server: Server, users: number): Promise<void> {
  await inParallel(32, (index) => index < longLists(users) * LONG_LIST, async (index, agent) => {
    await put(agent, server, index, `long-${index % longLists(users)}/favorites/film-${index}`);
  });
}

/** The answer's session token. */
async function put(agent: Agent, { name, urls }: Server, index: number, what: string): Promise<string | undefined> {
  const { isOk, headers } = await send(agent, { method: 'PUT', url: `${urls[index % urls.length]}/v1/users/${what}` });
  if (!isOk) throw new Error(`${name}: PUT ${what} was refused`);
  return headers['session-token'] as string | undefined;
}

const longLists = (users: number): number => Math.ceil(users / 20);

let added = 0;

export const add = ({ urls }: Server, users: number) => (index: number): LoadRequest => {
  const [user, film] = [added % users, Math.floor(added / users)];
  added++;
  return { method: 'PUT', url: `${urls[index % urls.length]}/v1/users/adds-${user}/favorites/film-${film}` };
};

export const list = ({ urls }: Server, users: number, { sessionTokens }: Filled, level?: 'SESSION') => (index: number): LoadRequest => {
  const user = index % users;
  const token = sessionTokens[user];
  const headers: Record<string, string> = level === undefined ? {} : { consistency: level, ...(token !== undefined && { 'session-token': token }) };
  // Through the gateway after the one it was filled through.
  return { method: 'GET', url: `${urls[(user + 1) % urls.length]}/v1/users/list-${user}/favorites?limit=50`, headers };
};

export const longList = ({ urls }: Server, users: number) => (index: number): LoadRequest => ({
  method: 'GET',
  url: `${urls[index % urls.length]}/v1/users/long-${index % longLists(users)}/favorites?limit=${LONG_LIST}`,
});

export const halfAndHalf = (one: Load['next'], other: Load['next']): Load['next'] => (index) => (index % 2 === 0 ? one(index >> 1) : other(index >> 1));

async function startProgram(file: string, ...programArguments: string[]): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [file, ...programArguments], { stdio: ['pipe', 'pipe', 'inherit'] });
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once('exit', () => reject(new Error(`${path.basename(file)} did not start`)));
  });
  return { child, url: `http://127.0.0.1:${port}` };
}

function endProgram(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.stdin!.end();
  });
}
