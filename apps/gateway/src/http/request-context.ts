/**
 * What a request says about itself besides its path and body, read once: on whose behalf, until when, at which level, in
 * which session, under which name in the logs. It is handed on as an argument; ambient context is lost through Observables and timers.
 */
import type { FastifyRequest } from 'fastify';
import type { CallContext, Principal, Priority, RowKey } from '@app/contracts';
import type { SessionToken } from '@app/favorites-client';
import type { Terms } from '@app/services';
import type { GatewayPorts } from '../gateway-ports.js';
import { isPrefetch } from './admission.js';
import { type AskedLevels, levelsOf } from './consistency-header.js';
import { sessionOf } from './session-token-header.js';

/** Nothing authenticates devices yet; the access policy is asked all the same. */
const ANYONE: Principal = { kind: 'device', name: 'anonymous' };

export interface Call {
  readonly context: CallContext;
  readonly levels: AskedLevels;
  /** As it was when the request was sent. */
  readonly session: SessionToken;
}

/** How a request about a row is to be answered, as far as the call decides it. */
export function termsFor(row: RowKey, { levels, session }: Pick<Call, 'levels' | 'session'>): Terms {
  const seen = session.seenOf(row);
  return { ...levels, ...(seen && { seen }) };
}

/** @throws LEVEL_UNKNOWN, LEVEL_NEEDS_REGIONS, SESSION_TOKEN_INVALID */
export function callOf(request: FastifyRequest, priority: Priority, { requestTimeoutMs, secrets }: GatewayPorts): Call {
  return {
    levels: levelsOf(request.headers['consistency']),
    session: sessionOf(request, ANYONE, secrets),
    context: {
      deadlineMs: request.arrivedMs + requestTimeoutMs,
      traceId: request.id,
      priority: priority === 'read' && isPrefetch(request) ? 'prefetch' : priority,
      principal: ANYONE,
    },
  };
}
