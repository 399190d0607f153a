/**
 * Fastify as this gateway wants it: what comes before a controller sees a request, and what every response carries. Done
 * with Fastify's own options and hooks, once per process, where Nest's middleware, guards and interceptors would cost
 * every request a chain.
 */
import { type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { MethodNotAllowedException } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyHttpOptions } from 'fastify';
import { PROBLEM_JSON, problemOf, traceIds } from '@app/admin';
import { TriptychError } from '@app/contracts';
import type { RequestCounters } from '../admin/request-counters.js';
import type { GatewayPorts } from '../gateway-ports.js';
import type { Admission } from './admission.js';
import { servedBy } from './consistency-header.js';
import type { Drain } from './drain.js';
import { refuseEarly } from './early-refusal.js';
import { KnownRoutes } from './known-routes.js';
import type { ProblemFilter } from './problem.filter.js';
import { logRequest } from './request-log.js';

export const BODY_MAX_BYTES = 8 * 1024;
/** Room for the longest retry token (16 KiB) beside ordinary headers. */
const HEADERS_MAX_BYTES = 32 * 1024;
/** How long a device may take to send a request, ms: slower than any device, faster than somebody holding sockets. */
const RECEIVE_TIMEOUT_MS = 15_000;

export function httpAdapter(ports: GatewayPorts, filter: ProblemFilter, drain: Drain, counters: RequestCounters, admission: Admission): FastifyAdapter {
  const traceIdOf = traceIds(ports.random);
  const options: FastifyHttpOptions<Server> & { skipMiddie: boolean } = {
    logger: false,
    // No Nest middleware is used here, so its plugin need not run for every request.
    skipMiddie: true,
    genReqId: ({ headers }) => traceIdOf(headers),
    requestIdHeader: false,
    bodyLimit: BODY_MAX_BYTES,
    requestTimeout: RECEIVE_TIMEOUT_MS,
    http: { maxHeaderSize: HEADERS_MAX_BYTES },
    // The schema of an id says how long it may be, and says it better than the router's 414.
    routerOptions: { maxParamLength: HEADERS_MAX_BYTES },
    frameworkErrors: (error, request, reply) => {
      void reply.header('trace-id', request.id);
      filter.refuse(error, request, reply);
    },
    clientErrorHandler(error, socket) {
      refuseUnreadable(error, socket, traceIdOf({}));
    },
  };
  const adapter = new FastifyAdapter(options);
  const server = adapter.getInstance();

  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    try {
      // Clients that always name a content type do so without a body too.
      done(null, text === '' ? undefined : JSON.parse(text as string));
    } catch {
      done(new TriptychError('REQUEST_INVALID', 'the body is not JSON'));
    }
  });

  const routes = new KnownRoutes();
  server.decorateRequest('arrivedMs', 0);
  server.addHook('onRoute', (route) => {
    routes.add(route.url, route.method);
    admission.guard(route);
  });
  const gateway = servedBy(ports);
  refuseEarly(server.server, { admission, counters, traceIdOf, servedBy: gateway });
  server.addHook('onRequest', (request, reply, done) => {
    request.arrivedMs = ports.clock.monotonicMs();
    counters.follow(reply.raw);
    logRequest(request, reply, ports);
    void reply.header('trace-id', request.id).header('served-by', gateway);
    if (drain.begun) void reply.header('connection', 'close');
    if (!request.is404) return done();
    const methods = routes.methodsOf(request.url);
    if (methods.length === 0) return done();
    void reply.header('allow', methods.join(', '));
    done(new MethodNotAllowedException(`${request.method} is not among ${methods.join(', ')}`));
  });
  return adapter;
}

/** What is not HTTP, or too much of it, never becomes a request, so the answer is written by hand. */
function refuseUnreadable(error: Error & { code?: string }, socket: Socket, traceId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const refusal = new TriptychError('REQUEST_INVALID', 'the request could not be read as HTTP');
  const body = JSON.stringify(problemOf(refusal, status, traceId));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Content-Type: ${PROBLEM_JSON}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Trace-Id: ${traceId}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
