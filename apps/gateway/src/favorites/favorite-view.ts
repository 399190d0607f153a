/** A favorite as a device sees it, and what a device says of one. */
import { z } from 'zod';
import type { Favorite as StoredFavorite } from '@app/services';
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

/** A favorite of the service as a device sees it. */
export function viewOf({ film, addedAt, addedFrom }: StoredFavorite): Favorite {
  return { filmId: film, addedAt, addedFrom };
}

/**
 * The page as JSON.stringify has it, which is slow with texts that are in parts, as dates are here: for 20 favorites it takes twice as
 * long. Ids and cursors need no escaping, and neighbours mostly share where they were added from.
 */
export function pageJson({ items, nextCursor }: FavoritesPage): string {
  let list = '';
  let from: AddedFrom | null = null;
  let fromJson = '';
  for (const { filmId, addedAt, addedFrom } of items) {
    if (addedFrom !== from) {
      from = addedFrom;
      fromJson = JSON.stringify(addedFrom);
    }
    list += `${list === '' ? '' : ','}{"filmId":"${filmId}","addedAt":"${addedAt}","addedFrom":${fromJson}}`;
  }
  return `{"items":[${list}],"nextCursor":${nextCursor === null ? 'null' : `"${nextCursor}"`}}`;
}
