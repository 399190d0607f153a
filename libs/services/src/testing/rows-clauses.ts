/** The contract of the services, as far as it is the rows' own. */
import { ID_PATTERN } from '@app/contracts';
import { GENRES } from '@app/films';
import { describe, expect, it } from 'vitest';
import type { RunClause } from './services-contract.js';
import type { ServicesDriver } from './services-driver.js';

const USER = 'ada';

export function rowsClauses(run: RunClause): void {
  describe('rows', () => {
    const rowsOf = (driver: ServicesDriver, limit: number) => driver.answer(driver.services.rows.rows({ user: USER, limit }, driver.context()));
    const filmsOf = (driver: ServicesDriver, row: string, limit = 10) => driver.answer(driver.services.rows.films({ user: USER, row, limit }, driver.context())).films;

    it('are the top rated, then why of what was added last, then the genres, at most as many as asked', run((driver) => {
      const genres = GENRES.map(({ slug, title }) => ({ id: `genre.${slug}`, title }));
      const topRated = { id: 'top-rated', title: 'Top rated' };
      expect(rowsOf(driver, 50)).toEqual({ rows: [topRated, ...genres], missing: [] });
      for (const film of ['heat-1995', 'jaws-1975', 'in-no-catalog', 'emma-1996']) {
        driver.addFavorites(USER, film);
        driver.clock.advance(1_000);
      }
      driver.addFavorites(USER, 'ran-1985');
      // The last three are of no catalog, a romantic comedy and an action film; one of no genre is like no other.
      const because = [
        { id: 'because.ran-1985', title: 'Because you added Ran' },
        { id: 'because.emma-1996', title: 'Because you added Emma' },
      ];
      expect(rowsOf(driver, 50)).toEqual({ rows: [topRated, ...because, ...genres], missing: [] });
      expect(rowsOf(driver, 4).rows).toEqual([topRated, ...because, genres[0]]);
      for (const { id } of rowsOf(driver, 50).rows) expect(id).toMatch(ID_PATTERN);
    }));

    it('have films, at most as many as asked', run((driver) => {
      expect(filmsOf(driver, 'top-rated')).toEqual(['jaws-1975', 'ran-1985', 'heat-1995', 'collateral-2004']);
      expect(filmsOf(driver, 'top-rated', 1)).toEqual(['jaws-1975']);
      expect(filmsOf(driver, 'genre.action', 2)).toEqual(['heat-1995', 'ran-1985']);
      expect(filmsOf(driver, 'genre.western')).toEqual([]);
    }));

    it('because of a film are of its genre, by its director first, without itself', run((driver) => {
      expect(filmsOf(driver, 'because.heat-1995')).toEqual(['collateral-2004', 'ran-1985']);
      expect(filmsOf(driver, 'because.heat-1995', 1)).toEqual(['collateral-2004']);
      expect(filmsOf(driver, 'because.emma-1996')).toEqual([]);
      expect(filmsOf(driver, 'because.jaws-1975')).toEqual([]);
    }));

    it('that there are not are not found', run((driver) => {
      for (const row of ['because.in-no-catalog', 'because.', 'because', 'genre.', 'genre', 'new', 'top-rated.x']) {
        expect([row, driver.settle(driver.services.rows.films({ user: USER, row, limit: 5 }, driver.context())).heard]).toEqual([row, ['ITEM_NOT_FOUND']]);
      }
    }));
  });
}
