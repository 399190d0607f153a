/**
 * `Retry-Token`: given with the failure of a write whose outcome is unknown, taken with the same request sent again,
 * through any gateway. What is in it is libs/favorites-client's; here it only travels in headers.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type CallContext, type RowKey, TriptychError } from '@app/contracts';
import { openRetryToken, type PendingWrite, type SealSecret, sealRetryToken, type WriteFailure } from '@app/favorites-client';

/** @throws RETRY_TOKEN_INVALID also when the token is of another row or item: an operation is retried, not replayed elsewhere */
export function pendingOf(
  request: FastifyRequest,
  { table, row, item }: RowKey & { readonly item: string },
  { principal }: CallContext,
  secrets: readonly SealSecret[],
): PendingWrite | undefined {
  const token = request.headers['retry-token'];
  if (token === undefined) return undefined;
  const pending = openRetryToken(String(token), principal.name, secrets);
  if (pending.table === table && pending.row === row && pending.item === item) return pending;
  throw new TriptychError('RETRY_TOKEN_INVALID', 'the retry token is of another user or film');
}

/** What a write failed with: whatever was thrown, which may be a failure that says more. */
export type Failure = Partial<WriteFailure> | null | undefined;

/**
 * Puts the token on the reply before the failure goes on to the filter. A request that came with a token and failed
 * without a new one is given its own again: what was unknown still is, and a device that gets no token would begin anew.
 */
export function offerRetry(request: FastifyRequest, reply: FastifyReply, failure: Failure, { principal }: CallContext, secrets: readonly SealSecret[]): void {
  const pending = failure?.pending;
  const token = pending === undefined ? request.headers['retry-token'] : sealRetryToken(pending, principal.name, secrets);
  if (token !== undefined) void reply.header('retry-token', token);
}
