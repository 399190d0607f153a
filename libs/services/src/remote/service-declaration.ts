/**
 * What must be known of a service to have it in another process: its name, its methods, and of each how it ends. The rest is
 * the same for all, so nobody writes a client or a server by hand: remote-service.ts and serve-service.ts make both of this.
 */
import type { BookmarksService, RatingsService } from '../film-marks.js';
import type { FavoritesService } from '../favorites-service.js';
import type { FilmsService } from '../films-service.js';
import type { RowsService } from '../rows-service.js';

/** A read and a write are answered once, and a read may be asked twice; a stream goes on until it is left. */
export type MethodKind = 'read' | 'write' | 'stream';

export interface ServiceDeclaration<S> {
  /** With a method's name it is the pattern on the wire: `films.lookup`. */
  readonly name: string;
  readonly methods: { readonly [M in keyof S]: MethodKind };
}

/** @param methods all of them: the compiler finds one that is forgotten, or that there is not */
export function defineService<S>(name: string, methods: ServiceDeclaration<S>['methods']): ServiceDeclaration<S> {
  return { name, methods };
}

export const favoritesDeclaration = defineService<FavoritesService>('favorites', {
  page: 'read',
  lookup: 'read',
  add: 'write',
  remove: 'write',
  move: 'write',
  count: 'read',
  watch: 'stream',
});

export const filmsDeclaration = defineService<FilmsService>('films', { lookup: 'read', page: 'read', topRated: 'read' });

const MARKS = { set: 'write', remove: 'write', lookup: 'read', page: 'read' } as const;
export const bookmarksDeclaration = defineService<BookmarksService>('bookmarks', MARKS);
export const ratingsDeclaration = defineService<RatingsService>('ratings', MARKS);

export const rowsDeclaration = defineService<RowsService>('rows', { rows: 'read', films: 'read' });
