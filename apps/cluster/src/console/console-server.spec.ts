import { get, request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TriptychError, type ZoneAction } from '@app/contracts';
import { SeededRandom } from '@app/time';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ClusterRefused } from '../cluster-refused.js';
import type { Viewer } from './console-feed.js';
import { consoleServer, consoleTokenOf, pagesIn } from './console-server.js';

const TOKEN = consoleTokenOf('an-admin-token-of-at-least-32-characters');
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };

let directory: string;
let server: FastifyInstance;
let port: number;
let viewers: { viewer: Viewer; user: string | null }[];
let viewerCount: number;
let acted: string[];
let act: (action: ZoneAction, zone: string) => Promise<{ done: boolean; text: string }>;
let happened: string[];

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'console-server-'));
  for (const [name, text] of Object.entries({ 'index.html': '<!doctype html>', 'console.js': 'let x', 'console.css': 'a {}', 'notes.txt': 'not for browsers' })) {
    writeFileSync(path.join(directory, name), text);
  }
  [viewers, viewerCount, acted, happened] = [[], 0, [], []];
  act = async () => ({ done: true, text: 'as asked' });
  server = consoleServer({
    token: TOKEN,
    pages: pagesIn(directory),
    feed: {
      watch: (viewer, user) => {
        viewers.push({ viewer, user });
        viewer.send('state', '{"whole":true}');
        return () => viewers.splice(0);
      },
      caughtUp: () => {},
      look: async () => {},
      happened: (kind, zone, text) => happened.push(`${kind} ${zone}: ${text}`),
      harmChanged: () => {},
      get viewerCount() {
        return viewerCount;
      },
    },
    actions: {
      act: (action, zone) => {
        acted.push(`${action} ${zone}`);
        return act(action, zone);
      },
    },
    processes: () => [],
    random: new SeededRandom(1),
    say: () => {},
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  port = (server.server.address() as AddressInfo).port;
});
afterEach(async () => {
  const closed = server.close();
  server.server.closeAllConnections();
  await closed;
  rmSync(directory, { recursive: true });
});

/** With exactly these headers: `fetch` would not let Host be chosen. */
function ask(method: string, at: string, headers: OutgoingHttpHeaders): Promise<{ status: number; headers: IncomingMessage['headers']; text: string }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, method, path: at, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    }).on('error', reject).end();
  });
}
const codeOf = (text: string): string => (JSON.parse(text) as { code: string }).code;

describe('the page', () => {
  it('is handed to any browser of this machine, with nothing in it that needs a token, and may load nothing from elsewhere', async () => {
    for (const [at, type, text] of [['/', 'text/html', '<!doctype html>'], ['/console.js', 'text/javascript', 'let x'], ['/console.css', 'text/css', 'a {}']] as const) {
      const page = await ask('GET', at, {});
      expect([page.status, page.text]).toEqual([200, text]);
      expect(page.headers['content-type']).toContain(type);
      expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'/);
      expect(page.headers).toMatchObject({ 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff', 'cross-origin-resource-policy': 'same-origin' });
    }
  });

  it('is all that lies there: no other file, and no way out of the directory', async () => {
    for (const at of ['/notes.txt', '/../package.json', '/%2e%2e/package.json', '/index.html', '/console.js/']) {
      expect([at, (await ask('GET', at, {})).status]).toEqual([at, 401]);
      expect([at, (await ask('GET', at, AUTHORIZED)).status]).toEqual([at, 404]);
    }
  });

  it('is not built: then the start is refused in one line', () => {
    expect(() => pagesIn(path.join(directory, 'nowhere'))).toThrow(ClusterRefused);
  });
});

describe('everything else', () => {
  const CALLS = [
    ['GET', '/console/events'],
    ['POST', '/console/zones/zone-a/kill'],
    ['PUT', '/console/zones/zone-a/users/ann/favorites/heat'],
    ['DELETE', '/console/zones/zone-a/users/ann/favorites/heat'],
  ] as const;

  it.each(CALLS)('%s %s needs the token, a loopback name and no foreign origin', async (method, at) => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { cookie: `token=${TOKEN}` }]) {
      const refused = await ask(method, at, headers);
      expect([refused.status, codeOf(refused.text)]).toEqual([401, 'AUTHENTICATION_REQUIRED']);
    }
    expect((await ask(method, `${at}?token=${TOKEN}`, {})).status).toBe(401);
    for (const headers of [{ host: 'evil.example' }, { origin: 'http://evil.example' }, { origin: `http://127.0.0.1:${port + 1}` }]) {
      const refused = await ask(method, at, { ...AUTHORIZED, ...headers });
      expect([refused.status, codeOf(refused.text)]).toEqual([403, 'ACCESS_DENIED']);
    }
    expect([viewers, acted, happened]).toEqual([[], [], []]);
  });

  it('the token is the console’s own: it does not open an admin port, nor can the admin token be had from it', () => {
    expect(TOKEN).toMatch(/^[\w-]{43}$/);
    expect(consoleTokenOf('another-admin-token-of-32-characters')).not.toBe(TOKEN);
  });
});

describe('the stream', () => {
  const open = (query: string): Promise<IncomingMessage> =>
    new Promise((resolve) => get({ host: '127.0.0.1', port, path: `/console/events${query}`, headers: AUTHORIZED, agent: false }, resolve));

  it('is of server-sent events, the state first, and is left when the browser leaves', async () => {
    const stream = await open('?user=ann');
    expect(stream.headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    let text = '';
    stream.on('data', (chunk) => (text += String(chunk)));
    await vi.waitFor(() => expect(text).toBe('retry: 1000\n\nevent: state\ndata: {"whole":true}\n\n'));
    expect(viewers.map(({ user }) => user)).toEqual(['ann']);
    viewers[0]!.viewer.send('changed', '{"zones":[]}');
    await vi.waitFor(() => expect(text).toContain('event: changed\ndata: {"zones":[]}\n\n'));
    stream.destroy();
    await vi.waitFor(() => expect(viewers).toEqual([]));
  });

  it('is refused to one browser too many, and for a user that cannot be', async () => {
    viewerCount = 16;
    expect((await ask('GET', '/console/events', AUTHORIZED)).status).toBe(503);
    expect((await ask('GET', '/console/events?user=a%2Fb', AUTHORIZED)).status).toBe(400);
  });
});

describe('actions', () => {
  it('are passed on, and what became of them is told and shown', async () => {
    const answer = await ask('POST', '/console/zones/zone-a/pause', AUTHORIZED);
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { done: true, text: 'as asked' }]);
    expect([acted, happened]).toEqual([['pause zone-a'], ['action zone-a: pause zone-a: as asked']]);
  });

  it('that are refused say why, with the status of the reason', async () => {
    act = async () => {
      throw new TriptychError('ACCESS_DENIED', 'not with --faults off');
    };
    const denied = await ask('POST', '/console/zones/zone-a/cut', AUTHORIZED);
    expect([denied.status, codeOf(denied.text)]).toEqual([403, 'ACCESS_DENIED']);
    act = async () => {
      throw new ClusterRefused('the cluster is still starting');
    };
    const refused = await ask('POST', '/console/zones/zone-a/cut', AUTHORIZED);
    expect([refused.status, JSON.parse(refused.text)]).toEqual([200, { done: false, text: 'the cluster is still starting' }]);
    expect((await ask('POST', '/console/zones/zone-a/explode', AUTHORIZED)).status).toBe(404);
    expect(happened).toEqual([]);
  });

  it('a write through a zone that is not there is no write', async () => {
    expect((await ask('PUT', '/console/zones/zone-z/users/ann/favorites/heat', AUTHORIZED)).status).toBe(404);
    expect((await ask('PUT', '/console/zones/zone-z/users/a%2Fb/favorites/heat', AUTHORIZED)).status).toBe(400);
  });
});
