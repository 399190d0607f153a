/**
 * Stands before Fastify: a request that is hopeless (admission.ts) is refused as soon as Node has read its head, with a body made
 * beforehand, and one whose device has hung up meanwhile is not begun. In a flood at three times the capacity two in three are
 * refused, by processes that get little time: what each costs decides what is left for the third. Through Fastify's routing,
 * hooks and reply a refusal costs as much as a whole answer of a bare server.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_JSON, type TraceIdOf } from '@app/admin';
import type { RequestCounters } from '../admin/request-counters.js';
import type { Admission } from './admission.js';

export interface EarlyRefusalPorts {
  readonly admission: Admission;
  readonly counters: RequestCounters;
  readonly traceIdOf: TraceIdOf;
  /** Says which gateway it is, as in every answer. */
  readonly servedBy: string;
}

/** @param server as Fastify has made it, with its one listener */
export function refuseEarly(server: Server, { admission, counters, traceIdOf, servedBy }: EarlyRefusalPorts): void {
  const [handle] = server.listeners('request') as RequestListener[];
  server.removeAllListeners('request');
  const heard = new WeakSet<Socket>();
  /** Nothing has been asked on this connection before. True once. */
  const isFirstOf = (socket: Socket): boolean => {
    if (heard.has(socket)) return false;
    heard.add(socket);
    return true;
  };
  const judge = (request: IncomingMessage, response: ServerResponse): void => {
    const refusal = admission.refusalAtHead(request);
    if (refusal === null) return handle!(request, response);
    const traceId = traceIdOf(request.headers);
    counters.follow(response);
    const body = refusal.bodyFor(traceId);
    response.writeHead(503, {
      'retry-after': refusal.retryAfter,
      'trace-id': traceId,
      'served-by': servedBy,
      'content-type': PROBLEM_JSON,
      'content-length': body.length,
    });
    response.end(body);
  };
  server.on('request', (request, response) => {
    if (!admission.isLimited(request)) return handle!(request, response);
    if (!isFirstOf(request.socket)) return judge(request, response);
    whenStillThere(
      request,
      () => judge(request, response),
      () => counters.follow(response),
    );
  });
}

/**
 * A device that waited too long to be accepted has hung up by now, and its request is read all the same; that it has hung up is
 * read in the next turn of the event loop. So two ends of turns are waited for, and nobody works for who is gone.
 */
function whenStillThere({ socket }: IncomingMessage, then: () => void, otherwise: () => void): void {
  setImmediate(() => setImmediate(() => (socket.destroyed ? otherwise() : then())));
}
