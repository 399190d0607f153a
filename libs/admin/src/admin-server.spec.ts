import { get, type OutgoingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TriptychError } from '@app/contracts';
import { SeededRandom } from '@app/time';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ADMIN_HOST, adminServer, type AdminRoute } from './admin-server.js';

const TOKEN = 'a-token-of-at-least-thirty-two-characters';
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };

const ROUTES: AdminRoute[] = [
  { method: 'GET', path: 'state', handle: () => ({ node: 'a1' }) },
  { method: 'GET', path: 'broken', handle: () => { throw new Error('a secret'); } },
  { method: 'GET', path: 'refused', handle: () => { throw new TriptychError('STORE_DRAINING', 'not now', { left: 3 }); } },
  { method: 'POST', path: 'echo/:word', handle: (body, { word }) => ({ body, word }) },
  { method: 'POST', path: 'rate', body: z.strictObject({ rate: z.int().max(9) }), handle: (body) => ({ body }) },
];

let logged: { traceId: string; err: unknown }[];
let server: ReturnType<typeof adminServer>;
let port: number;
beforeEach(async () => {
  logged = [];
  server = adminServer(ROUTES, { token: TOKEN, random: new SeededRandom(1), log: { error: (fields) => void logged.push(fields) } });
  await server.listen({ host: ADMIN_HOST, port: 0 });
  port = (server.server.address() as AddressInfo).port;
});
afterEach(() => server.close());

/** Over a socket, with exactly these headers: `fetch` would not let `Host` be chosen. */
function ask(path: string, headers: OutgoingHttpHeaders): Promise<{ status: number; headers: OutgoingHttpHeaders; body: any }> {
  return new Promise((resolve, reject) => {
    get({ host: ADMIN_HOST, port, path, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: JSON.parse(text) }));
    }).on('error', reject);
  });
}

describe('the admin port', () => {
  it('is bound to loopback', () => {
    expect((server.server.address() as AddressInfo).address).toBe('127.0.0.1');
  });

  it('asks for the token', async () => {
    for (const authorization of [undefined, '', 'Bearer', `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, `Basic ${TOKEN}`, TOKEN]) {
      const { status, headers, body } = await ask('/admin/state', authorization === undefined ? {} : { authorization });
      expect([authorization, status, body.code]).toEqual([authorization, 401, 'AUTHENTICATION_REQUIRED']);
      expect(headers).toMatchObject({ 'www-authenticate': 'Bearer', 'content-type': 'application/problem+json' });
    }
  });

  it('is not there under another name than a loopback one: a rebound DNS name brings its own Host', async () => {
    for (const host of ['evil.example', `evil.example:${port}`, `127.0.0.1.evil.example`, 'localhost.evil.example']) {
      const { status, body } = await ask('/admin/state', { ...AUTHORIZED, host });
      expect([host, status, body.code]).toEqual([host, 403, 'ACCESS_DENIED']);
    }
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
      expect((await ask('/admin/state', { ...AUTHORIZED, host })).status).toBe(200);
    }
  });

  it('is not there for a page of another origin', async () => {
    const host = `127.0.0.1:${port}`;
    for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:1', `https://${host}`, `http://localhost:${port}`]) {
      expect([origin, (await ask('/admin/state', { ...AUTHORIZED, host, origin })).status]).toEqual([origin, 403]);
    }
    expect((await ask('/admin/state', { ...AUTHORIZED, host, origin: `http://${host}` })).status).toBe(200);
  });

  it('answers the calls it was given, with what stands in their paths, and no other', async () => {
    expect((await ask('/admin/state', AUTHORIZED)).body).toEqual({ node: 'a1' });
    expect((await post('/admin/echo/hello', '{"rate":1}')).json()).toEqual({ body: { rate: 1 }, word: 'hello' });
    const other = await ask('/admin/other', AUTHORIZED);
    expect([other.status, other.body.code]).toEqual([404, 'ROUTE_UNKNOWN']);
  });

  it('says refusals as problems, and blurs and logs what it did not expect', async () => {
    const refused = await ask('/admin/refused', AUTHORIZED);
    expect([refused.status, refused.body]).toMatchObject([503, { code: 'STORE_DRAINING', detail: 'not now', left: 3 }]);
    expect(logged).toEqual([]);
    const broken = await ask('/admin/broken', AUTHORIZED);
    expect([broken.status, broken.body.code]).toEqual([500, 'INTERNAL']);
    expect(JSON.stringify(broken.body)).not.toContain('secret');
    expect(logged).toEqual([{ traceId: broken.body.instance, err: expect.objectContaining({ message: 'a secret' }) }]);
  });

  it('refuses a body that does not fit, saying where, or that is none', async () => {
    expect((await post('/admin/rate', '{"rate":9}')).json()).toEqual({ body: { rate: 9 } });
    const refusalsOf = async (body: string) => {
      const { statusCode, json } = await post('/admin/rate', body);
      return [statusCode, json().code, json().detail];
    };
    expect(await refusalsOf('{"rate":10}')).toEqual([400, 'REQUEST_INVALID', expect.stringContaining('rate: ')]);
    for (const body of ['', '{', '[]', 'null', '{"rate":1,"more":1}', '{"rate":1,"__proto__":{"x":1}}', '{"rate":1,"constructor":1}']) {
      expect([body, ...(await refusalsOf(body))]).toEqual([body, 400, 'REQUEST_INVALID', expect.any(String)]);
    }
    expect((await post('/admin/rate', `{"rate":"${'9'.repeat(70_000)}"}`)).statusCode).toBe(413);
    expect(logged).toEqual([]);
  });
});

function post(url: string, payload: string) {
  return server.inject({ method: 'POST', url, headers: { ...AUTHORIZED, host: 'localhost', 'content-type': 'application/json' }, payload });
}
