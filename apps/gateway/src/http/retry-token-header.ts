/**
 * `Retry-Token`: given with the failure of a write whose outcome is unknown, taken with the same request sent again,
 * through any gateway. What is in it is libs/favorites-client's; here it only travels in headers.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { catchError, type MonoTypeOperatorFunction, throwError } from 'rxjs';
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

/**
 * Puts the token on the reply before the failure goes on to the filter. A request that came with a token and failed
 * without a new one is given its own again: what was unknown still is, and a device that gets no token would begin anew.
 */
export function offerRetry<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  { principal }: CallContext,
  secrets: readonly SealSecret[],
): MonoTypeOperatorFunction<T> {
  return catchError((error: Partial<WriteFailure> | null) => {
    const pending = error?.pending;
    const token = pending === undefined ? request.headers['retry-token'] : sealRetryToken(pending, principal.name, secrets);
    if (token !== undefined && token !== null) void reply.header('retry-token', token);
    return throwError(() => error);
  });
}
