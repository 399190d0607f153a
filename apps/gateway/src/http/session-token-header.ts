/**
 * `Session-Token`: given with every answer, and with the failure of a write whose outcome is unknown; taken with every request
 * of the same device, through any gateway. With it a device reads its own writes and never sees its list go back, at every
 * level, and what it writes next overrides what it was not told the outcome of. A device that sends requests beside each
 * other keeps the token of the answer that came last. What is in it is libs/favorites-client's.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal, RowKey } from '@app/contracts';
import { type SealSecret, SessionToken } from '@app/favorites-client';
import type { Call } from './request-context.js';
import type { Failure } from './retry-token-header.js';

/** @throws SESSION_TOKEN_INVALID */
export function sessionOf(request: FastifyRequest, { name }: Principal, secrets: readonly SealSecret[]): SessionToken {
  const token = request.headers['session-token'];
  return token === undefined ? SessionToken.EMPTY : SessionToken.open(String(token), name, secrets);
}

export function giveSession(reply: FastifyReply, session: SessionToken, { principal }: Call['context'], secrets: readonly SealSecret[]): void {
  void reply.header('session-token', session.seal(principal.name, secrets));
}

/** Puts the token of a session that has a write of unknown outcome on the reply, before the failure goes on to the filter. */
export function offerSession(reply: FastifyReply, failure: Failure, row: RowKey, { session, context }: Call, secrets: readonly SealSecret[]): void {
  if (failure?.seen !== undefined) giveSession(reply, session.after(row, failure.seen), context, secrets);
}
