/** What rows are beside their contract (rows-clauses.ts): with dependencies that do not answer, and with long lists. */
import { TriptychError } from '@app/contracts';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RowsService } from '../rows-service.js';
import { aFilm } from '../testing/catalog-writes.js';
import { FakeServices } from '../testing/fake-services.js';
import { LISTS_AGE_MAX_MS } from './catalog-lists.js';
import { BECAUSE_ROWS_MAX, FAVORITES_LOOKED_AT, storedRows } from './stored-rows.js';

let fakes: FakeServices;
let rows: RowsService;
beforeEach(() => {
  fakes = new FakeServices();
  fakes.catalog(aFilm('heat-1995', { title: 'Heat' }), aFilm('ran-1985', { title: 'Ran' })).favorite('ada', 'heat-1995');
  rows = storedRows({ ...fakes.services, clock: fakes.clock });
});

const rowsOf = (user = 'ada', limit = 50) => fakes.outcome(rows.rows({ user, limit }, fakes.context(300)));
const idsOf = ({ value }: ReturnType<typeof rowsOf>) => value!.rows.map(({ id }) => id);

describe('rows', () => {
  it('go without those of favorites that cannot be had, and say so', () => {
    fakes.failing('favorites');
    expect(rowsOf()).toMatchObject({ value: { missing: ['because'] }, tookMs: 0 });
    expect(idsOf(rowsOf())).toEqual(['top-rated', ...idsOf(rowsOf('nobody')).slice(1)]);
    expect(idsOf(rowsOf()).filter((id) => id.startsWith('because'))).toEqual([]);
  });

  it('wait for silent favorites no longer than half of the time', () => {
    fakes.hanging('favorites');
    expect(rowsOf()).toMatchObject({ value: { missing: ['because'] }, tookMs: 150 });
    fakes.healed().hanging('films');
    expect(rowsOf()).toMatchObject({ tookMs: 150 });
    expect(fakes.clock.pending).toBe(0);
  });

  it('go without those of films that cannot be had, and name them', () => {
    fakes.failing('films');
    expect(rowsOf().value).toMatchObject({ missing: ['because.heat-1995'] });
    expect(idsOf(rowsOf())[0]).toBe('top-rated');
  });

  it('hide no mistake', () => {
    fakes.failing('favorites', { error: new TriptychError('ACCESS_DENIED', 'not yours') });
    expect(rowsOf().error?.code).toBe('ACCESS_DENIED');
  });

  it('are because of the films that were added last, wherever they stand in the first of a long list', () => {
    const long = Array.from({ length: FAVORITES_LOOKED_AT + 5 }, (_, at) => `film-${at}`);
    fakes.catalog(...long.map((id) => aFilm(id))).favorite('bob', ...long);
    fakes.clock.advance(1_000);
    fakes.outcome(fakes.services.favorites.add({ user: 'bob', film: 'heat-1995', position: { after: 'film-50' } }, fakes.context()));
    const because = idsOf(rowsOf('bob')).filter((id) => id.startsWith('because'));
    expect(because).toHaveLength(BECAUSE_ROWS_MAX);
    expect(because[0]).toBe('because.heat-1995');
    expect(fakes.calls('favorites.page').requests.at(-1)).toMatchObject({ limit: FAVORITES_LOOKED_AT });
  });

  it('are the same each time', () => {
    fakes.favorite('ada', 'ran-1985', 'in-no-catalog');
    const first = rowsOf();
    fakes.clock.advance(60_000);
    expect(rowsOf()).toEqual(first);
  });

  it('cost one look at the favorites and one at the catalog', () => {
    rowsOf();
    expect([fakes.calls('favorites').made, fakes.calls('films').made]).toEqual([1, 1]);
    rowsOf('nobody');
    expect([fakes.calls('favorites').made, fakes.calls('films').made]).toEqual([2, 1]);
  });

  it('have films of lists that are kept for a minute, so that pages cost the catalog next to nothing', () => {
    const filmsOf = (row: string) => fakes.outcome(rows.films({ user: 'ada', row, limit: 5 }, fakes.context()));
    for (let page = 0; page < 10; page++) for (const row of ['top-rated', 'genre.drama', 'because.heat-1995', 'because.ran-1985']) filmsOf(row);
    expect([fakes.calls('films.page').made, fakes.calls('films.topRated').made]).toEqual([1, 1]);
    expect(filmsOf('because.heat-1995').value?.films).toEqual(['ran-1985']);
    fakes.catalog(aFilm('emma-1996'));
    expect(filmsOf('genre.drama').value?.films).toEqual(['heat-1995', 'ran-1985']);
    fakes.clock.advance(LISTS_AGE_MAX_MS);
    expect(filmsOf('genre.drama').value?.films).toEqual(['heat-1995', 'ran-1985', 'emma-1996']);
  });

  it('have no films where the catalog does not answer, or is not loaded yet, and ask it again the next time', () => {
    const topRated = () => fakes.outcome(rows.films({ user: 'ada', row: 'top-rated', limit: 5 }, fakes.context()));
    const comedies = () => fakes.outcome(rows.films({ user: 'ada', row: 'genre.comedy', limit: 5 }, fakes.context())).value?.films;
    expect(comedies()).toEqual([]);
    fakes.catalog(aFilm('annie-hall-1977', { genre: 'Comedy', imdbVotes: 10 }));
    expect(comedies()).toEqual(['annie-hall-1977']);
    fakes.failing('films');
    expect(topRated().error?.code).toBe('STORE_QUORUM_UNAVAILABLE');
    fakes.healed();
    expect(topRated().value?.films).toHaveLength(2);
  });
});
