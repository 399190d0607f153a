import { describe, expect, it } from 'vitest';
import { type Film, readFilms } from './film-catalog.js';
import { GENRES } from './genres.js';
import { topRated, TOP_RATED_MAX, TOP_RATED_VOTES_MIN } from './top-rated.js';

const films = readFilms();
const film = (id: string, imdbRating: number | null, imdbVotes: number | null): Film => ({ ...films[0]!, id, imdbRating, imdbVotes });

describe('the top rated films', () => {
  it('are some hundred, the best first', () => {
    const best = topRated(films);
    expect(best).toHaveLength(TOP_RATED_MAX);
    expect(best.slice(0, 4).map(({ id }) => id)).toEqual(['the-shawshank-redemption-1994', 'the-godfather-1972', 'inception-2010', 'the-godfather-part-ii-1974']);
    const ratings = best.map(({ imdbRating }) => imdbRating!);
    expect(ratings).toEqual(ratings.toSorted((a, b) => b - a));
    expect(ratings.at(-1)).toBe(7.7);
  });

  it('are those that enough people voted for', () => {
    const votes = [film('few', 9.9, TOP_RATED_VOTES_MIN - 1), film('enough', 5, TOP_RATED_VOTES_MIN), film('none', null, null)];
    expect(topRated(votes).map(({ id }) => id)).toEqual(['enough']);
  });

  it('with the same rating are in the order of their votes, then of their ids, whatever the order of the file', () => {
    const same = [film('b', 8, 20_000), film('c', 8, 30_000), film('a', 8, 20_000)];
    for (const given of [same, same.toReversed()]) expect(topRated(given).map(({ id }) => id)).toEqual(['c', 'a', 'b']);
  });
});

describe('the genres', () => {
  it('are all that films have, those of the most films first', () => {
    const counts = new Map<string, number>();
    for (const { genre } of films) if (genre !== null) counts.set(genre, (counts.get(genre) ?? 0) + 1);
    const counted = [...counts].toSorted(([a, countOfA], [b, countOfB]) => countOfB - countOfA || (a < b ? -1 : 1));
    expect(GENRES.map(({ title }) => title)).toEqual(counted.map(([title]) => title));
    expect(GENRES.find(({ title }) => title === 'Thriller/Suspense')?.slug).toBe('thriller-suspense');
  });
});
