/** The contract of the services, as far as it is the favorites' own. */
import { assert } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import type { FavoritesEvent } from '../favorites-service.js';
import type { RunClause } from './services-contract.js';

const USER = 'ada';

export function favoritesClauses(run: RunClause): void {
  describe('favorites', () => {
    it('are in the order of their adding, with where and when', run((driver) => {
      const { favorites } = driver.services;
      const beforeMs = driver.clock.wallMs() - 1_000;
      const { favorite } = driver.answer(favorites.add({ user: USER, film: 'heat-1995', device: 'tv' }, driver.context()));
      expect(favorite).toEqual({ film: 'heat-1995', addedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/), addedFrom: { zone: 'zone-a', device: 'tv' } });
      expect(Date.parse(favorite.addedAt)).toBeGreaterThanOrEqual(beforeMs);
      expect(Date.parse(favorite.addedAt)).toBeLessThanOrEqual(driver.clock.wallMs() + 1_000);
      driver.addFavorites(USER, 'ran-1985', 'in-no-catalog');
      expect(driver.favoritesOf(USER)).toEqual(['heat-1995', 'ran-1985', 'in-no-catalog']);
      expect(driver.favoritesOf('somebody-else')).toEqual([]);
      const page = driver.answer(favorites.page({ user: USER, limit: 1 }, driver.context()));
      expect(page.items).toEqual([favorite]);
    }));

    it('added again stay as they are', run((driver) => {
      const { favorites } = driver.services;
      driver.addFavorites(USER, 'heat-1995', 'ran-1985');
      const first = driver.answer(favorites.page({ user: USER, limit: 5 }, driver.context())).items;
      driver.clock.advance(1_000);
      driver.answer(favorites.add({ user: USER, film: 'heat-1995', device: 'phone' }, driver.context()));
      expect(driver.answer(favorites.page({ user: USER, limit: 5 }, driver.context())).items).toEqual(first);
    }));

    it('are put where they are wanted, and moved', run((driver) => {
      const { favorites } = driver.services;
      driver.addFavorites(USER, 'heat-1995', 'ran-1985');
      driver.answer(favorites.add({ user: USER, film: 'jaws-1975', position: { before: 'ran-1985' } }, driver.context()));
      expect(driver.favoritesOf(USER)).toEqual(['heat-1995', 'jaws-1975', 'ran-1985']);
      const { favorite } = driver.answer(favorites.move({ user: USER, film: 'ran-1985', position: 'first' }, driver.context()));
      expect(favorite.film).toBe('ran-1985');
      expect(driver.favoritesOf(USER)).toEqual(['ran-1985', 'heat-1995', 'jaws-1975']);
    }));

    it('are gone when removed; removing what is not there succeeds', run((driver) => {
      const { favorites } = driver.services;
      driver.addFavorites(USER, 'heat-1995');
      for (let time = 0; time < 2; time++) driver.answer(favorites.remove({ user: USER, film: 'heat-1995' }, driver.context()));
      expect(driver.favoritesOf(USER)).toEqual([]);
    }));

    it('are looked up in the order asked, null for what is not there', run((driver) => {
      const { favorites } = driver.services;
      driver.addFavorites(USER, 'heat-1995', 'ran-1985');
      const { found } = driver.answer(favorites.lookup({ user: USER, films: ['ran-1985', 'jaws-1975', 'heat-1995'] }, driver.context()));
      expect(found.map((favorite) => favorite?.film ?? null)).toEqual(['ran-1985', null, 'heat-1995']);
    }));

    it('come in pages to their end, each going on where the last one ended', run((driver) => {
      const { favorites } = driver.services;
      const films = ['film-1', 'film-2', 'film-3', 'film-4', 'film-5'];
      driver.addFavorites(USER, ...films);
      const first = driver.answer(favorites.page({ user: USER, limit: 2 }, driver.context()));
      assert(first.next !== null, 'there is more');
      driver.answer(favorites.remove({ user: USER, film: 'film-2' }, driver.context()));
      const second = driver.answer(favorites.page({ user: USER, limit: 2, after: first.next }, driver.context()));
      assert(second.next !== null, 'there is more');
      const third = driver.answer(favorites.page({ user: USER, limit: 2, after: second.next }, driver.context()));
      expect([first, second, third].map(({ items }) => items.map(({ film }) => film))).toEqual([['film-1', 'film-2'], ['film-3', 'film-4'], ['film-5']]);
      expect(third.next).toBeNull();
    }));

    it('are found by device, and by the genre that the catalog had', run((driver) => {
      const { favorites } = driver.services;
      for (const [film, device] of [['heat-1995', 'tv'], ['emma-1996', 'phone'], ['ran-1985', 'phone'], ['in-no-catalog', 'tv']] as const) {
        driver.answer(favorites.add({ user: USER, film, device }, driver.context()));
      }
      const found = (by: { device?: string; genre?: string }): string[] =>
        driver.answer(favorites.page({ user: USER, limit: 5, ...by }, driver.context())).items.map(({ film }) => film);
      expect(found({ device: 'tv' })).toEqual(['heat-1995', 'in-no-catalog']);
      expect(found({ genre: 'action' })).toEqual(['heat-1995', 'ran-1985']);
      expect(found({ genre: 'Romantic Comedy' })).toEqual(['emma-1996']);
      expect(found({ genre: 'action', device: 'phone' })).toEqual(['ran-1985']);
    }));

    it('are counted over all lists', run((driver) => {
      for (const user of ['ada', 'bob']) driver.addFavorites(user, 'heat-1995');
      driver.clock.advance(5_000);
      expect(driver.answer(driver.services.favorites.count({ film: 'heat-1995' }, driver.context()))).toEqual({ count: 2, coverage: 1, missing: [] });
      expect(driver.answer(driver.services.favorites.count({ film: 'ran-1985' }, driver.context())).count).toBe(0);
    }));

    it('are watched: the list, then each step once, also by who comes back with what it has seen', run((driver) => {
      const { favorites } = driver.services;
      const watch = (seen?: Uint8Array): { told: unknown[]; last: () => Uint8Array; leave: () => void } => {
        const events: FavoritesEvent[] = [];
        const told: unknown[] = [];
        const watching = favorites.watch({ user: USER, ...(seen && { seen }) }, { ...driver.context(), deadlineMs: Infinity }).subscribe((event) => {
          events.push(event);
          told.push(event.kind === 'list' ? event.favorites.map(({ film }) => film) : event.changes.map((change) => (change.kind === 'removed' ? ['removed', change.film] : [change.kind, change.favorite.film])));
        });
        driver.pause();
        // A copy: bytes that come over a wire are a view of what was received.
        return { told, last: () => Uint8Array.from(events.at(-1)!.seen), leave: () => watching.unsubscribe() };
      };
      driver.addFavorites(USER, 'heat-1995');
      const first = watch();
      driver.addFavorites(USER, 'ran-1985');
      driver.clock.advance(1_000);
      expect(first.told).toEqual([['heat-1995'], [['added', 'ran-1985']]]);
      const seen = first.last();
      first.leave();
      driver.answer(favorites.remove({ user: USER, film: 'heat-1995' }, driver.context()));
      driver.clock.advance(1_000);
      expect(first.told).toHaveLength(2);
      const second = watch(seen);
      driver.clock.advance(1_000);
      expect(second.told).toEqual([[['removed', 'heat-1995']]]);
      expect(driver.harness.inFlight()).toBe(1);
      second.leave();
      driver.pause();
      expect(driver.harness.inFlight()).toBe(0);
    }));

    it.each([true, false])('a write whose reply is lost (applied: %s) is carried on with, and is one add', (applied) => {
      run((driver) => {
        const { favorites } = driver.services;
        driver.harness.loseNextReply(applied);
        const { code, pending, seen } = driver.failure(favorites.add({ user: USER, film: 'heat-1995', device: 'tv' }, driver.context()));
        expect([code, pending?.item, seen !== undefined]).toEqual([expect.stringMatching(/UNCERTAIN|DEADLINE/), 'heat-1995', true]);
        const again = { user: USER, film: 'heat-1995', device: 'tv', pending: pending!, seen: seen! };
        const { favorite } = driver.answer(favorites.add(again, driver.context()));
        expect(favorite).toMatchObject({ film: 'heat-1995', addedFrom: { zone: 'zone-a', device: 'tv' } });
        driver.clock.advance(5_000);
        expect(driver.favoritesOf(USER)).toEqual(['heat-1995']);
      })();
    });

    it.each([true, false])('a write whose reply is lost (applied: %s) is superseded by what its session does next', (applied) => {
      run((driver) => {
        const { favorites } = driver.services;
        driver.harness.loseNextReply(applied);
        const { pending, seen } = driver.failure(favorites.add({ user: USER, film: 'heat-1995' }, driver.context()));
        driver.answer(favorites.remove({ user: USER, film: 'heat-1995', pending: pending!, ...(seen && { seen }) }, driver.context()));
        driver.clock.advance(5_000);
        expect(driver.favoritesOf(USER)).toEqual([]);
      })();
    });
  });
}
