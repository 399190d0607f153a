import { TriptychError } from '@app/contracts';
import { SessionToken } from '@app/favorites-client';
import { favoritesRow, LOOKUP_MAX } from '@app/services';
import { aFilm, FakeServices } from '@app/services/testing';
import { forkJoin, type Observable } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { requestServices, serviceLayerOver, type TestCall } from '../testing/request-services.js';
import type { BoundServices } from './bound-services.js';
import type { ServiceLayer } from './service-layer.js';

let fakes: FakeServices;
let layer: ServiceLayer;
beforeEach(() => {
  fakes = new FakeServices();
  fakes.catalog(aFilm('heat'), aFilm('alien'), aFilm('emma', { genre: 'Romantic Comedy' }));
  layer = serviceLayerOver(fakes);
});

const request = (call: TestCall = {}): BoundServices => requestServices(fakes, layer, call);
/** Asked for at once; the answers in their order. */
const all = <T>(...calls: Observable<T>[]) => fakes.outcome(forkJoin(calls));
const requestsOf = (target: Parameters<FakeServices['calls']>[0]) => fakes.calls(target).requests as Record<string, unknown>[];

describe('the services of a request', () => {
  it('ask nothing before somebody subscribes', () => {
    const services = request();
    const ada = services.user('ada');
    for (const call of [services.film('heat'), ada.bookmark('heat'), ada.rows(3), ada.favorites(5), services.topRated(5)]) expect(typeof call.subscribe).toBe('function');
    fakes.clock.advance(100);
    expect(['films', 'favorites', 'bookmarks', 'ratings', 'rows'].map((name) => fakes.calls(name as 'films').made)).toEqual([0, 0, 0, 0, 0]);
  });

  it('gather lookups, whoever makes them, into one call of at most 200 names', () => {
    const films = Array.from({ length: 450 }, (_, number) => request().film(`film-${number}`));
    expect(all(...films).error).toBeUndefined();
    expect(requestsOf('films.lookup').map(({ films: names }) => (names as string[]).length)).toEqual([LOOKUP_MAX, LOOKUP_MAX, 50]);
    const ada = request().user('ada');
    expect(all(...Array.from({ length: 300 }, (_, number) => ada.rating(`film-${number}`))).error).toBeUndefined();
    expect(fakes.calls('ratings.lookup').made).toBe(2);
  });

  it('answer the same question once, however often and whenever it is asked in the request; anew in another', () => {
    const services = request();
    const ask = (of: BoundServices) => all<unknown>(of.film('heat'), of.film('heat'), of.user('ada').isFavorite('heat'), of.user('ada').isFavorite('heat'), of.user('ada').favorites(5));
    ask(services);
    ask(services);
    expect([fakes.calls('films.lookup').made, fakes.calls('favorites.lookup').made, fakes.calls('favorites.page').made]).toEqual([1, 1, 1]);
    ask(request());
    expect([fakes.calls('films.lookup').made, fakes.calls('favorites.lookup').made, fakes.calls('favorites.page').made]).toEqual([2, 2, 2]);
  });

  it('ask the catalog at ONE for everybody together, and for each user and level apart', () => {
    fakes.favorite('ada', 'heat');
    const [first, second] = [request({ level: 'QUORUM' }), request({ level: 'ONE' })];
    const answers = all<{ value: unknown }>(
      first.film('heat'), second.film('alien'),
      first.user('ada').isFavorite('heat'), first.user('bob').isFavorite('heat'), second.user('ada').isFavorite('heat'),
    );
    expect(answers.value?.slice(2).map(({ value }) => value)).toEqual([true, false, true]);
    expect(requestsOf('films.lookup')).toEqual([{ films: ['heat', 'alien'], level: 'ONE' }]);
    expect(requestsOf('favorites.lookup')).toEqual([
      { user: 'ada', films: ['heat'], level: 'QUORUM' },
      { user: 'bob', films: ['heat'], level: 'QUORUM' },
      { user: 'ada', films: ['heat'], level: 'ONE' },
    ]);
  });

  it('ask what the session has seen of a user\'s row, and remember what it was shown', () => {
    const ada = favoritesRow('ada');
    const first = request();
    expect(all(first.user('ada').isFavorite('heat')).error).toBeUndefined();
    const seen = first.session.seenOf(ada);
    expect(seen).toBeDefined();
    const second = request({ session: SessionToken.EMPTY.after(ada, seen!) });
    all<unknown>(second.user('ada').isFavorite('heat'), second.user('bob').isFavorite('heat'), second.user('ada').bookmark('heat'));
    expect(requestsOf('favorites.lookup').map((asked) => asked['seen'])).toEqual([undefined, seen, undefined]);
    expect(requestsOf('bookmarks.lookup').map((asked) => asked['seen'])).toEqual([undefined]);
    // A second question of the same request goes on from the answer to the first.
    all(first.user('ada').isFavorite('alien'));
    expect(requestsOf('favorites.lookup').at(-1)!['seen']).toEqual(seen);
  });

  it('ask the access policy of each row before anything, once', () => {
    const asked: string[] = [];
    layer = serviceLayerOver(fakes, { mayAccess: (_principal, action, table, row) => (asked.push(`${action} ${table}/${row}`), table !== 'ratings') });
    const services = request();
    const ada = services.user('ada');
    all<unknown>(services.film('heat'), services.film('alien'), ada.isFavorite('heat'), ada.bookmark('heat'), ada.rows(1), ada.favorites(1));
    expect(asked).toEqual(['read catalog/films', 'read favorites/ada', 'read bookmarks/ada']);
    expect(all(ada.rating('heat')).error?.code).toBe('ACCESS_DENIED');
    expect(fakes.calls('ratings').made).toBe(0);
  });

  it('read long lists page by page, to the end or as far as asked', () => {
    for (let number = 0; number < 1_200; number++) fakes.bookmark('ada', `film-${number}`, number);
    const read = (limit: number) => all(request().user('ada').bookmarks(limit)).value?.[0]?.value.map(({ secondsWatched }) => secondsWatched);
    expect(read(10_000)).toEqual(Array.from({ length: 1_200 }, (_, number) => number));
    expect(requestsOf('bookmarks.page').map(({ limit }) => limit)).toEqual([500, 500, 500]);
    expect(read(700)).toHaveLength(700);
    expect(requestsOf('bookmarks.page').map(({ limit }) => limit).slice(3)).toEqual([500, 200]);
  });
});

describe('a share of the time', () => {
  it('is counted from the request\'s beginning, so that what was quick leaves more for what follows', () => {
    fakes.hanging('films').hanging('bookmarks');
    const services = request();
    fakes.clock.advance(40);
    const half = services.by(0.5);
    expect(half.context.deadlineMs - services.context.deadlineMs).toBe(-150);
    expect(fakes.outcome(half.user('ada').bookmark('heat'))).toMatchObject({ error: { code: 'DEADLINE_EXCEEDED' }, tookMs: 110 });
    expect(fakes.outcome(services.user('ada').bookmark('alien')).tookMs).toBeLessThanOrEqual(150);
  });

  it('shares cache and session with the whole', () => {
    const services = request();
    all(services.by(0.2).film('heat'));
    all(services.by(0.9).film('heat'));
    expect(fakes.calls('films.lookup').made).toBe(1);
  });
});

describe('an earlier answer', () => {
  it('stands in for films, lists of them and suggestions, and is called that', () => {
    const ask = () => {
      const services = request();
      const { value } = all<{ value: unknown; degraded: boolean }>(services.film('heat'), services.topRated(2), services.filmsOfGenre('romantic comedy', 3), services.user('ada').rows(2), services.user('ada').rowFilms('top-rated', 2));
      return value!;
    };
    const before = ask();
    expect(before.every(({ degraded }) => !degraded)).toBe(true);
    fakes.failing('films').failing('rows');
    const after = ask();
    expect(after.map(({ value }) => value)).toEqual(before.map(({ value }) => value));
    expect(after.every(({ degraded }) => degraded)).toBe(true);
  });

  it('is never another user\'s', () => {
    all(request().user('ada').rows(2));
    fakes.failing('rows');
    expect(all(request().user('bob').rows(2)).error?.code).toBe('STORE_QUORUM_UNAVAILABLE');
    expect(all(request().user('ada').rows(2)).value?.[0]).toMatchObject({ degraded: true });
  });

  it('is not served after an hour, nor instead of a mistake of the caller\'s', () => {
    all(request().film('heat'));
    fakes.failing('films', { error: new TriptychError('REQUEST_INVALID', 'no') });
    expect(all(request().film('heat')).error?.code).toBe('REQUEST_INVALID');
    fakes.failing('films');
    fakes.clock.advance(3_600_001);
    expect(all(request().film('heat')).error?.code).toBe('STORE_QUORUM_UNAVAILABLE');
  });
});

describe('what retries and hedges add', () => {
  it('is a tenth and twenty at most, over all dependencies', () => {
    fakes.slow('films', 60).failing('ratings', { error: new TriptychError('WIRE_UNREACHABLE', 'no way there') });
    for (let page = 0; page < 200; page++) all(request().film(`film-${page}`));
    for (let page = 0; page < 200; page++) all(request().user('ada').rating('heat'));
    const { calls, retries, hedges } = layer.statistics().extraLoad;
    expect(calls).toBe(400);
    expect(hedges).toBeGreaterThan(10);
    expect(retries + hedges).toBeLessThanOrEqual(20 + 40);
  });
});
