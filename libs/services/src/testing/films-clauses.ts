/** The contract of the services, as far as it is the catalog's own. */
import { assert } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { CONTRACT_FILMS, type RunClause } from './services-contract.js';

export function filmsClauses(run: RunClause): void {
  describe('films', () => {
    it('are looked up whole, in the order asked, null for what is in no catalog', run((driver) => {
      const { found } = driver.answer(driver.services.films.lookup({ films: ['ran-1985', 'none', 'heat-1995'] }, driver.context()));
      expect(found).toEqual([CONTRACT_FILMS[2], null, CONTRACT_FILMS[0]]);
    }));

    it('come in pages, whole or of a genre in any spelling, in the order of the catalog', run((driver) => {
      const { films } = driver.services;
      const ids = (request: Parameters<typeof films.page>[0]): string[] => driver.answer(films.page(request, driver.context())).items.map(({ id }) => id);
      expect(ids({ limit: 500 })).toEqual(CONTRACT_FILMS.map(({ id }) => id));
      for (const genre of ['Action', 'action']) expect(ids({ limit: 5, genre })).toEqual(['heat-1995', 'ran-1985', 'collateral-2004']);
      expect(ids({ limit: 5, genre: 'romantic-comedy' })).toEqual(['emma-1996']);
      expect(ids({ limit: 5, genre: 'unheard-of' })).toEqual([]);
      const first = driver.answer(films.page({ limit: 2, genre: 'action' }, driver.context()));
      assert(first.next !== null, 'there is more');
      expect(ids({ limit: 2, genre: 'action', after: first.next })).toEqual(['collateral-2004']);
    }));

    it('are rated: the best first, of equals that with more votes, and none with few', run((driver) => {
      const { films } = driver.services;
      const best = driver.answer(films.topRated({ limit: 3 }, driver.context()));
      expect(best.items.map(({ id }) => id)).toEqual(['jaws-1975', 'ran-1985', 'heat-1995']);
      const rest = driver.answer(films.topRated({ limit: 3, after: best.next! }, driver.context()));
      expect([rest.items.map(({ id }) => id), rest.next]).toEqual([['collateral-2004'], null]);
    }));
  });
}
