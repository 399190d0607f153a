import { TriptychError } from '@app/contracts';
import type { Film } from '@app/films';
import { aFilm, FakeServices, marbles, type Target } from '@app/services/testing';
import type { Clock } from '@app/time';
import { map } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ServiceLayer } from '../services/service-layer.js';
import { requestServices, serviceLayerOver, type TestCall } from '../testing/request-services.js';
import { home } from './home.js';
import { type HomeCell, HomePage } from './home-view.js';

/** Genres in the order in which the rows of a home page are. */
const GENRES = ['Drama', 'Comedy', 'Action', 'Adventure', 'Thriller/Suspense'];

/** Films of so many that each of six rows of 25 has its own: 150 cells, 150 films. */
const CATALOG: Film[] = [
  ...GENRES.flatMap((genre, at) => Array.from({ length: 25 }, (_, number) => aFilm(`g${at}-${number}`, { genre, imdbVotes: 10 }))),
  ...Array.from({ length: 25 }, (_, number) => aFilm(`best-${number}`, { genre: 'Western', imdbRating: 9 - number / 100 })),
];

let fakes: FakeServices;
let layer: ServiceLayer;
beforeEach(() => {
  fakes = new FakeServices();
  fakes.catalog(...CATALOG);
  layer = serviceLayerOver(fakes);
});

const page$ = (call: TestCall = {}, rows = 6, columns = 25) => home.respond(requestServices(fakes, layer, call), { path: { userId: 'ada' }, query: { rows, columns } });

/** Asks for a page in virtual time; what comes is as documented, and nothing is left behind. */
function ask(call: TestCall = {}, rows = 6, columns = 25) {
  const { value, error, tookMs } = fakes.outcome(page$(call, rows, columns));
  if (error !== undefined) throw error;
  const page = HomePage.parse(value);
  expectNothingLeft();
  return { page, tookMs, cells: page.rows.flatMap((row) => row.cells) };
}

/** A circuit's one timer for all its calls runs out by itself. */
function expectNothingLeft(): void {
  expect(DEPENDENCIES.map((name) => fakes.calls(name).inFlight)).toEqual([0, 0, 0, 0, 0]);
  expect(layer.guards.statistics().circuits.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0, 0, 0]);
  fakes.clock.advance(120);
  expect(fakes.clock.pending).toBe(0);
}

const DEPENDENCIES = ['rows', 'films', 'bookmarks', 'ratings', 'favorites'] as const satisfies Target[];
const LOOKUPS = ['films', 'bookmarks', 'ratings', 'favorites'] as const satisfies Target[];
const PART_OF = { films: 'film', bookmarks: 'bookmark', ratings: 'rating', favorites: 'isFavorite' } as const;

describe('the home page', () => {
  it('is a grid of films, each with its metadata, bookmark, rating and whether it is a favorite', () => {
    fakes.favorite('ada', 'g0-1').bookmark('ada', 'g1-0', 90).rate('ada', 'best-0', 4);
    fakes.favorite('bob', 'g0-2').bookmark('bob', 'g1-1', 80).rate('bob', 'best-1', 1);
    const { page, cells } = ask({}, 7);
    expect(page.rows.map(({ id, cells: { length } }) => `${id} ${length}`)).toEqual([
      'top-rated 25', 'because.g0-1 24', 'genre.drama 25', 'genre.comedy 25', 'genre.action 25', 'genre.adventure 25', 'genre.thriller-suspense 25',
    ]);
    expect(page.degraded).toEqual([]);
    const cell = (id: string) => cells.findLast(({ filmId }) => filmId === id)!;
    expect(cell('g1-0')).toEqual({ filmId: 'g1-0', film: CATALOG.find(({ id }) => id === 'g1-0'), bookmark: { secondsWatched: 90, at: expect.any(String) }, rating: null, isFavorite: false, degraded: [] });
    expect(cell('best-0').rating).toEqual({ stars: 4, at: expect.any(String) });
    const marked = cells.filter((each) => each.isFavorite || each.bookmark !== null || each.rating !== null).map(({ filmId }) => filmId);
    expect(marked).toEqual(['best-0', 'g0-1', 'g1-0']);
  });

  it('takes 150 lookups of each kind in one call of that kind, all in flight at once', () => {
    for (const name of DEPENDENCIES) fakes.slow(name, 20);
    const { cells } = ask();
    expect(cells).toHaveLength(150);
    expect(new Set(cells.map(({ filmId }) => filmId)).size).toBe(150);
    expect(LOOKUPS.map((name) => fakes.calls(`${name}.lookup`).made)).toEqual([1, 1, 1, 1]);
    expect(fakes.calls('rows.films')).toMatchObject({ made: 6, inFlightMost: 6 });
    expect(layer.films.statistics()).toEqual({ callers: 150, batches: 1, keys: 150 });
  });

  it('asks for a film that is in two rows once', () => {
    fakes.favorite('ada', 'g0-1');
    const { cells } = ask({}, 3);
    expect(cells.map(({ filmId }) => filmId).filter((id) => id === 'g0-2')).toHaveLength(2);
    expect(layer.films.statistics().keys).toBe(new Set(cells.map(({ filmId }) => filmId)).size);
  });

  it('takes as long as its slowest path, and a tenth more at most', () => {
    fakes.slow('rows.rows', 15).slow('rows.films', 25).slow('films.lookup', 40).slow('bookmarks', 10).slow('ratings', 30).slow('favorites.lookup', 20);
    expect(ask().tookMs).toBe(15 + 25 + 2 + 40);
    expect(82 / 80).toBeLessThan(1.1);
  });

  it('does not make a row wait for a slower one', () => {
    fakes.slow('rows.films', 10).slow('rows.films', 40, { key: 'genre.comedy' }).slow('films.lookup', 45);
    expect(ask().tookMs).toBe(40 + 2 + 45);
    expect(fakes.calls('films.lookup')).toMatchObject({ made: 2, inFlightMost: 2 });
  });
});

describe('a home page of which something fails', () => {
  it.each(LOOKUPS)('shows all but what %s know, marks each cell, and names them', (name) => {
    fakes.failing(`${name}.lookup`);
    const { page, cells } = ask();
    const part = PART_OF[name];
    expect(cells).toHaveLength(150);
    for (const cell of cells) expect([cell[part], cell.degraded]).toEqual([null, [part]]);
    const where = page.rows.flatMap(({ id, cells: of }) => of.map(({ filmId }) => `${id}/${filmId}`));
    expect(page.degraded).toEqual([{ part, cause: 'STORE_QUORUM_UNAVAILABLE', earlier: false, where }]);
  });

  it.each(LOOKUPS)('does not wait for %s longer than its share of the time when they hang', (name) => {
    fakes.hanging(`${name}.lookup`);
    const { page, cells, tookMs } = ask();
    expect(cells.every((cell) => cell[PART_OF[name]] === null && cell.degraded.length === 1)).toBe(true);
    expect(page.degraded).toEqual([expect.objectContaining({ part: PART_OF[name], cause: expect.stringMatching(/^(DEADLINE_EXCEEDED|CIRCUIT_TIMEOUT)$/) })]);
    expect(tookMs).toBeLessThanOrEqual(240);
  });

  it.each(LOOKUPS)('is made without %s at once while their circuit is open', (name) => {
    fakes.failing(`${name}.lookup`, { error: new TriptychError('STORE_FAILED', 'ill') });
    while (layer.guards.circuits.circuit(name).state === 'closed') ask();
    const before = fakes.calls(`${name}.lookup`).made;
    const { page, tookMs } = ask();
    expect(page.degraded.map(({ part, cause }) => [part, cause])).toEqual([[PART_OF[name], 'CIRCUIT_OPEN']]);
    expect(fakes.calls(`${name}.lookup`).made).toBe(before);
    expect(tookMs).toBe(2);
  });

  it('shows films of an earlier answer, marked as such, where there is one', () => {
    ask();
    fakes.failing('films.lookup');
    const { page, cells } = ask();
    for (const cell of cells) expect([cell.film?.id, cell.degraded]).toEqual([cell.filmId, ['film']]);
    expect(page.degraded).toEqual([expect.objectContaining({ part: 'film', earlier: true })]);
  });

  it('never shows an earlier favorite, bookmark or rating', () => {
    fakes.favorite('ada', 'g0-1').bookmark('ada', 'g1-0', 90).rate('ada', 'best-0', 4);
    ask();
    fakes.failing('favorites.lookup').failing('bookmarks').failing('ratings');
    for (const cell of ask().cells) expect(cell).toMatchObject({ bookmark: null, rating: null, isFavorite: null, degraded: ['bookmark', 'rating', 'isFavorite'] });
  });

  it('marks a row whose films cannot be had, and serves the others', () => {
    fakes.failing('rows.films', { key: 'genre.comedy' });
    const { page } = ask();
    expect(page.rows.map(({ id, degraded, cells }) => [id, degraded, cells.length])).toEqual([
      ['top-rated', false, 25], ['genre.drama', false, 25], ['genre.comedy', true, 0], ['genre.action', false, 25], ['genre.adventure', false, 25], ['genre.thriller-suspense', false, 25],
    ]);
    expect(page.degraded).toEqual([{ part: 'row', cause: 'STORE_QUORUM_UNAVAILABLE', earlier: false, where: ['genre.comedy'] }]);
  });

  it('shows the films that a row had before, where it had any', () => {
    ask();
    fakes.failing('rows.films', { key: 'genre.comedy' });
    const { page } = ask();
    expect(page.rows[2]).toMatchObject({ id: 'genre.comedy', degraded: true });
    expect(page.rows[2]!.cells).toHaveLength(25);
    expect(page.degraded).toEqual([{ part: 'row', cause: 'STORE_QUORUM_UNAVAILABLE', earlier: true, where: ['genre.comedy'] }]);
  });

  it('is empty, and says why, where nobody knows which rows there are; with those of before where somebody did', () => {
    fakes.failing('rows.rows');
    expect(ask().page).toEqual({ rows: [], degraded: [{ part: 'rows', cause: 'STORE_QUORUM_UNAVAILABLE', earlier: false, where: [] }] });
    fakes.healed();
    ask();
    fakes.failing('rows.rows');
    const { page, cells } = ask();
    expect(cells).toHaveLength(150);
    expect(page.degraded).toEqual([{ part: 'rows', cause: 'STORE_QUORUM_UNAVAILABLE', earlier: true, where: [] }]);
  });

  it('names the rows that the service itself could not find out', () => {
    // A missing row is the word of the rows service: here the store has no favorites to make it of.
    fakes.store.failNext(new TriptychError('STORE_QUORUM_UNAVAILABLE', 'too few'));
    const { page, cells } = ask();
    expect(cells).toHaveLength(150);
    expect(page.degraded).toEqual([{ part: 'rows', cause: null, earlier: false, where: ['because'] }]);
  });

  it('refuses what is the caller\'s own mistake, and hides no bug of ours', () => {
    fakes.failing('bookmarks', { error: new TriptychError('LEVEL_NOT_ALLOWED', 'not this level') });
    expect(fakes.outcome(page$()).error?.code).toBe('LEVEL_NOT_ALLOWED');
    layer = serviceLayerOver(fakes, { mayAccess: (_principal, _action, table) => table !== 'ratings' });
    fakes.healed();
    expect(fakes.outcome(page$()).error?.code).toBe('ACCESS_DENIED');
  });
});

describe('the time of a home page', () => {
  /** All that may go wrong with each of the five, in all combinations. */
  const TROUBLES = ['well', 'slow', 'failing', 'hanging'] as const;
  const TARGETS = ['rows.rows', 'rows.films', 'films.lookup', 'bookmarks', 'favorites.lookup'] as const satisfies Target[];

  it('is its deadline at most, whatever is slow, fails or hangs, in all combinations; and nothing is left running', () => {
    for (let combination = 0; combination < TROUBLES.length ** TARGETS.length; combination++) {
      fakes.healed();
      layer = serviceLayerOver(fakes);
      const troubles = TARGETS.map((_, at) => TROUBLES[Math.floor(combination / TROUBLES.length ** at) % TROUBLES.length]!);
      TARGETS.forEach((target, at) => {
        if (troubles[at] === 'slow') fakes.slow(target, 55);
        if (troubles[at] === 'failing') fakes.failing(target, { error: new TriptychError('WIRE_UNREACHABLE', 'no way there') });
        if (troubles[at] === 'hanging') fakes.hanging(target);
      });
      const { page, tookMs, cells } = ask({}, 3, 3);
      expect(tookMs, troubles.join()).toBeLessThanOrEqual(240);
      const isIll = (at: number) => troubles[at] === 'failing' || troubles[at] === 'hanging';
      expect(cells.length, troubles.join()).toBe(isIll(0) || isIll(1) ? 0 : 9);
      expect(cells.every(({ film }) => (film === null) === isIll(2))).toBe(true);
      const expected = isIll(0) ? ['rows'] : isIll(1) ? ['row'] : [2, 3, 4].filter(isIll).map((at) => ['film', 'bookmark', 'isFavorite'][at - 2]);
      expect(page.degraded.map(({ part }) => part).sort(), troubles.join()).toEqual(expected.toSorted((a, b) => String(a).localeCompare(String(b))));
    }
  });

  it('is shared out: a first level that hangs leaves the others theirs', () => {
    ask();
    fakes.hanging('rows.rows').slow('rows.films', 40).slow('films', 60);
    const { page, cells, tookMs } = ask();
    expect(cells).toHaveLength(150);
    expect(cells.every(({ degraded }) => degraded.length === 0)).toBe(true);
    expect(page.degraded.map(({ part }) => part)).toEqual(['rows']);
    expect(tookMs).toBe(75 + 40 + 2 + 60);
  });

  it('gives the levels that follow a hanging one their share too', () => {
    ask();
    fakes.hanging('rows').slow('films', 100);
    const { page, cells, tookMs } = ask();
    expect([cells.length, cells.every(({ degraded }) => degraded.length === 0)]).toEqual([150, true]);
    expect(page.degraded.map(({ part, earlier }) => [part, earlier])).toEqual([['rows', true], ['row', true]]);
    expect(tookMs).toBeLessThanOrEqual(240);
  });

  it('is less when a device asks for less', () => {
    fakes.hanging('bookmarks');
    const { page, tookMs } = ask({ timeoutMs: 100 });
    expect(tookMs).toBe(80);
    expect(page.degraded.map(({ part, cause }) => [part, cause])).toEqual([['bookmark', 'DEADLINE_EXCEEDED']]);
  });

  it('opens the circuit of what hangs, so that later pages do not wait for it', () => {
    fakes.hanging('bookmarks');
    let pages = 0;
    while (layer.guards.circuits.circuit('bookmarks').state === 'closed') {
      expect(++pages).toBeLessThan(30);
      ask();
    }
    expect(ask().tookMs).toBe(2);
  });
});

describe('in pictures, a home page', () => {
  const expectDrawn = (script: (fakes: FakeServices<Clock>) => void, picture: string, summary: string) =>
    marbles(({ fakes: of, expectObservable }) => {
      script(of.catalog(aFilm('heat')));
      const page = home.respond(requestServices(of, undefined, { timeoutMs: 100 }), { path: { userId: 'ada' }, query: { rows: 1, columns: 1 } });
      const summary$ = page.pipe(map(({ rows: [row], degraded }) => `${row?.cells[0]?.film?.title}, without ${degraded.map(({ part }) => part).join() || 'nothing'}`));
      expectObservable(summary$).toBe(picture, { p: summary });
      expectObservable(summary$, '-----!').toBe('');
    });

  it('is its levels one after the other: 2 for the rows, 3 for what is in one, 2 for gathering, 4 for the film', () => {
    expectDrawn((of) => of.slow('rows.rows', 2).slow('rows.films', 3).slow('films.lookup', 4).slow('ratings', 1), '-----------(p|)', 'heat, without nothing');
  });

  it('ends without what hangs, at the end of its share', () => {
    expectDrawn((of) => of.hanging('ratings'), '80ms (p|)', 'heat, without rating');
    expectDrawn((of) => of.hanging('films.lookup'), '80ms (p|)', 'undefined, without film');
  });
});

describe('a device that hangs up', () => {
  it('ends everything that was asked for its page, at whatever level', () => {
    for (const name of DEPENDENCIES) fakes.slow(name, 20);
    for (let leaveMs = 0; leaveMs <= 62; leaveMs++) {
      const leaving = page$().subscribe();
      fakes.clock.advance(leaveMs);
      leaving.unsubscribe();
      expectNothingLeft();
    }
  });

  it('counts for nothing against those who were asked', () => {
    for (const name of DEPENDENCIES) fakes.slow(name, 20);
    const leaving = page$().subscribe();
    fakes.clock.advance(50);
    leaving.unsubscribe();
    for (const { totals } of layer.guards.statistics().circuits) expect([totals.failure, totals.timeout]).toEqual([0, 0]);
  });
});

describe('many pages at once', () => {
  it('share calls for films, and keep what is a user\'s own apart', () => {
    fakes.rate('ada', 'best-0', 5).rate('bob', 'best-0', 1);
    const pages: HomePage[] = [];
    for (const user of ['ada', 'bob']) {
      home.respond(requestServices(fakes, layer), { path: { userId: user }, query: { rows: 1, columns: 3 } }).subscribe((page) => pages.push(page));
    }
    fakes.clock.advance(10);
    const firstCell = (page: HomePage | undefined): HomeCell | undefined => page?.rows[0]?.cells[0];
    expect(pages.map((page) => firstCell(page)?.rating?.stars)).toEqual([5, 1]);
    expect([fakes.calls('films.lookup').made, fakes.calls('ratings.lookup').made]).toEqual([1, 2]);
  });
});
