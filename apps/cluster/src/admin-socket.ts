/**
 * How the command line reaches a running supervisor: HTTP over a Unix socket in the data directory.
 *
 * A loopback port was refused. Every user of the machine and every page in a browser can reach a port, so it needs a
 * token, and Host and Origin checked, and one more free number; a socket with mode 0600 in a directory with mode 0700 is
 * opened by its owner alone, which the system checks, and its place follows from the data directory.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import path from 'node:path';
import type { ClusterRecord } from './cluster-file.js';
import { ClusterRefused } from './cluster-refused.js';
import type { MembersState } from './member-admin.js';
import type { MemberCommand } from './member-commands.js';

export const ACTIONS = ['kill', 'stop', 'start', 'pause', 'resume'] as const;
export type Action = (typeof ACTIONS)[number];

/** What became of one process. */
export interface ActionOutcome {
  readonly name: string;
  /** Whether it is now as asked, also when it was so before. */
  readonly done: boolean;
  /** In words: 'killed', 'was not running', ... */
  readonly text: string;
}

export interface AdminTarget {
  status(): ClusterRecord;
  members(): Promise<MembersState>;
  /** @param say takes a line of progress */
  changeMembers(command: MemberCommand, say: (line: string) => void): Promise<void>;
  act(action: Action, target: string): Promise<readonly ActionOutcome[]>;
}

/** The system's own limit for the path of a socket, less one for the byte that ends it: the smaller, that of macOS. */
const SOCKET_PATH_LIMIT_BYTES = 103;
const BODY_LIMIT_BYTES = 4096;

/** @throws ClusterRefused when the path is too long for a socket */
export async function serveAdmin(socket: string, target: AdminTarget): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    if (incoming.method === 'POST' && incoming.url === '/members') return void stream(incoming, outgoing, target);
    answer(incoming, target).then(
      (body) => outgoing.end(JSON.stringify(body)),
      (error: unknown) => {
        outgoing.statusCode = error instanceof ClusterRefused ? 409 : 500;
        outgoing.end(JSON.stringify({ error: (error as Error).message }));
      },
    );
  });
  // Whoever holds the directory's lock owns the socket in it: one that is there was left by a supervisor that was killed.
  rmSync(socket, { force: true });
  server.listen(shortest(socket));
  await once(server, 'listening');
  chmodSync(socket, 0o600);
  return server;
}

async function answer(incoming: IncomingMessage, target: AdminTarget): Promise<unknown> {
  if (incoming.method === 'GET' && incoming.url === '/status') return target.status();
  if (incoming.method === 'GET' && incoming.url === '/members') return target.members();
  const action = ACTIONS.find((candidate) => incoming.url === `/${candidate}`);
  if (incoming.method !== 'POST' || action === undefined) throw new ClusterRefused('no such call');
  const { target: name } = JSON.parse(await textOf(incoming)) as { target: string };
  return target.act(action, name);
}

/** A change of the members takes its time: what is said on the way comes line by line, each a JSON object, the last one an end. */
async function stream(incoming: IncomingMessage, outgoing: ServerResponse, target: AdminTarget): Promise<void> {
  const tell = (line: StreamedLine): void => void outgoing.write(`${JSON.stringify(line)}\n`);
  try {
    await target.changeMembers(JSON.parse(await textOf(incoming)) as MemberCommand, (say) => tell({ say }));
    tell({ end: null });
  } catch (error) {
    tell({ end: (error as Error).message });
  }
  outgoing.end();
}

/** `end` is null where all went well, else why it did not. */
type StreamedLine = { readonly say: string } | { readonly end: string | null };

async function textOf(incoming: IncomingMessage): Promise<string> {
  incoming.setEncoding('utf8');
  let text = '';
  for await (const chunk of incoming) {
    text += chunk as string;
    if (text.length > BODY_LIMIT_BYTES) throw new ClusterRefused('the call is too long');
  }
  return text;
}

export const readClusterMembers = (socket: string): Promise<MembersState> => call(socket, 'GET', '/members');

/** @throws ClusterRefused when the change is not made, or the supervisor is gone before it is over */
export async function sendMemberCommand(socket: string, command: MemberCommand, say: (line: string) => void): Promise<void> {
  let rest = '';
  for await (const chunk of await open(socket, 'POST', '/members', command)) {
    rest += chunk as string;
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) {
      const line = JSON.parse(text) as StreamedLine;
      if ('say' in line) say(line.say);
      else if (line.end === null) return;
      else throw new ClusterRefused(line.end);
    }
  }
  throw new ClusterRefused('the supervisor is gone: look with status and history how far the change came');
}

export const readStatus = (socket: string): Promise<ClusterRecord> => call(socket, 'GET', '/status');

export const sendAction = (socket: string, action: Action, target: string): Promise<readonly ActionOutcome[]> =>
  call(socket, 'POST', `/${action}`, { target });

async function open(socket: string, method: string, url: string, body?: object): Promise<IncomingMessage> {
  const outgoing = request({ socketPath: shortest(socket), method, path: url, agent: false });
  outgoing.end(body && JSON.stringify(body));
  const [incoming] = (await once(outgoing, 'response').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED') throw error;
    throw new ClusterRefused(`no cluster is running in ${path.dirname(socket)}: start it with npm start, or name another one with --data`);
  })) as [IncomingMessage];
  incoming.setEncoding('utf8');
  return incoming;
}

async function call<T>(socket: string, method: string, url: string, body?: object): Promise<T> {
  const incoming = await open(socket, method, url, body);
  let text = '';
  for await (const chunk of incoming) text += chunk as string;
  const answered = JSON.parse(text) as T & { error: string };
  if (incoming.statusCode !== 200) throw new ClusterRefused(answered.error);
  return answered;
}

/** The same socket, by the shorter of its two names: a data directory deep in the tree is near to where one works. */
function shortest(socket: string): string {
  const relative = path.relative(process.cwd(), socket);
  const shorter = relative.length < socket.length ? relative : socket;
  if (Buffer.byteLength(shorter) <= SOCKET_PATH_LIMIT_BYTES) return shorter;
  throw new ClusterRefused(
    `${socket} is too long a name for a socket (at most ${SOCKET_PATH_LIMIT_BYTES} bytes): give a shorter data directory with --data`,
  );
}
