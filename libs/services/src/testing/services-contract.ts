/**
 * What the services promise wherever they run, as one suite: in memory, over the replicated store, in another process. It
 * runs in virtual time. Whoever writes a fourth way passes it too, and no caller has to know.
 *
 * The clauses of every method are here; what each service means by its methods is in the files named after it.
 */
import type { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { CallContext } from '@app/contracts';
import type { Film } from '@app/films';
import { LOOKUP_MAX, type Rest } from '../service.js';
import type { Services } from '../services.js';
import { aFilm } from './catalog-writes.js';
import { favoritesClauses } from './favorites-clauses.js';
import { filmsClauses } from './films-clauses.js';
import { marksClauses } from './marks-clauses.js';
import { rowsClauses } from './rows-clauses.js';
import { ServicesDriver, type ServicesHarness } from './services-driver.js';

/** In the order of the catalog. */
export const CONTRACT_FILMS: readonly Film[] = [
  aFilm('heat-1995', { title: 'Heat', genre: 'Action', director: 'Michael Mann', imdbRating: 8.2, imdbVotes: 123_456 }),
  aFilm('emma-1996', { title: 'Emma', genre: 'Romantic Comedy', imdbRating: 6.7, imdbVotes: 9_999 }),
  aFilm('ran-1985', { title: 'Ran', genre: 'Action', director: 'Akira Kurosawa', imdbRating: 8.3, imdbVotes: 40_000 }),
  aFilm('collateral-2004', { title: 'Collateral', genre: 'Action', director: 'Michael Mann', imdbRating: 7.8, imdbVotes: 99_000 }),
  aFilm('jaws-1975', { title: 'Jaws', genre: null, director: 'Steven Spielberg', imdbRating: 8.3, imdbVotes: 138_000 }),
];

export type OpenServices = (films: readonly Film[]) => ServicesHarness;
/** One test over services of its own. */
export type RunClause = (test: (driver: ServicesDriver) => void) => () => void;

type AnyCall = (services: Services, context: CallContext) => Observable<unknown>;

/** One call of every method that there is, each with an answer. */
const CALLS: Readonly<Record<string, AnyCall>> = {
  'favorites.page': ({ favorites }, context) => favorites.page({ user: 'ada', limit: 5 }, context),
  'favorites.lookup': ({ favorites }, context) => favorites.lookup({ user: 'ada', films: ['heat-1995'] }, context),
  'favorites.add': ({ favorites }, context) => favorites.add({ user: 'ada', film: 'ran-1985' }, context),
  'favorites.remove': ({ favorites }, context) => favorites.remove({ user: 'ada', film: 'ran-1985' }, context),
  'favorites.move': ({ favorites }, context) => favorites.move({ user: 'ada', film: 'heat-1995', position: 'first' }, context),
  'favorites.count': ({ favorites }, context) => favorites.count({ film: 'heat-1995' }, context),
  'films.lookup': ({ films }, context) => films.lookup({ films: ['heat-1995'] }, context),
  'films.page': ({ films }, context) => films.page({ limit: 5 }, context),
  'films.topRated': ({ films }, context) => films.topRated({ limit: 5 }, context),
  'bookmarks.set': ({ bookmarks }, context) => bookmarks.set({ user: 'ada', film: 'heat-1995', value: 60 }, context),
  'bookmarks.lookup': ({ bookmarks }, context) => bookmarks.lookup({ user: 'ada', films: ['heat-1995'] }, context),
  'bookmarks.page': ({ bookmarks }, context) => bookmarks.page({ user: 'ada', limit: 5 }, context),
  'bookmarks.remove': ({ bookmarks }, context) => bookmarks.remove({ user: 'ada', film: 'heat-1995' }, context),
  'ratings.set': ({ ratings }, context) => ratings.set({ user: 'ada', film: 'heat-1995', value: 5 }, context),
  'ratings.lookup': ({ ratings }, context) => ratings.lookup({ user: 'ada', films: ['heat-1995'] }, context),
  'ratings.page': ({ ratings }, context) => ratings.page({ user: 'ada', limit: 5 }, context),
  'ratings.remove': ({ ratings }, context) => ratings.remove({ user: 'ada', film: 'heat-1995' }, context),
  'rows.rows': ({ rows }, context) => rows.rows({ user: 'ada', limit: 5 }, context),
  'rows.films': ({ rows }, context) => rows.films({ user: 'ada', row: 'genre.action', limit: 5 }, context),
};

/** They go on until they are left: clauses of their own (favorites-clauses.ts). */
const STREAMS = ['favorites.watch'];

/** What answers also with nothing beneath it: counts that are kept elsewhere, rows that need nobody. */
const ANSWERS_ALONE = ['favorites.count', 'rows.rows'];

export function servicesContract(name: string, open: OpenServices): void {
  const run: RunClause = (test) => () => test(new ServicesDriver(open(CONTRACT_FILMS)));

  describe(`services ${name}`, () => {
    describe('keep the contract of every method', () => {
      it('all methods are called here', run(({ services }) => {
        const methods = Object.entries(services).flatMap(([service, its]) => Object.keys(its as object).map((method) => `${service}.${method}`));
        expect([...Object.keys(CALLS), ...STREAMS].toSorted()).toEqual(methods.toSorted());
      }));

      it('do nothing before a subscriber comes', run((driver) => {
        for (const call of Object.values(CALLS)) call(driver.services, driver.context());
        driver.pause();
        expect(driver.harness.inFlight()).toBe(0);
        expect(driver.favoritesOf('ada')).toEqual([]);
      }));

      it('end with one value and completion', run((driver) => {
        driver.addFavorites('ada', 'heat-1995');
        for (const [method, call] of Object.entries(CALLS)) {
          expect([method, driver.settle(call(driver.services, driver.context())).heard]).toEqual([method, ['value', 'complete']]);
        }
      }));

      it('or with one error, its code and its numbers as they are', run((driver) => {
        const { favorites, films, ratings, rows } = driver.services;
        const context = driver.context();
        const failing: readonly (readonly [Observable<unknown>, string, object?])[] = [
          [favorites.move({ user: 'ada', film: 'heat-1995', position: 'first' }, context), 'ITEM_NOT_FOUND'],
          [favorites.add({ user: 'ada', film: 'heat-1995', position: { after: 'ran-1985' } }, context), 'NEIGHBOUR_NOT_FOUND'],
          [favorites.add({ user: 'ada', film: 'heat-1995', position: { after: 'heat-1995' } }, context), 'REQUEST_INVALID', { neighbour: 'heat-1995' }],
          [films.page({ limit: 5, genre: '***' }, context), 'REQUEST_INVALID'],
          [ratings.set({ user: 'ada', film: 'heat-1995', value: 6 }, context), 'REQUEST_INVALID', { min: 1, max: 5 }],
          [rows.films({ user: 'ada', row: 'genre.unheard-of', limit: 5 }, context), 'ITEM_NOT_FOUND', { row: 'genre.unheard-of' }],
        ];
        for (const [call$, code, details] of failing) {
          const { heard, error } = driver.settle(call$);
          expect(heard).toEqual([code]);
          if (details !== undefined) expect(error!.details).toEqual(details);
        }
      }));

      it('make each subscription a call of its own', run((driver) => {
        const page$ = driver.services.favorites.page({ user: 'ada', limit: 5 }, driver.context());
        expect(driver.answer(page$).items).toEqual([]);
        driver.addFavorites('ada', 'heat-1995');
        expect(driver.answer(page$).items).toHaveLength(1);
      }));

      it('are torn down with their caller: nothing goes on beneath, and nothing more is heard', run((driver) => {
        driver.addFavorites('ada', 'heat-1995');
        driver.harness.stall();
        for (const [method, call] of Object.entries(CALLS)) {
          const heard: string[] = [];
          const left = call(driver.services, driver.context()).subscribe({ next: () => heard.push('value'), error: () => heard.push('error') });
          driver.pause();
          expect([method, driver.harness.inFlight()]).toEqual([method, ANSWERS_ALONE.includes(method) ? expect.any(Number) : 1]);
          const heardBefore = heard.length;
          left.unsubscribe();
          driver.pause();
          expect([method, driver.harness.inFlight(), heard.length]).toEqual([method, 0, heardBefore]);
        }
      }));

      it('end by the deadline, whatever is silent beneath, and leave nothing behind', run((driver) => {
        driver.addFavorites('ada', 'heat-1995');
        driver.harness.stall();
        for (const [method, call] of Object.entries(CALLS)) {
          const { heard, error, tookMs } = driver.settle(call(driver.services, driver.context(400)));
          expect([method, Math.round(tookMs * 1_000) / 1_000 <= 400, tookMs]).toEqual([method, true, tookMs]);
          if (!ANSWERS_ALONE.includes(method)) {
            expect([method, heard.length]).toEqual([method, 1]);
            expect([method, error?.breaker, error?.code]).toEqual([method, 'counts', expect.stringMatching(/TIMEOUT|DEADLINE|UNCERTAIN/)]);
          }
          driver.pause();
          expect([method, driver.harness.inFlight()]).toEqual([method, 0]);
        }
      }));

      it('do nothing for who comes after the deadline', run((driver) => {
        const { heard } = driver.settle(driver.services.favorites.add({ user: 'ada', film: 'heat-1995' }, driver.context(-1)));
        expect(heard).toEqual([expect.stringMatching(/TIMEOUT|DEADLINE/)]);
        driver.pause();
        expect(driver.favoritesOf('ada')).toEqual([]);
      }));

      it('are bounded: pages of 1 to 500, lookups of 1 to 200 films, each once', run((driver) => {
        const { favorites, films, bookmarks, ratings, rows } = driver.services;
        const context = driver.context();
        const user = 'ada';
        const bounded: Observable<unknown>[] = [];
        for (const limit of [0, 501, 1.5]) {
          bounded.push(favorites.page({ user, limit }, context), bookmarks.page({ user, limit }, context), ratings.page({ user, limit }, context));
          bounded.push(films.page({ limit }, context), films.topRated({ limit }, context));
          bounded.push(rows.rows({ user, limit }, context), rows.films({ user, row: 'top-rated', limit }, context));
        }
        for (const asked of [[], Array.from({ length: LOOKUP_MAX + 1 }, (_, at) => `film-${at}`), ['heat-1995', 'heat-1995']]) {
          for (const service of [favorites, bookmarks, ratings]) bounded.push(service.lookup({ user, films: asked }, context));
          bounded.push(films.lookup({ films: asked }, context));
        }
        for (const call$ of bounded) expect(driver.settle(call$).heard).toEqual(['REQUEST_INVALID']);
        expect(driver.answer(films.lookup({ films: Array.from({ length: LOOKUP_MAX }, (_, at) => `film-${at}`) }, driver.context())).found).toHaveLength(LOOKUP_MAX);
      }));

      it('answer at the level asked, and say what the answer rests on and what the session has seen', run((driver) => {
        const { favorites, films, bookmarks } = driver.services;
        const added = driver.answer(favorites.add({ user: 'ada', film: 'heat-1995', level: 'SESSION' }, driver.context()));
        expect(added.achieved).toMatchObject({ level: 'SESSION', fallback: false, tokenAhead: false });
        const page = driver.answer(favorites.page({ user: 'ada', limit: 5, level: 'SESSION', seen: added.seen }, driver.context()));
        expect(page.items.map(({ film }) => film)).toEqual(['heat-1995']);
        const found = driver.answer(favorites.lookup({ user: 'ada', films: ['heat-1995'], level: 'ONE', seen: page.seen }, driver.context()));
        expect(found.achieved).toMatchObject({ level: 'ONE', tokenAhead: false });
        const removed = driver.answer(favorites.remove({ user: 'ada', film: 'heat-1995', level: 'ALL', seen: found.seen }, driver.context()));
        expect(removed.achieved.level).toBe('ALL');
        expect(Object.keys(removed).toSorted()).toEqual(['achieved', 'seen']);
        const terms = { level: 'ALL', fallback: 'ONE' } as const;
        const at = { user: 'ada', film: 'heat-1995' };
        for (const call$ of [
          bookmarks.set({ ...at, value: 1, ...terms }, driver.context()),
          bookmarks.lookup({ user: 'ada', films: ['heat-1995'], ...terms }, driver.context()),
          bookmarks.page({ user: 'ada', limit: 5, ...terms }, driver.context()),
          bookmarks.remove({ ...at, ...terms }, driver.context()),
          films.lookup({ films: ['heat-1995'], ...terms }, driver.context()),
          films.page({ limit: 5, genre: 'action', ...terms }, driver.context()),
          films.topRated({ limit: 5, ...terms }, driver.context()),
        ]) {
          expect(driver.answer<Rest>(call$)).toMatchObject({ achieved: { level: 'ALL', fallback: false }, seen: expect.any(Uint8Array) });
        }
        expect(driver.answer(films.page({ limit: 5 }, driver.context())).achieved.level).toBe('QUORUM');
      }));
    });

    favoritesClauses(run);
    filmsClauses(run);
    marksClauses(run);
    rowsClauses(run);
  });
}
