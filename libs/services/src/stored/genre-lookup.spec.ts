import { beforeEach, describe, expect, it } from 'vitest';
import { aFilm } from '../testing/catalog-writes.js';
import { FakeServices } from '../testing/fake-services.js';
import { genreLookup, type GenreOf } from './genre-lookup.js';

let fakes: FakeServices;
let genreOf: GenreOf;
beforeEach(() => {
  fakes = new FakeServices();
  genreOf = genreLookup(fakes.services.films, fakes.clock);
});

const ask = (film: string) => fakes.outcome(genreOf(film, fakes.context(2_000)));
const asked = () => fakes.calls('films').made;

describe('the genre of a film', () => {
  it('is that of the catalog, as an id, and asked for once, of one replica', () => {
    fakes.catalog(aFilm('emma-1996', { genre: 'Romantic Comedy' }));
    for (let time = 0; time < 3; time++) expect(ask('emma-1996').value).toBe('romantic-comedy');
    expect(fakes.calls('films').requests).toEqual([{ films: ['emma-1996'], level: 'ONE' }]);
  });

  it('is none for a film in no catalog, and is asked for again after a minute', () => {
    expect(ask('new-2026').value).toBeNull();
    fakes.catalog(aFilm('new-2026'));
    expect(ask('new-2026').value).toBeNull();
    expect(asked()).toBe(1);
    fakes.clock.advance(60_000);
    expect(ask('new-2026').value).toBe('drama');
  });

  it('is none where the catalog does not answer, within a fifth of a second: an add does not wait for it, and the next one asks again', () => {
    fakes.catalog(aFilm('heat-1995', { genre: 'Action' })).failing('films');
    expect(ask('heat-1995').value).toBeNull();
    fakes.hanging('films');
    expect(ask('heat-1995')).toEqual({ value: null, tookMs: 200 });
    fakes.healed();
    expect(ask('heat-1995').value).toBe('action');
  });
});
