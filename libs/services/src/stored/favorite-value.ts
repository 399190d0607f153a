/**
 * The bytes kept with a favorite in the store. What is stored is only what the store cannot know by itself: where the film
 * was added from, and its genre. The film's id is the item, and the date is the store's own.
 *
 * Bytes: version 1, then JSON {"zone","device","genre"}; a null device was not told, a genre that is not known is left out.
 * It is the form in which the store finds attributes, so a list can be asked for by device and by genre.
 */
import type { Item } from '@app/contracts';
import type { Favorite } from '../favorites-service.js';
import { isoOf } from './written-at.js';

type AddedFrom = Favorite['addedFrom'];

const VERSION = 1;
const UNREADABLE: AddedFrom = { zone: null, device: null };

/** @param genre its slug; null where it is not known */
export function encodeAddedFrom({ zone, device }: AddedFrom, genre: string | null = null): Uint8Array {
  return Buffer.from(`\u0001${JSON.stringify(genre === null ? { zone, device } : { zone, device, genre })}`);
}

/** Bytes of a later version, or not ours at all, hide where a film came from, never the film. */
export function decodeAddedFrom(value: Uint8Array): AddedFrom {
  let known = decoded.get(value);
  if (known === undefined) decoded.set(value, (known = decode(value)));
  return known;
}

/** Items of a page share the bytes of a value that they share: it is read once. */
const decoded = new WeakMap<Uint8Array, AddedFrom>();

function decode(value: Uint8Array): AddedFrom {
  if (value[0] !== VERSION) return UNREADABLE;
  try {
    const { zone = null, device = null } = JSON.parse(Buffer.from(value.buffer, value.byteOffset + 1, value.byteLength - 1).toString());
    return { zone, device };
  } catch {
    return UNREADABLE;
  }
}

export function favoriteOf({ item, value, writtenAtMs }: Item): Favorite {
  return { film: item, addedAt: isoOf(writtenAtMs), addedFrom: decodeAddedFrom(value) };
}
