/** How far into a film somebody is, over REST. */
import { z } from 'zod';
import { type Bookmark as StoredBookmark, BOOKMARKS } from '@app/services';
import { Id } from '../http/schemas.js';
import { marksController } from './marks-controller.js';

const SecondsWatched = z.int().min(BOOKMARKS.min).max(BOOKMARKS.max).describe('How far into the film.');

export const SetBookmark = z.strictObject({ secondsWatched: SecondsWatched }).meta({ id: 'SetBookmark' });
export type SetBookmark = z.output<typeof SetBookmark>;

export const Bookmark = z.strictObject({ filmId: Id, secondsWatched: SecondsWatched, at: z.iso.datetime({ precision: 3 }).describe('When it was set.') }).meta({ id: 'Bookmark' });
export type Bookmark = z.output<typeof Bookmark>;

export const BookmarksController = marksController<StoredBookmark, SetBookmark, Bookmark>({
  kind: BOOKMARKS,
  one: 'bookmark',
  service: ({ services }) => services.bookmarks,
  body: SetBookmark,
  valueOf: ({ secondsWatched }) => secondsWatched,
  view: Bookmark,
  viewOf: ({ film, secondsWatched, at }) => ({ filmId: film, secondsWatched, at }),
});
