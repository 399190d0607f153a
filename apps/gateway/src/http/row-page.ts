/** A page of a row as a service answers it: access asked, cursor opened, next cursor sealed. */
import type { FastifyReply } from 'fastify';
import type { Observable } from 'rxjs';
import { deferMap } from '@app/circuit';
import type { CallContext, RowKey } from '@app/contracts';
import type { PageReply, PageRequest } from '@app/services';
import type { GatewayPorts } from '../gateway-ports.js';
import { demandAccess } from './access.js';
import { sayRest } from './rest-headers.js';
import { openCursor, sealCursor } from './cursor.js';
import { type Call, termsFor } from './request-context.js';
import type { Page } from './schemas.js';

export interface RowPage<T> {
  readonly items: T[];
  readonly nextCursor: string | null;
}

/** Cold; unsubscribing drops the read. Errors: ACCESS_DENIED, CURSOR_INVALID, and those of the service. */
export function readPage<T, V>(
  row: RowKey,
  { limit, cursor }: Page,
  ask: (request: PageRequest, context: CallContext) => Observable<PageReply<T>>,
  viewOf: (item: T) => V,
  call: Call,
  reply: FastifyReply,
  ports: GatewayPorts,
): Observable<RowPage<V>> {
  const { accessPolicy, secrets } = ports;
  return deferMap(
    () => {
      demandAccess(accessPolicy, 'read', row, call.context);
      const after = cursor === undefined ? undefined : openCursor(cursor, row, secrets);
      return ask({ ...termsFor(row, call), limit, ...(after && { after }) }, call.context);
    },
    ({ items, next, ...rest }) => {
      const nextCursor = next === null ? null : sealCursor(next, row, secrets);
      const view = { items: items.map(viewOf), nextCursor };
      sayRest(reply, rest, row, call, ports);
      return view;
    },
  );
}
