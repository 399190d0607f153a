/**
 * What a request says about itself besides its path and body, read once: on whose behalf, until when, at which level,
 * under which name in the logs. It is handed on as an argument; ambient context is lost through Observables and timers.
 */
import type { FastifyRequest } from 'fastify';
import type { CallContext, ConsistencyLevel, Principal, Priority } from '@app/contracts';
import type { GatewayPorts } from '../gateway-ports.js';
import { levelOf } from './consistency-header.js';

/** Nothing authenticates devices yet; the access policy is asked all the same. */
const ANYONE: Principal = { kind: 'device', name: 'anonymous' };

export interface Call {
  readonly context: CallContext;
  readonly level: ConsistencyLevel;
}

/** @throws LEVEL_UNKNOWN */
export function callOf(request: FastifyRequest, priority: Priority, { clock, requestTimeoutMs }: GatewayPorts): Call {
  return {
    level: levelOf(request.headers['consistency']),
    context: {
      deadlineMs: clock.monotonicMs() + requestTimeoutMs,
      traceId: request.id,
      priority,
      principal: ANYONE,
    },
  };
}
