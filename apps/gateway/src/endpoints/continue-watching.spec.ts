import { aFilm, FakeServices, failingByCode, marbles } from '@app/services/testing';
import { map } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { requestServices, serviceLayerOver } from '../testing/request-services.js';
import { continueWatching } from './continue-watching.js';

let fakes: FakeServices;
beforeEach(() => {
  fakes = new FakeServices();
  fakes.catalog(aFilm('heat', { runtimeMinutes: 100 }), aFilm('alien', { runtimeMinutes: 100 }), aFilm('ran', { runtimeMinutes: null }));
});

const layers = new WeakMap<FakeServices, ReturnType<typeof serviceLayerOver>>();
function ask(limit = 10) {
  const layer = layers.get(fakes) ?? serviceLayerOver(fakes);
  layers.set(fakes, layer);
  const { value, error, tookMs } = fakes.outcome(continueWatching.respond(requestServices(fakes, layer), { path: { userId: 'ada' }, query: { limit } }));
  const answer = value && continueWatching.output.parse(value);
  return { answer, films: answer?.items.map(({ filmId }) => filmId), error: error?.code, tookMs };
}

function watched(film: string, secondsWatched: number): void {
  fakes.clock.advance(1_000);
  fakes.bookmark('ada', film, secondsWatched);
}

describe('continue watching', () => {
  it('shows what was begun and not finished, the latest first, with its film', () => {
    for (const [film, seconds] of [['heat', 60], ['alien', 5_700], ['ran', 80_000], ['in-no-catalog', 5]] as const) watched(film, seconds);
    const { answer, films } = ask();
    expect(films).toEqual(['in-no-catalog', 'ran', 'heat']);
    expect(answer?.items.map(({ film }) => film?.id ?? null)).toEqual([null, 'ran', 'heat']);
    expect(answer?.degraded).toBe(false);
    watched('heat', 90);
    expect(ask().films).toEqual(['heat', 'in-no-catalog', 'ran']);
    expect(ask(1).films).toEqual(['heat']);
  });

  it('is empty for who has begun nothing', () => {
    expect(ask().answer).toEqual({ items: [], degraded: false });
  });

  it('finds the latest of more bookmarks than one call gives', () => {
    for (let number = 0; number < 1_100; number++) fakes.bookmark('ada', `film-${number}`, 10);
    watched('film-1000', 20);
    expect(ask(1).films).toEqual(['film-1000']);
    expect(fakes.calls('bookmarks.page').made).toBe(3);
  });

  it('does without the catalog: films it does not know are not finished', () => {
    watched('alien', 5_700);
    fakes.failing('films');
    expect(ask().answer).toMatchObject({ items: [{ filmId: 'alien', film: null }], degraded: true });
    fakes.healed().hanging('films');
    const { answer, tookMs } = ask();
    expect([answer?.items.length, answer?.degraded, tookMs <= 280]).toEqual([1, true, true]);
  });

  it('fails when the bookmarks fail: there is nothing else to show', () => {
    fakes.failing('bookmarks');
    expect(ask().error).toBe('STORE_QUORUM_UNAVAILABLE');
  });

  it('in pictures: bookmarks, then films, which are gathered for 2 ms', () => {
    marbles(({ fakes: drawn, expectObservable }) => {
      drawn.catalog(aFilm('heat')).bookmark('ada', 'heat', 60).slow('bookmarks', 3).slow('films', 4);
      const answer$ = () => continueWatching.respond(requestServices(drawn), { path: { userId: 'ada' }, query: { limit: 10 } });
      const films$ = answer$().pipe(map(({ items }) => items.map(({ filmId }) => filmId).join()), failingByCode());
      expectObservable(films$).toBe('---------(h|)', { h: 'heat' });
      expectObservable(films$, '-----!').toBe('');
    });
  });
});
