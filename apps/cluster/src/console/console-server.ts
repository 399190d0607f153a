/**
 * The console's side of the supervisor: an admin server of its own (loopback, token, Host and Origin: @app/admin) that also
 * hands out the page, streams the state to it, and takes what a person does there.
 *
 *     GET    /  /console.js  /console.css                               the page: no token, no secret in it
 *     GET    /console/events?user=ann                                   server-sent events, see ConsoleState
 *     POST   /console/zones/{zone}/{kill|pause|slow|cut|heal}
 *     PUT    /console/zones/{zone}/users/{user}/favorites/{film}        through the zone's gateway; DELETE too
 *
 * The token stands in the fragment of the URL that is printed, which no browser sends anywhere; the page takes it out of the
 * address at once, keeps it for its tab and sends it as a header. A cookie was refused: cookies do not know ports, so any
 * server on this machine would be sent it, and other pages could have requests made with it.
 */
import { createHmac } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { adminServer, type AdminPage } from '@app/admin';
import { ID_PATTERN, TriptychError, type ActionAnswer, type WriteAnswer, type ZoneAction } from '@app/contracts';
import type { Random } from '@app/time';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ProcessRecord } from '../cluster-file.js';
import { ClusterRefused } from '../cluster-refused.js';
import { VIEWERS_MAX, type ConsoleFeed, type Viewer } from './console-feed.js';
import { writeFavorite } from './favorite-write.js';
import type { ZoneActions } from './zone-actions.js';

export interface ConsoleServerPorts {
  readonly token: string;
  readonly pages: readonly AdminPage[];
  readonly feed: Pick<ConsoleFeed, 'watch' | 'caughtUp' | 'look' | 'happened' | 'harmChanged' | 'viewerCount'>;
  readonly actions: Pick<ZoneActions, 'act'>;
  readonly processes: () => readonly ProcessRecord[];
  readonly random: Random;
  readonly say: (line: string) => void;
}

const ZONE_ACTIONS: readonly ZoneAction[] = ['kill', 'pause', 'slow', 'cut', 'heal'];
const PAGE_TYPES: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8' };
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
};
const RETRY_MS = 1_000;

/** Of this cluster's console, for as long as its admin token lives: it opens the console and none of the nodes. */
export const consoleTokenOf = (adminToken: string): string => createHmac('sha256', adminToken).update('console').digest('base64url');

/** @param directory with an index.html, which is the page at the root @throws ClusterRefused when it is not there */
export function pagesIn(directory: string): AdminPage[] {
  if (!existsSync(directory)) throw new ClusterRefused(`the console's page is not built (${directory} is not there): build it, or start with --console off`);
  return readdirSync(directory).flatMap((name) => {
    const type = PAGE_TYPES[path.extname(name)];
    if (type === undefined) return [];
    const body = readFileSync(path.join(directory, name));
    return [{ path: name === 'index.html' ? '/' : `/${name}`, headers: { ...PAGE_HEADERS, 'content-type': type }, body }];
  });
}

/** Ready to listen. */
export function consoleServer(ports: ConsoleServerPorts): FastifyInstance {
  const { token, pages, feed, actions, random, say } = ports;
  const log = { error: ({ err }: { readonly err: unknown }, message: string) => say(`console: ${message}: ${(err as Error).message}`) };
  const server = adminServer([], { token, random, log, pages });

  server.get<{ Querystring: { user?: string } }>('/console/events', ({ query: { user } }, reply) => {
    if (user !== undefined) requireId(user, 'user');
    if (feed.viewerCount >= VIEWERS_MAX) throw new TriptychError('CIRCUIT_SATURATED', `${VIEWERS_MAX} browsers watch already`, { circuit: 'console', capacity: VIEWERS_MAX });
    stream(reply, feed, user ?? null);
  });

  server.post<{ Params: { zone: string; action: string } }>('/console/zones/:zone/:action', async ({ params: { zone, action } }): Promise<ActionAnswer> => {
    const known = ZONE_ACTIONS.find((one) => one === action);
    if (known === undefined) throw new TriptychError('ROUTE_UNKNOWN', 'no such action', { action });
    try {
      const answer = await actions.act(known, zone);
      feed.happened('action', zone, `${known} ${zone}: ${answer.text}`);
      return answer;
    } catch (error) {
      // What the supervisor or a node refuses is said in one line, not in an error of ours.
      if (!(error instanceof ClusterRefused)) throw error;
      return { done: false, text: error.message };
    } finally {
      feed.harmChanged();
    }
  });

  for (const method of ['PUT', 'DELETE'] as const) {
    server.route<{ Params: { zone: string; user: string; film: string } }>({
      method,
      url: '/console/zones/:zone/users/:user/favorites/:film',
      handler: async ({ params: { zone, user, film } }): Promise<WriteAnswer> => {
        requireId(user, 'user');
        requireId(film, 'film');
        const gateway = ports.processes().find((process) => process.role === 'gateway' && process.zone === zone);
        if (gateway === undefined) throw new TriptychError('ROUTE_UNKNOWN', 'there is no such zone', { zone });
        const answer = await writeFavorite(`http://${gateway.host}:${gateway.port}`, method, user, film);
        const said = answer.problem ?? `${answer.status} ${answer.achieved ?? ''}`;
        feed.happened('write', zone, `${method === 'PUT' ? 'add' : 'remove'} ${film} for ${user} through ${zone}: ${said}`);
        void feed.look(user);
        return answer;
      },
    });
  }
  return server;
}

/** Until the browser leaves or the server closes. */
function stream(reply: FastifyReply, feed: ConsoleServerPorts['feed'], user: string | null): void {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { ...reply.getHeaders() as Record<string, string>, 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  raw.write(`retry: ${RETRY_MS}\n\n`);
  // JSON has no line breaks outside its escapes, so each event is one line of data.
  const viewer: Viewer = { send: (event, data) => raw.write(`event: ${event}\ndata: ${data}\n\n`) };
  const leave = feed.watch(viewer, user);
  raw.on('drain', () => feed.caughtUp(viewer));
  raw.on('close', leave);
}

function requireId(name: string, what: string): void {
  if (!ID_PATTERN.test(name)) throw new TriptychError('REQUEST_INVALID', `a ${what} is named by 1 to 128 characters of A-Z a-z 0-9 . _ ~ -`);
}
