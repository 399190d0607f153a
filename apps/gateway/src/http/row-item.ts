/** One item of a row as a service answers it: access asked, 404 where it is not there. */
import type { FastifyReply } from 'fastify';
import type { Observable } from 'rxjs';
import { deferMap } from '@app/circuit';
import { type CallContext, type RowKey, TriptychError } from '@app/contracts';
import type { LookupReply, Terms } from '@app/services';
import type { GatewayPorts } from '../gateway-ports.js';
import { demandAccess } from './access.js';
import { sayRest } from './rest-headers.js';
import { type Call, termsFor } from './request-context.js';

/** Cold; unsubscribing drops the read. Errors: ACCESS_DENIED, ITEM_NOT_FOUND saying `missing`, and those of the service. */
export function readItem<T, V>(
  row: RowKey,
  filmId: string,
  ask: (request: Terms & { readonly films: readonly string[] }, context: CallContext) => Observable<LookupReply<T>>,
  viewOf: (item: T) => V,
  missing: string,
  call: Call,
  reply: FastifyReply,
  ports: GatewayPorts,
): Observable<V> {
  return deferMap(
    () => {
      demandAccess(ports.accessPolicy, 'read', row, call.context);
      return ask({ ...termsFor(row, call), films: [filmId] }, call.context);
    },
    ({ found: [item], ...rest }) => {
      if (item === undefined || item === null) throw new TriptychError('ITEM_NOT_FOUND', missing, { filmId });
      const view = viewOf(item);
      sayRest(reply, rest, row, call, ports);
      return view;
    },
  );
}
