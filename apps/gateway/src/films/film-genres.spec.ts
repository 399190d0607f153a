import { TriptychError, type CallContext } from '@app/contracts';
import { MemoryListStore } from '@app/favorites-client/testing';
import { ALL_FILMS } from '@app/films';
import { SimClock } from '@app/time';
import { beforeEach, describe, expect, it } from 'vitest';
import { genreLookup, type GenreOf } from './film-genres.js';

let clock: SimClock;
let store: MemoryListStore;
let calls: number;
let genreOf: GenreOf;

const context = (): CallContext => ({ deadlineMs: clock.monotonicMs() + 2_000, traceId: 't', priority: 'write', principal: { kind: 'device', name: 'd' } });

function add(id: string, genre: string | null): void {
  const value = Buffer.from(JSON.stringify({ id, title: id, year: 1979, genre }));
  store.write({ ...ALL_FILMS, item: id, operation: { kind: 'add', value }, level: 'QUORUM' }, context()).subscribe();
}

function ask(filmId: string): string | null | undefined {
  let genre: string | null | undefined;
  genreOf(filmId, context()).subscribe((found) => (genre = found));
  clock.advance(1_000);
  return genre;
}

beforeEach(() => {
  clock = new SimClock();
  store = new MemoryListStore(clock);
  calls = 0;
  genreOf = genreLookup({ get: (request, context) => (calls++, store.get(request, context)) }, clock);
});

describe('the genre of a film', () => {
  it('is that of the catalog, as an id, and asked for once', () => {
    add('emma-1996', 'Romantic Comedy');
    for (let time = 0; time < 3; time++) expect(ask('emma-1996')).toBe('romantic-comedy');
    expect(calls).toBe(1);
  });

  it('is none for a film in no catalog, and is asked for again after a minute', () => {
    expect(ask('new-2026')).toBeNull();
    add('new-2026', 'Drama');
    expect(ask('new-2026')).toBeNull();
    expect(calls).toBe(1);
    clock.advance(60_000);
    expect(ask('new-2026')).toBe('drama');
  });

  it('is none where the catalog does not answer, within a fifth of a second: an add does not wait for it, and the next one asks again', () => {
    add('heat-1995', 'Action');
    store.failNext(new TriptychError('STORE_QUORUM_UNAVAILABLE', 'too few'));
    expect(ask('heat-1995')).toBeNull();
    store.delayMs = 1_500;
    const before = clock.monotonicMs();
    let answeredAfterMs = Infinity;
    genreOf('heat-1995', context()).subscribe(() => (answeredAfterMs = clock.monotonicMs() - before));
    clock.advance(2_000);
    expect(answeredAfterMs).toBeLessThanOrEqual(200);
    store.delayMs = 0;
    expect(ask('heat-1995')).toBe('action');
  });
});
