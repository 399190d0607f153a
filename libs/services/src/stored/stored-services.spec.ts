/** What the stored services ask of the store: the contract (services-contract.spec.ts) says what they answer. */
import { EMPTY, type Observable, of } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CallContext, Operation } from '@app/contracts';
import type { ListStore, PendingWrite } from '@app/favorites-client';
import { encodeAddedFrom } from './favorite-value.js';
import { carriedOn, storedFavorites } from './stored-favorites.js';
import { storedFilms } from './stored-films.js';
import { BOOKMARKS, decodeMark, encodeMark, RATINGS, storedBookmarks, storedRatings } from './stored-marks.js';

/** Where each request went, and what it was. */
let asked: [method: string, request: object, context: CallContext][];
const recording = (method: string) => (request: object, context: CallContext) => {
  asked.push([method, request, context]);
  return EMPTY;
};
const store = { write: recording('write'), list: recording('list'), get: recording('get'), count: recording('count'), watch: recording('watch') } as ListStore;
beforeEach(() => (asked = []));

const context: CallContext = { deadlineMs: 1_000, traceId: 't', priority: 'read', principal: { kind: 'device', name: 'ada' } };
const terms = { level: 'SESSION', fallback: 'ONE', seen: Uint8Array.of(1) } as const;
const at = { user: 'ada', film: 'heat-1995' };
const value = encodeAddedFrom({ zone: 'zone-a', device: 'tv' }, 'action');
const pending: PendingWrite = { table: 'x', row: 'ada', item: 'heat-1995', operation: { kind: 'remove' }, delta: Uint8Array.of(2), result: null };
const after = { position: 'm', item: 'ran-1985' };

const favorites = storedFavorites(store, { zone: 'zone-a', genreOf: () => of('action') });
const films = storedFilms(store);
const bookmarks = storedBookmarks(store);
const ratings = storedRatings(store);

describe('stored services hand on all that decides the answer, and nothing else', () => {
  const row = { table: 'favorites', row: 'ada' };
  const item = { ...row, item: 'heat-1995', ...terms };
  const stars: Operation = { kind: 'add', value: Buffer.from('\u0001{"stars":5}') };
  it.each<[string, Observable<unknown>, [string, object]]>([
    ['favorites.page', favorites.page({ user: 'ada', limit: 5, after, ...terms }, context), ['list', { ...row, ...terms, limit: 5, after }]],
    ['favorites.page by', favorites.page({ user: 'ada', limit: 5, device: 'tv', genre: 'Black Comedy' }, context), ['list', { ...row, limit: 5, where: { device: 'tv', genre: 'black-comedy' } }]],
    ['favorites.lookup', favorites.lookup({ user: 'ada', films: ['heat-1995'], ...terms }, context), ['get', { ...row, ...terms, items: ['heat-1995'] }]],
    ['favorites.add', favorites.add({ ...at, device: 'tv', ...terms }, context), ['write', { ...item, operation: { kind: 'add', value } }]],
    ['favorites.add at', favorites.add({ ...at, device: 'tv', position: 'first', ...terms }, context), ['write', { ...item, operation: { kind: 'add', value, placement: 'first' } }]],
    ['favorites.move', favorites.move({ ...at, position: { before: 'ran-1985' }, ...terms }, context), ['write', { ...item, operation: { kind: 'move', placement: { before: 'ran-1985' } } }]],
    ['favorites.remove', favorites.remove({ ...at, pending, ...terms }, context), ['write', { ...item, operation: { kind: 'remove' }, pending }]],
    ['favorites.count', favorites.count({ film: 'heat-1995' }, context), ['count', { table: 'favorites', item: 'heat-1995' }]],
    ['favorites.watch', favorites.watch({ user: 'ada', seen: terms.seen }, context), ['watch', { ...row, seen: terms.seen }]],
    ['films.lookup', films.lookup({ films: ['heat-1995'], ...terms }, context), ['get', { table: 'catalog', row: 'films', ...terms, items: ['heat-1995'] }]],
    ['films.page', films.page({ limit: 5, ...terms }, context), ['list', { table: 'catalog', row: 'films', ...terms, limit: 5 }]],
    ['films.page of', films.page({ limit: 5, genre: 'Black Comedy' }, context), ['list', { table: 'catalog', row: 'genre.black-comedy', limit: 5 }]],
    ['films.topRated', films.topRated({ limit: 5, after, ...terms }, context), ['list', { table: 'catalog', row: 'top-rated', ...terms, limit: 5, after }]],
    ['ratings.set', ratings.set({ ...at, value: 5, pending, ...terms }, context), ['write', { ...item, table: 'ratings', operation: stars, pending }]],
    ['ratings.remove', ratings.remove({ ...at, pending, ...terms }, context), ['write', { ...item, table: 'ratings', operation: { kind: 'remove' }, pending }]],
    ['ratings.lookup', ratings.lookup({ user: 'ada', films: ['heat-1995'], ...terms }, context), ['get', { table: 'ratings', row: 'ada', ...terms, items: ['heat-1995'] }]],
    ['bookmarks.page', bookmarks.page({ user: 'ada', limit: 5, after, ...terms }, context), ['list', { table: 'bookmarks', row: 'ada', ...terms, limit: 5, after }]],
  ])('%s', (_, call$, [method, request]) => {
    call$.subscribe();
    expect(asked).toEqual([[method, request, context]]);
  });
});

describe('an add that is carried on with', () => {
  const add = (zone: string, device: string | null, placement?: 'first'): Operation => ({ kind: 'add', value: encodeAddedFrom({ zone, device }), ...(placement && { placement }) });
  it('is the same operation through another gateway: the place and the device were asked for, the zone was not', () => {
    const first = add('zone-a', 'tv');
    expect(carriedOn(add('zone-b', 'tv'), first)).toBe(first);
    for (const other of [add('zone-a', 'phone'), add('zone-a', 'tv', 'first'), { kind: 'remove' } as const]) expect(carriedOn(other, first)).toBe(other);
  });
});

describe('the bytes of a mark', () => {
  it('are these, as rows on disk hold them', () => {
    expect(Buffer.from(encodeMark(BOOKMARKS, 3_600)).toString()).toBe('\u0001{"secondsWatched":3600}');
    expect(Buffer.from(encodeMark(RATINGS, 4)).toString()).toBe('\u0001{"stars":4}');
    expect(decodeMark(RATINGS, encodeMark(RATINGS, 4))).toBe(4);
  });

  it('of a later version, of another kind or damaged are no mark, and hide none of their neighbours', () => {
    const unreadable = [new Uint8Array(0), Uint8Array.of(1), Buffer.from('\u0002{"stars":4}'), Buffer.from('\u0001{"stars":"4"}'), Buffer.from('\u0001null'), encodeMark(BOOKMARKS, 4)];
    for (const bytes of unreadable) expect(decodeMark(RATINGS, bytes)).toBeNull();
    const reply = { achieved: {}, seen: new Uint8Array(0), more: false, items: [...unreadable, encodeMark(RATINGS, 4)].map((bytes, n) => ({ item: `film-${n}`, position: `${n}`, value: bytes, writtenAtMs: 0 })) };
    let shown: unknown;
    const damaged = storedRatings({ ...store, list: () => of(reply) as Observable<never>, get: () => of(reply) as Observable<never> });
    damaged.page({ user: 'ada', limit: 5 }, context).subscribe(({ items }) => (shown = items));
    expect(shown).toEqual([{ film: 'film-6', stars: 4, at: '1970-01-01T00:00:00.000Z' }]);
    damaged.lookup({ user: 'ada', films: [] }, context).subscribe(({ found }) => (shown = found));
    expect(shown).toEqual([null, null, null, null, null, null, { film: 'film-6', stars: 4, at: '1970-01-01T00:00:00.000Z' }]);
  });
});
