import { forkJoin, map } from 'rxjs';
import { TriptychError } from '@app/contracts';
import { beforeEach, describe, expect, it } from 'vitest';
import { aFilm } from './catalog-writes.js';
import { FakeServices } from './fake-services.js';
import { failingByCode, marbles } from './marbles.js';

let fakes: FakeServices;
beforeEach(() => {
  fakes = new FakeServices();
  fakes.catalog(aFilm('heat-1995'), aFilm('alien-1979'));
});

const titles = (...films: string[]) => fakes.services.films.lookup({ films }, fakes.context()).pipe(map(({ found }) => found.map((film) => film?.title ?? null)));

describe('fake services', () => {
  it('answer at once from what a test put in', () => {
    fakes.favorite('ada', 'heat-1995').bookmark('ada', 'heat-1995', 60).rate('ada', 'heat-1995', 5);
    const { favorites, bookmarks, ratings } = fakes.services;
    const asked = { user: 'ada', films: ['heat-1995', 'alien-1979'] };
    const all$ = forkJoin([favorites.lookup(asked, fakes.context()), bookmarks.lookup(asked, fakes.context()), ratings.lookup(asked, fakes.context())]);
    const { value, tookMs } = fakes.outcome(all$);
    expect(value?.map(({ found }) => found)).toMatchObject([[{ film: 'heat-1995' }, null], [{ secondsWatched: 60 }, null], [{ stars: 5 }, null]]);
    expect(tookMs).toBe(0);
    expect(fakes.outcome(titles('heat-1995', 'none')).value).toEqual(['heat-1995', null]);
  });

  it('are slow, broken or silent as told: a service, a method, a key; the last rule counts', () => {
    fakes.slow('films', 50).slow('films.lookup', 70, { key: 'alien-1979' });
    expect(fakes.outcome(titles('heat-1995')).tookMs).toBe(50);
    expect(fakes.outcome(titles('heat-1995', 'alien-1979')).tookMs).toBe(70);
    fakes.failing('films.lookup', { key: 'alien-1979', afterMs: 5 });
    expect(fakes.outcome(titles('alien-1979'))).toMatchObject({ error: { code: 'STORE_QUORUM_UNAVAILABLE' }, tookMs: 5 });
    expect(fakes.outcome(fakes.services.films.page({ limit: 5 }, fakes.context()))).toMatchObject({ tookMs: 50 });
    fakes.failing('films', { error: new TriptychError('STORE_ROW_DAMAGED', 'damaged') });
    expect(fakes.outcome(titles('heat-1995')).error?.code).toBe('STORE_ROW_DAMAGED');
    fakes.hanging('films');
    expect(fakes.outcome(titles('heat-1995'))).toMatchObject({ error: { code: 'DEADLINE_EXCEEDED' }, tookMs: 300 });
    fakes.healed();
    expect(fakes.outcome(titles('heat-1995')).tookMs).toBe(0);
  });

  it('never answer after the deadline, however slow they were told to be', () => {
    fakes.slow('films', 400);
    expect(fakes.outcome(titles('heat-1995'))).toMatchObject({ error: { code: 'DEADLINE_EXCEEDED' }, tookMs: 300 });
    expect(fakes.clock.pending).toBe(0);
  });

  it('count calls, how many at once, and who left', () => {
    fakes.slow('films', 50);
    const both$ = forkJoin([titles('heat-1995'), titles('alien-1979')]);
    expect(fakes.calls('films').made).toBe(0);
    fakes.outcome(both$);
    both$.subscribe().unsubscribe();
    fakes.failing('films.lookup');
    fakes.outcome(titles('heat-1995'));
    const expected = { made: 5, inFlight: 0, inFlightMost: 2, answered: 2, failed: 1, tornDown: 2 };
    expect(fakes.calls('films.lookup')).toMatchObject(expected);
    expect(fakes.calls('films')).toMatchObject(expected);
    expect(fakes.calls('films.lookup').requests[1]).toEqual({ films: ['alien-1979'] });
    expect(fakes.calls('films.page').made).toBe(0);
    expect(fakes.clock.pending).toBe(0);
  });

  it('are drawn in pictures', () => {
    marbles(({ fakes: drawn, expectObservable }) => {
      drawn.catalog(aFilm('heat-1995')).slow('films.lookup', 3).failing('ratings', { afterMs: 2 });
      const { films, ratings } = drawn.services;
      const title$ = films.lookup({ films: ['heat-1995'] }, drawn.context()).pipe(map(({ found: [film] }) => film?.title));
      expectObservable(title$).toBe('---(t|)', { t: 'heat-1995' });
      expectObservable(title$, '--!').toBe('');
      expectObservable(ratings.page({ user: 'ada', limit: 5 }, drawn.context()).pipe(failingByCode())).toBe('--#', {}, 'STORE_QUORUM_UNAVAILABLE');
    });
  });
});
