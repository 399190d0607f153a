/**
 * Where a page ended, as an opaque text the device hands back: the position and name of the last item. It holds no state
 * of ours, so it never expires and any gateway takes it. It is sealed and bound to its row, because a position is taken
 * as it is into a range scan: a cursor of another user's list, or one made by hand, is refused.
 *
 * Bytes, before base64url: version 1, MAC (16 bytes, HMAC-SHA256 cut), then UTF-8: position, NUL, item.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type ListRequest, type RowKey, TriptychError } from '@app/contracts';
import type { SealSecret } from '@app/favorites-client';

export type PageEnd = NonNullable<ListRequest['after']>;

/** Characters, at most: a position grows with moves between neighbours, and the store bounds it well below this. */
export const CURSOR_MAX_LENGTH = 4096;

const VERSION = 1;
const MAC_BYTES = 16;
const BODY_AT = 1 + MAC_BYTES;
const MAC_DOMAIN = 'triptych cursor 1';

export function sealCursor(end: PageEnd, row: RowKey, secrets: readonly SealSecret[]): string {
  const [secret] = secrets;
  if (secret === undefined) throw new RangeError('sealing a cursor takes a secret');
  const body = Buffer.from(`${end.position}\0${end.item}`);
  return Buffer.concat([Buffer.of(VERSION), macOf(body, row, secret), body]).toString('base64url');
}

/** @throws CURSOR_INVALID for whatever `sealCursor` did not make for this row: no reason is given to who tries */
export function openCursor(text: string, row: RowKey, secrets: readonly SealSecret[]): PageEnd {
  const bytes = Buffer.from(text, 'base64url');
  // Base64 has several spellings of the same bytes; only ours is a cursor.
  const canonical = text.length <= CURSOR_MAX_LENGTH && bytes.toString('base64url') === text;
  if (!canonical || bytes.length < BODY_AT || bytes[0] !== VERSION) throw invalid();
  const mac = bytes.subarray(1, BODY_AT);
  const body = bytes.subarray(BODY_AT);
  if (!secrets.some((secret) => timingSafeEqual(macOf(body, row, secret), mac))) throw invalid();
  const [position, item] = body.toString().split('\0');
  if (position === undefined || item === undefined) throw invalid();
  return { position, item };
}

/** No part holds a NUL: ids are of ID_PATTERN and table names are ours. */
function macOf(body: Uint8Array, { table, row }: RowKey, { key }: SealSecret): Buffer {
  return createHmac('sha256', key).update(`${MAC_DOMAIN}\0${table}\0${row}\0`).update(body).digest().subarray(0, MAC_BYTES);
}

const invalid = (): TriptychError => new TriptychError('CURSOR_INVALID', 'the cursor is not one of ours, or not for this list');
