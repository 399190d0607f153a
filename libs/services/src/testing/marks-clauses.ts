/** The contract of the services, as far as it is the bookmarks' and ratings' own: one suite for both. */
import { describe, expect, it } from 'vitest';
import type { FilmMarks } from '../film-marks.js';
import type { Services } from '../services.js';
import type { RunClause } from './services-contract.js';
import type { ServicesDriver } from './services-driver.js';

interface AnyMark {
  readonly film: string;
  readonly at: string;
}

interface Kind {
  readonly name: string;
  readonly of: (services: Services) => FilmMarks<AnyMark, number>;
  readonly valueOf: (mark: any) => number;
  readonly valid: readonly number[];
  readonly invalid: readonly number[];
}

const KINDS: readonly Kind[] = [
  { name: 'bookmarks', of: ({ bookmarks }) => bookmarks, valueOf: ({ secondsWatched }) => secondsWatched, valid: [0, 86_400], invalid: [-1, 86_401, 1.5, NaN] },
  { name: 'ratings', of: ({ ratings }) => ratings, valueOf: ({ stars }) => stars, valid: [1, 5], invalid: [0, 6, 2.5, NaN] },
];

const USER = 'ada';

export function marksClauses(run: RunClause): void {
  describe.each(KINDS)('$name', ({ of, valueOf, valid, invalid }) => {
    const [low, high] = valid as [number, number];
    const set = (driver: ServicesDriver, film: string, value: number) => driver.answer(of(driver.services).set({ user: USER, film, value }, driver.context())).mark;
    const found = (driver: ServicesDriver, ...films: readonly string[]) => driver.answer(of(driver.services).lookup({ user: USER, films }, driver.context())).found;
    const values = (driver: ServicesDriver): [string, number][] =>
      driver.answer(of(driver.services).page({ user: USER, limit: 500 }, driver.context())).items.map((mark) => [mark.film, valueOf(mark)]);

    it('are what was set, with when', run((driver) => {
      const beforeMs = driver.clock.wallMs() - 1_000;
      const mark = set(driver, 'heat-1995', high);
      expect([mark.film, valueOf(mark)]).toEqual(['heat-1995', high]);
      expect(Date.parse(mark.at)).toBeGreaterThanOrEqual(beforeMs);
      expect(mark.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(found(driver, 'ran-1985', 'heat-1995')).toEqual([null, mark]);
    }));

    it('are replaced by the next set, which has its own date', run((driver) => {
      const first = set(driver, 'heat-1995', low);
      driver.clock.advance(5_000);
      const second = set(driver, 'heat-1995', high);
      expect(valueOf(second)).toBe(high);
      expect(Date.parse(second.at) - Date.parse(first.at)).toBeGreaterThanOrEqual(4_000);
      expect(found(driver, 'heat-1995')).toEqual([second]);
      expect(values(driver)).toEqual([['heat-1995', high]]);
    }));

    it('are listed in the order in which films were first marked, in pages', run((driver) => {
      for (const film of ['film-b', 'film-a', 'film-c']) set(driver, film, low);
      set(driver, 'film-b', high);
      expect(values(driver)).toEqual([['film-b', high], ['film-a', low], ['film-c', low]]);
      const first = driver.answer(of(driver.services).page({ user: USER, limit: 2 }, driver.context()));
      const second = driver.answer(of(driver.services).page({ user: USER, limit: 2, after: first.next! }, driver.context()));
      expect([first, second].map(({ items }) => items.map(({ film }) => film))).toEqual([['film-b', 'film-a'], ['film-c']]);
      expect(second.next).toBeNull();
    }));

    it('are gone when removed; removing what is not there succeeds', run((driver) => {
      set(driver, 'heat-1995', low);
      for (let time = 0; time < 2; time++) driver.answer(of(driver.services).remove({ user: USER, film: 'heat-1995' }, driver.context()));
      expect(values(driver)).toEqual([]);
    }));

    it('belong to one user', run((driver) => {
      set(driver, 'heat-1995', low);
      expect(driver.answer(of(driver.services).page({ user: 'bob', limit: 5 }, driver.context())).items).toEqual([]);
    }));

    it('have values of their range and no others', run((driver) => {
      for (const value of valid) expect(valueOf(set(driver, 'heat-1995', value))).toBe(value);
      for (const value of invalid) {
        const { heard } = driver.settle(of(driver.services).set({ user: USER, film: 'heat-1995', value }, driver.context()));
        expect([value, heard]).toEqual([value, ['REQUEST_INVALID']]);
      }
      expect(values(driver)).toEqual([['heat-1995', high]]);
    }));

    it.each([true, false])('a set whose reply is lost (applied: %s) is carried on with, or superseded', (applied) => {
      run((driver) => {
        for (const next of [low, high]) {
          const film = `film-${next}`;
          driver.harness.loseNextReply(applied);
          const { pending, seen } = driver.failure(of(driver.services).set({ user: USER, film, value: low }, driver.context()));
          expect(pending?.item).toBe(film);
          driver.answer(of(driver.services).set({ user: USER, film, value: next, pending: pending!, ...(seen && { seen }) }, driver.context()));
          driver.clock.advance(5_000);
          expect(found(driver, film).map((mark) => valueOf(mark))).toEqual([next]);
        }
      })();
    });
  });
}
