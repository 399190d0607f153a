/**
 * One row as this node holds it on its disk, for an administrator and for the console:
 *
 *     GET /admin/rows/favorites/ann  ->  {"digest": ..., "vote": true, "items": [{"item", "versions": [{"dot", ...}]}], ...}
 *
 * Whether the node is a replica of the row or not: what it does not hold is an empty row.
 */
import type { AdminRoute } from '@app/admin';
import { ID_PATTERN, TriptychError, type HeldRow } from '@app/contracts';
import { TABLES, type StoreNode } from '@app/store';

export function rowRoute(node: Pick<StoreNode, 'heldRow'>): AdminRoute {
  return { method: 'GET', path: 'rows/:table/:row', handle: (_, parameters) => held(node, parameters) };
}

/** @throws REQUEST_INVALID, STORE_ROW_DAMAGED */
function held(node: Pick<StoreNode, 'heldRow'>, { table = '', row = '' }: Readonly<Record<string, string>>): HeldRow {
  if (!TABLES.some(({ name }) => name === table)) throw new TriptychError('REQUEST_INVALID', 'there is no such table', { table });
  if (!ID_PATTERN.test(row)) throw new TriptychError('REQUEST_INVALID', 'a row is named by 1 to 128 characters of A-Z a-z 0-9 . _ ~ -');
  return node.heldRow({ table, row });
}
