/** A page of a row as a service answers it: access asked, cursor opened, items made views, next cursor sealed. */
import { defer, map, type Observable } from 'rxjs';
import type { Item, RowKey } from '@app/contracts';
import type { GatewayPorts } from '../gateway-ports.js';
import { demandAccess } from './access.js';
import type { Answer } from './answer.js';
import { openCursor, sealCursor } from './cursor.js';
import type { Call } from './request-context.js';
import type { Page } from './schemas.js';

export interface RowPage<T> {
  readonly items: T[];
  readonly nextCursor: string | null;
}

/** Cold; unsubscribing drops the read. Errors: ACCESS_DENIED, CURSOR_INVALID, and those of `ListStore.list`. */
export function readPage<T>(
  row: RowKey,
  { limit, cursor }: Page,
  viewOf: (item: Item) => T,
  { level, context }: Call,
  { accessPolicy, listStore, secrets }: GatewayPorts,
): Observable<Answer<RowPage<T>>> {
  return defer(() => {
    demandAccess(accessPolicy, 'read', row, context);
    const request = { table: row.table, row: row.row, limit, level };
    const after = cursor === undefined ? undefined : openCursor(cursor, row, secrets);
    return listStore.list(after === undefined ? request : { ...request, after }, context).pipe(
      map(({ items, more, achieved }) => {
        const last = items.at(-1);
        const nextCursor = more && last !== undefined ? sealCursor(last, row, secrets) : null;
        return { view: { items: items.map(viewOf), nextCursor }, achieved };
      }),
    );
  });
}
