/** One line per request at level debug, and nothing at all below it: what a device did is looked at, not kept. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayPorts } from '../gateway-ports.js';

export function logRequest({ id, method, url }: FastifyRequest, reply: FastifyReply, { clock, log }: GatewayPorts): void {
  if (!log.isLevelEnabled('debug')) return;
  const beganMs = clock.monotonicMs();
  reply.raw.once('close', () => {
    const status = reply.raw.writableFinished ? reply.statusCode : null;
    log.debug({ traceId: id, method, url, status, durationMs: clock.monotonicMs() - beganMs }, 'request');
  });
}
