/**
 * A favorite as a device sees it, and the bytes kept with it in the store. What is stored is only what the store cannot
 * know by itself: where the film was added from, and its genre. The film's id is the item, and the date is the store's own.
 *
 * Bytes: version 1, then JSON {"zone","device","genre"}; a null device was not told, a genre that is not known is left out.
 * It is the form in which the store finds attributes, so a list can be asked for by device and by genre.
 */
import { z } from 'zod';
import type { Item, Placement } from '@app/contracts';
import { Id, NextCursor, Page } from '../http/schemas.js';

export const DEVICE_MAX_LENGTH = 128;

/** Text that survives UTF-8: a lone surrogate would come back as another text. */
const Device = z
  .string()
  .min(1)
  .max(DEVICE_MAX_LENGTH)
  .refine((text) => !/\p{Surrogate}/u.test(text), 'not well-formed Unicode')
  .describe('The device the film was added with, in its own words.');

export const Position = z
  .union([z.literal('first'), z.literal('last'), z.strictObject({ before: Id }), z.strictObject({ after: Id })])
  .describe('Where in the list. A neighbour named must be in the list.');

export const FavoritePath = z.strictObject({ userId: Id, filmId: Id });
export type FavoritePath = z.output<typeof FavoritePath>;

export const ListPath = z.strictObject({ userId: Id });
export type ListPath = z.output<typeof ListPath>;

export const ListQuery = Page.extend({
  device: Device.optional().describe('Only films added with this device, named as it was then.'),
  genre: z.string().min(1).max(100).optional().describe('Only films of this genre, in any case: "Romantic Comedy" or "romantic-comedy". A film counts by the genre that the catalog had for it when it was added.'),
});
export type ListQuery = z.output<typeof ListQuery>;

export const AddBody = z
  .strictObject({ position: Position.optional(), device: Device.optional() })
  .default({})
  .meta({ id: 'AddFavorite' });
export type AddBody = z.output<typeof AddBody>;

export const MoveBody = z.strictObject({ position: Position }).meta({ id: 'MoveFavorite' });
export type MoveBody = z.output<typeof MoveBody>;

export const AddedFrom = z.strictObject({
  zone: z.string().nullable().describe('The zone of the gateway that added it.'),
  device: z.string().nullable(),
});
export type AddedFrom = z.output<typeof AddedFrom>;

export const Favorite = z
  .strictObject({ filmId: Id, addedAt: z.iso.datetime({ precision: 3 }), addedFrom: AddedFrom })
  .meta({ id: 'Favorite' });
export type Favorite = z.output<typeof Favorite>;

export const FavoritesPage = z.strictObject({ items: z.array(Favorite), nextCursor: NextCursor }).meta({ id: 'FavoritesPage' });
export type FavoritesPage = z.output<typeof FavoritesPage>;

const VERSION = 1;
const UNREADABLE: AddedFrom = { zone: null, device: null };
/** The years ISO 8601 writes with four digits, in ms since 1970: a lying clock must not make a list unreadable. */
const LAST_MS = 253_402_300_799_999;

/** @param genre its slug; null where it is not known */
export function encodeAddedFrom({ zone, device }: AddedFrom, genre: string | null = null): Uint8Array {
  return Buffer.from(`\u0001${JSON.stringify(genre === null ? { zone, device } : { zone, device, genre })}`);
}

/** Bytes of a later version, or not ours at all, hide where a film came from, never the film. */
export function decodeAddedFrom(value: Uint8Array): AddedFrom {
  if (value[0] !== VERSION) return UNREADABLE;
  try {
    const { zone = null, device = null } = JSON.parse(Buffer.from(value.buffer, value.byteOffset + 1, value.byteLength - 1).toString());
    return { zone, device };
  } catch {
    return UNREADABLE;
  }
}

export function favoriteOf({ item, value, writtenAtMs }: Item): Favorite {
  const addedAt = new Date(Math.min(Math.max(writtenAtMs, 0), LAST_MS)).toISOString();
  return { filmId: item, addedAt, addedFrom: decodeAddedFrom(value) };
}

export function neighbourOf(placement: Placement | undefined): string | undefined {
  if (typeof placement !== 'object') return undefined;
  return 'before' in placement ? placement.before : placement.after;
}
