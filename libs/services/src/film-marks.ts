/**
 * What a user has noted of films, one mark each: how far one was watched (bookmarks), how it was liked (ratings). A mark that
 * is set again replaces the one before; of two set at the same time the later one counts.
 */
import type { PendingWrite } from '@app/favorites-client';
import type { LookupReply, PageReply, PageRequest, Rest, ServiceCall, Terms } from './service.js';

export interface MarkPath {
  readonly user: string;
  readonly film: string;
}

/** Writes carry on with, or supersede, an earlier one of unknown outcome: `WriteRequest.pending`. */
export interface MarkWrite extends MarkPath, Terms {
  readonly pending?: PendingWrite;
}

export interface MarksLookup extends Terms {
  readonly user: string;
  readonly films: readonly string[];
}

export interface MarksPageRequest extends PageRequest {
  readonly user: string;
}

/** Reads fail as reads of the store do, writes as its writes: `ListStore` has the errors, `WriteFailure` what comes with them. */
export interface FilmMarks<Mark, Value> {
  readonly set: ServiceCall<MarkWrite & { readonly value: Value }, Rest & { readonly mark: Mark }>;
  /** Removing what is not there succeeds. */
  readonly remove: ServiceCall<MarkWrite, Rest>;
  readonly lookup: ServiceCall<MarksLookup, LookupReply<Mark>>;
  /** In the order in which films were first marked. */
  readonly page: ServiceCall<MarksPageRequest, PageReply<Mark>>;
}

export interface Bookmark {
  readonly film: string;
  /** How far into the film, s, 0 to 86,400. */
  readonly secondsWatched: number;
  readonly at: string;
}

export interface Rating {
  readonly film: string;
  /** 1 to 5. */
  readonly stars: number;
  /** ISO 8601, UTC, with milliseconds: when it was set. */
  readonly at: string;
}

export type BookmarksService = FilmMarks<Bookmark, number>;
export type RatingsService = FilmMarks<Rating, number>;
