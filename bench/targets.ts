/**
 * What is measured: servers, each with the processes that count for it and a way to fill it, and loads, each a server and what
 * is asked of it. Lists are filled before anything is measured; adds go to lists of their own, each film new to its list, and
 * lists are read through other gateways than those that they were filled through.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { startCluster } from '../apps/cluster/src/supervisor.js';
import { entriesIn } from '../apps/cluster/src/entries.js';
import { inParallel, send, type LoadRequest } from './load.js';
import { startRedisGroup } from './redis-group.js';

export const SHORT_LIST = 20;
export const LONG_LIST = 500;

/** Something that serves favorites over HTTP. */
export interface Server {
  readonly name: string;
  /** Where requests may go; they go to each in turn. */
  readonly urls: readonly string[];
  /** Ids of the processes that count, by what they do. */
  readonly pids: () => Readonly<Record<string, readonly number[]>>;
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

/** Three zones of two nodes, as `npm start` has them, less the round robin: requests go to the gateways in turn. */
export async function startTriptych(programs: string, directory: string, durability: 'commit' | 'periodic'): Promise<Server> {
  const environment = { ...process.env, TRIPTYCH_LOG_LEVEL: 'warn', TRIPTYCH_DURABILITY: durability };
  const dataDirectory = path.join(directory, `triptych-${durability}`);
  const cluster = await startCluster({ zones: 3, nodesPerZone: 2, port: 0, dataDirectory, entries: entriesIn(programs), environment });
  const pidsOf = (wanted: string): number[] => cluster.processes.flatMap(({ role, pid }) => (role === wanted && pid !== null ? [pid] : []));
  return {
    name: durability === 'commit' ? 'Triptych' : 'Triptych, periodic',
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

/** @param isLongToo fills the long lists as well, one for every 20 users */
export async function fill({ name, urls }: Server, users: number, isLongToo: boolean): Promise<Filled> {
  const sessionTokens: (string | undefined)[] = [];
  const put = async (url: string, agent: Parameters<typeof send>[0]): Promise<string | undefined> => {
    const { isOk, headers } = await send(agent, { method: 'PUT', url });
    if (!isOk) throw new Error(`${name}: ${url} was refused`);
    return headers['session-token'] as string | undefined;
  };
  const at = (index: number): string => urls[index % urls.length]!;
  // One list after another, so that the token of its last add has seen them all.
  await inParallel(32, (user) => user < users, async (user, agent) => {
    for (let film = 0; film < SHORT_LIST; film++) sessionTokens[user] = await put(`${at(user)}/v1/users/list-${user}/favorites/film-${film}`, agent);
  });
  const films = isLongToo ? longLists(users) * LONG_LIST : 0;
  await inParallel(32, (index) => index < films, async (index, agent) => {
    await put(`${at(index)}/v1/users/long-${index % longLists(users)}/favorites/film-${index}`, agent);
  });
  return { sessionTokens };
}

const longLists = (users: number): number => Math.ceil(users / 20);

let added = 0;

export const add = ({ urls }: Server, users: number) => (index: number): LoadRequest => {
  const film = added++;
  return { method: 'PUT', url: `${urls[index % urls.length]}/v1/users/adds-${film % users}/favorites/film-${film}` };
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
