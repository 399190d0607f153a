/**
 * A write of one item of a row, over HTTP: what every route that writes does round its operation. The retry token is opened, the
 * access policy asked, the session sent and given back, with the failure of a write of unknown outcome too, and its token offered.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { defer, type Observable } from 'rxjs';
import { deferMap } from '@app/circuit';
import type { CallContext, RowKey } from '@app/contracts';
import type { PendingWrite } from '@app/favorites-client';
import type { Rest, Terms } from '@app/services';
import type { GatewayPorts } from '../gateway-ports.js';
import { demandAccess } from './access.js';
import { sayRest } from './rest-headers.js';
import { callOf, termsFor } from './request-context.js';
import { type Failure, offerRetry, pendingOf } from './retry-token-header.js';
import { offerSession } from './session-token-header.js';

export interface WrittenItem extends RowKey {
  readonly item: string;
}

/** What a write is sent with, beside what it writes. */
export interface WriteTerms extends Terms {
  readonly pending?: PendingWrite;
}

/**
 * Cold; unsubscribing stops waiting for a write that replicas may already hold.
 * Errors: ACCESS_DENIED, RETRY_TOKEN_INVALID and those of `callOf`, and those of the service.
 */
export function answerWrite<R extends Rest, V>(
  request: FastifyRequest,
  reply: FastifyReply,
  target: WrittenItem,
  write: (terms: WriteTerms, context: CallContext) => Observable<R>,
  viewOf: (written: R) => V,
  ports: GatewayPorts,
): Observable<V> {
  return defer(() => {
    const { accessPolicy, secrets } = ports;
    const call = callOf(request, 'write', ports);
    const { context } = call;
    const pending = pendingOf(request, target, context, secrets);
    return deferMap(
      () => {
        demandAccess(accessPolicy, 'write', target, context);
        return write({ ...termsFor(target, call), ...(pending && { pending }) }, context);
      },
      (written) => {
        const view = viewOf(written);
        sayRest(reply, written, target, call, ports);
        return view;
      },
      (error) => {
        offerSession(reply, error as Failure, target, call, secrets);
        offerRetry(request, reply, error as Failure, context, secrets);
        return error;
      },
    );
  });
}
