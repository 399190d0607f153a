/**
 * What a request says about itself besides its path and body, read once: on whose behalf, until when, at which level, in
 * which session, under which name in the logs. It is handed on as an argument; ambient context is lost through Observables and timers.
 */
import type { FastifyRequest } from 'fastify';
import type { CallContext, Principal, Priority, RowKey } from '@app/contracts';
import type { ListStoreRequest, SessionToken } from '@app/favorites-client';
import type { GatewayPorts } from '../gateway-ports.js';
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

/** A request to the store about a row, as far as the call decides it. */
export function requestFor({ table, row }: RowKey, { levels, session }: Call): ListStoreRequest {
  const seen = session.seenOf({ table, row });
  return { table, row, ...levels, ...(seen && { seen }) };
}

/** @throws LEVEL_UNKNOWN, LEVEL_NEEDS_REGIONS, SESSION_TOKEN_INVALID */
export function callOf(request: FastifyRequest, priority: Priority, { clock, requestTimeoutMs, secrets }: GatewayPorts): Call {
  return {
    levels: levelsOf(request.headers['consistency']),
    session: sessionOf(request, ANYONE, secrets),
    context: {
      deadlineMs: clock.monotonicMs() + requestTimeoutMs,
      traceId: request.id,
      priority,
      principal: ANYONE,
    },
  };
}
