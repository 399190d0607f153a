/** A page of a row as a service answers it: access asked, cursor opened, items made views, next cursor sealed. */
import { defer, map, type Observable } from 'rxjs';
import type { Item, ListRequest, RowKey } from '@app/contracts';
import type { GatewayPorts } from '../gateway-ports.js';
import { demandAccess } from './access.js';
import { type Answer, answerFrom } from './answer.js';
import { openCursor, sealCursor } from './cursor.js';
import { type Call, requestFor } from './request-context.js';
import type { Page } from './schemas.js';

export interface RowPage<T> {
  readonly items: T[];
  readonly nextCursor: string | null;
}

/** Cold; unsubscribing drops the read. Errors: ACCESS_DENIED, CURSOR_INVALID, and those of `ListStore.list`. */
export function readPage<T>(
  row: RowKey,
  { limit, cursor, where }: Page & Pick<ListRequest, 'where'>,
  viewOf: (item: Item) => T,
  call: Call,
  { accessPolicy, listStore, secrets }: GatewayPorts,
): Observable<Answer<RowPage<T>>> {
  return defer(() => {
    demandAccess(accessPolicy, 'read', row, call.context);
    const request = { ...requestFor(row, call), limit, ...(where && { where }) };
    const after = cursor === undefined ? undefined : openCursor(cursor, row, secrets);
    return listStore.list(after === undefined ? request : { ...request, after }, call.context).pipe(
      map(({ items, more, lookedTo, ...reply }) => {
        const last = lookedTo ?? items.at(-1);
        const nextCursor = more && last !== undefined ? sealCursor(last, row, secrets) : null;
        return answerFrom({ items: items.map(viewOf), nextCursor }, reply, row, call);
      }),
    );
  });
}
