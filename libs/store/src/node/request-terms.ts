/**
 * What a client's request says, read and checked once, before it has any effect: the level, from the request or else its
 * table; what the session has seen; and the parts that are bytes or names of the client's.
 * Errors: REQUEST_INVALID, LEVEL_UNKNOWN, LEVEL_NEEDS_REGIONS, LEVEL_NOT_ALLOWED, STORE_VALUE_TOO_LARGE.
 */
import { GET_ITEMS_MAX, ID_PATTERN, TriptychError, type ConsistencyLevel, type ListRequest, type RowRequest } from '@app/contracts';
import type { Clock } from '@app/time';
import type { HybridLogicalClock } from '../core/causality/hybrid-logical-clock.js';
import { decodeSeen, NOTHING_SEEN, type SeenRow } from '../core/causality/seen-row.js';
import { levelNamed } from '../core/quorum/consistency-level.js';
import { matches } from '../core/row/attributes.js';
import { decodeDelta, type Delta } from '../core/row/delta.js';
import type { TableSchema } from '../core/row/table-schema.js';

/** How a request is to be answered. */
export interface Terms {
  readonly schema: TableSchema;
  readonly level: ConsistencyLevel;
  readonly seen: SeenRow;
}

export interface TermsPorts {
  readonly tables: ReadonlyMap<string, TableSchema>;
  readonly hlc: HybridLogicalClock;
  readonly clock: Clock;
}

export function readTermsOf(request: RowRequest, ports: TermsPorts): Terms {
  const terms = termsOf(request, ports);
  refuseLevel(terms.level === 'ANY', 'ANY is for writes');
  return terms;
}

export function writeTermsOf(request: RowRequest, ports: TermsPorts): Terms {
  const terms = termsOf(request, ports);
  refuseLevel(terms.level === 'ANY' && terms.schema.sloppy !== true, `ANY needs a table that allows sloppy quorums, and ${request.table} does not`);
  return terms;
}

/** The clock of the session is taken into account: what it does next is dated after what it has seen (F16). */
function termsOf(request: RowRequest, { tables, hlc, clock }: TermsPorts): Terms {
  const schema = tables.get(request.table);
  check(schema !== undefined, `table ${String(request.table)} is not known`);
  const level = request.level === undefined ? (schema!.level ?? 'QUORUM') : levelNamed(String(request.level));
  const seen = request.seen === undefined ? NOTHING_SEEN : decodeRequestSeen(request.seen);
  hlc.observe(seen.hlc, clock.wallMs());
  return { schema: schema!, level, seen };
}

export function refuseLevel(isRefused: boolean, message: string): void {
  if (isRefused) throw new TriptychError('LEVEL_NOT_ALLOWED', message);
}

export function check(condition: unknown, message: string, code: 'REQUEST_INVALID' | 'STORE_VALUE_TOO_LARGE' = 'REQUEST_INVALID'): void {
  if (!condition) throw new TriptychError(code, message);
}

export const checkItem = (item: string): void => check(typeof item === 'string' && ID_PATTERN.test(item), 'an item is named by 1 to 128 characters of A-Z a-z 0-9 . _ ~ -');

/** The items of a GET. */
export function checkItems(items: readonly string[]): void {
  const isSound = Array.isArray(items) && items.length >= 1 && items.length <= GET_ITEMS_MAX && new Set(items).size === items.length;
  check(isSound, `a read names 1 to ${GET_ITEMS_MAX} items, each once`);
  items.forEach(checkItem);
}

const WHERE_MAX_CONDITIONS = 4;

export function filterOf({ where, table }: ListRequest, schema: TableSchema): ((value: Uint8Array) => boolean) | undefined {
  if (where === undefined) return undefined;
  check(schema.attributes === true, `table ${table} has no attributes to list by`);
  const conditions = typeof where === 'object' && where !== null ? Object.values(where) : [];
  const isSound = conditions.length >= 1 && conditions.length <= WHERE_MAX_CONDITIONS && conditions.every((wanted) => typeof wanted === 'string');
  check(isSound, `where has 1 to ${WHERE_MAX_CONDITIONS} attributes, each with a text`);
  return (value) => matches(value, where);
}

/** @throws REQUEST_INVALID */
export function decodeRequestSeen(bytes: Uint8Array): SeenRow {
  try {
    return decodeSeen(bytes);
  } catch (error) {
    throw new TriptychError('REQUEST_INVALID', 'what the session has seen cannot be read', {}, { cause: error });
  }
}

/** A delta that came in a request: bytes that do not decode are the caller's mistake, not damage of ours. */
export function decodeRequestDelta(bytes: Uint8Array, item?: string): Delta {
  let delta: Delta;
  try {
    delta = decodeDelta(bytes);
  } catch (error) {
    throw new TriptychError('REQUEST_INVALID', 'the delta cannot be read', {}, { cause: error });
  }
  check(item === undefined || delta.item === item, 'the pending delta is of another item');
  return delta;
}
