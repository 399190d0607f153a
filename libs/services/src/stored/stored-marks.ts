/**
 * Marks in the replicated store: a table for each kind of mark, in it one row for each user, one item of it for each film.
 * Bookmarks and ratings differ in the name of their table and in what their value means, and in nothing else.
 *
 * Bytes of a mark: version 1, then JSON {"<name of the value>": number}: the form in which the store finds attributes, should
 * somebody want to list by them. The date is the store's own: that of the last set.
 */
import { defer, map } from 'rxjs';
import { assert, type Item, type RowKey, TriptychError } from '@app/contracts';
import type { ListStore, WriteReply } from '@app/favorites-client';
import type { Bookmark, BookmarksService, FilmMarks, Rating, RatingsService } from '../film-marks.js';
import { restOf, storedLookup, storedPage, termsOf } from './stored-page.js';
import { isoOf } from './written-at.js';

/** What makes one kind of mark of a number. */
export interface MarkKind<Mark> {
  readonly table: string;
  /** What the value is called, in the store and in errors. */
  readonly name: string;
  /** Whole numbers, both ends included. */
  readonly min: number;
  readonly max: number;
  readonly markOf: (film: string, value: number, at: string) => Mark;
}

export const BOOKMARKS: MarkKind<Bookmark> = {
  table: 'bookmarks',
  name: 'secondsWatched',
  min: 0,
  max: 86_400,
  markOf: (film, secondsWatched, at) => ({ film, secondsWatched, at }),
};

export const RATINGS: MarkKind<Rating> = {
  table: 'ratings',
  name: 'stars',
  min: 1,
  max: 5,
  markOf: (film, stars, at) => ({ film, stars, at }),
};

type MarkStore = Pick<ListStore, 'write' | 'list' | 'get'>;

export const storedBookmarks = (listStore: MarkStore): BookmarksService => storedMarks(listStore, BOOKMARKS);
export const storedRatings = (listStore: MarkStore): RatingsService => storedMarks(listStore, RATINGS);

/** Errors besides those of the store: REQUEST_INVALID for a value that is no whole number of the kind's range. */
export function storedMarks<Mark>(listStore: MarkStore, kind: MarkKind<Mark>): FilmMarks<Mark, number> {
  const rowOf = (user: string): RowKey => marksRow(kind, user);
  const shown = ({ item, value, writtenAtMs }: Item): Mark | null => {
    const read = decodeMark(kind, value);
    return read === null ? null : kind.markOf(item, read, isoOf(writtenAtMs));
  };
  const setTo = ({ item }: WriteReply): Mark => {
    const mark = item && shown(item);
    assert(mark !== null, 'the store answers an add with the item as it is');
    return mark;
  };
  return {
    set: (request, context) =>
      defer(() => {
        const { user, film, value, pending } = request;
        refuseOutOfRange(kind, value);
        const operation = { kind: 'add', value: encodeMark(kind, value) } as const;
        return listStore
          .write({ ...rowOf(user), ...termsOf(request), item: film, operation, ...(pending && { pending }) }, context)
          .pipe(map((reply) => ({ ...restOf(reply), mark: setTo(reply) })));
      }),
    remove: (request, context) =>
      defer(() => {
        const { user, film, pending } = request;
        return listStore
          .write({ ...rowOf(user), ...termsOf(request), item: film, operation: { kind: 'remove' }, ...(pending && { pending }) }, context)
          .pipe(map(restOf));
      }),
    lookup: (request, context) => storedLookup(listStore, rowOf(request.user), request, shown, context),
    page: (request, context) => storedPage(listStore, rowOf(request.user), request, shown, context),
  };
}

/** Where a user's marks of a kind lie in the store. */
export const marksRow = ({ table }: Pick<MarkKind<unknown>, 'table'>, user: string): RowKey => ({ table, row: user });

const VERSION = 1;

export function encodeMark({ name }: MarkKind<unknown>, value: number): Uint8Array {
  return Buffer.from(`\u0001${JSON.stringify({ [name]: value })}`);
}

/** Null for bytes of a later version, or not ours at all: such a mark is not shown, and its neighbours are. */
export function decodeMark({ name }: MarkKind<unknown>, bytes: Uint8Array): number | null {
  if (bytes[0] !== VERSION) return null;
  try {
    const value = (JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1).toString()) as Record<string, unknown>)[name];
    return typeof value === 'number' ? value : null;
  } catch {
    return null;
  }
}

function refuseOutOfRange({ name, min, max }: MarkKind<unknown>, value: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new TriptychError('REQUEST_INVALID', `${name}: a whole number from ${min} to ${max}`, { min, max });
}
