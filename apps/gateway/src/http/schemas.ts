/** The shapes that several routes share. One schema each: it validates, types and documents. */
import { z } from 'zod';
import { ID_PATTERN } from '@app/contracts';
import { CURSOR_MAX_LENGTH } from './cursor.js';

export const PAGE_LIMIT_DEFAULT = 50;
export const PAGE_LIMIT_MAX = 500;

export const Id = z.string().regex(ID_PATTERN, '1 to 128 characters of A-Z a-z 0-9 . _ ~ -, and neither "." nor ".."');

export const Page = z.strictObject({
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT_MAX).default(PAGE_LIMIT_DEFAULT),
  cursor: z.string().min(1).max(CURSOR_MAX_LENGTH).optional(),
});
export type Page = z.output<typeof Page>;

export const NextCursor = z.string().nullable().describe('Opaque: hand it back as `cursor`. Null on the last page.');
