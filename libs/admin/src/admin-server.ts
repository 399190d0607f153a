/**
 * Administration, on a port of its own that only this machine can reach. Three locks: bound to loopback; a token that
 * only the owner's files hold; and `Host` and `Origin` checked, because a web page open on this machine reaches loopback
 * too, under a name of its own (DNS rebinding) or from its own origin.
 *
 * What can be asked is a list of routes given by whoever starts the server: gateways and store nodes have the same server
 * and other lists.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { fastify, type FastifyInstance, type FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type Principal, TriptychError } from '@app/contracts';
import type { Random } from '@app/time';
import { type ErrorLog, refuse, requestInvalid } from './problem.js';
import { traceIds } from './trace-id.js';

export interface AdminRoute<Body = unknown> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below /admin/; `:name` in it is a parameter. */
  readonly path: string;
  /** What the body must be; without it, any or none. */
  readonly body?: z.ZodType<Body>;
  /** The answer, as JSON; a `TriptychError` thrown is a problem. */
  handle(body: Body, parameters: Readonly<Record<string, string>>): unknown;
}

/** A file that holds no secret: whoever comes by a loopback name may read it, so that a browser can, which then has the token. */
export interface AdminPage {
  /** From the root: `/`, `/console.js`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface AdminPorts {
  readonly token: string;
  readonly random: Random;
  readonly log: ErrorLog;
  /** None by default. */
  readonly pages?: readonly AdminPage[];
}

export const ADMIN_HOST = '127.0.0.1';
export const ADMIN: Principal = { kind: 'admin', name: 'admin' };

const BODY_MAX_BYTES = 64 * 1024;
const LOOPBACK = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;

/** Ready to listen on ADMIN_HOST. */
export function adminServer(routes: readonly AdminRoute[], { token, random, log, pages = [] }: AdminPorts): FastifyInstance {
  const expected = sha256(`Bearer ${token}`);
  const traceIdOf = traceIds(random);
  const server = fastify({ logger: false, genReqId: ({ headers }) => traceIdOf(headers), bodyLimit: BODY_MAX_BYTES });

  server.addHook('onRequest', (request, reply, done) => {
    void reply.header('trace-id', request.id);
    const denied = objectionTo(request);
    if (denied !== null) return done(denied);
    if (isPage(request)) return done();
    if (timingSafeEqual(sha256(request.headers.authorization ?? ''), expected)) return done();
    void reply.header('www-authenticate', 'Bearer');
    refuse(new TriptychError('AUTHENTICATION_REQUIRED', 'the admin token is missing or wrong'), request, reply, log);
  });
  server.setErrorHandler((error, request, reply) => refuse(error, request, reply, log));
  server.setNotFoundHandler((request, reply) => {
    refuse(new TriptychError('ROUTE_UNKNOWN', 'no such admin call'), request, reply, log);
  });
  for (const route of routes) {
    server.route({
      method: route.method,
      url: `/admin/${route.path}`,
      handler: async ({ body, params }) => route.handle(checked(route, body), params as Record<string, string>),
    });
  }
  for (const { path, headers, body } of pages) {
    server.get(path, { config: { isPage: true } }, (_, reply) => void reply.headers(headers).send(body));
  }
  return server;
}

const isPage = ({ is404, routeOptions }: FastifyRequest): boolean => !is404 && (routeOptions.config as { isPage?: true }).isPage === true;

function checked({ body: schema }: AdminRoute, body: unknown): unknown {
  if (schema === undefined) return body;
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw requestInvalid(result.error.issues);
}

function objectionTo({ headers: { host = '', origin } }: FastifyRequest): TriptychError | null {
  if (!LOOPBACK.test(host)) return new TriptychError('ACCESS_DENIED', 'the admin port is known by loopback names only', { host });
  if (origin === undefined || origin === `http://${host}`) return null;
  return new TriptychError('ACCESS_DENIED', 'not for pages of another origin', { origin });
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
