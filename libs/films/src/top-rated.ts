/**
 * The films that are shown as the top rated: by the rating of IMDb's voters, the best first, where enough have voted. Of two
 * with the same rating the one with more votes comes first, since more people are behind it, and then the one whose id does.
 *
 * Few votes are dealt with by leaving the film out: nine points of a hundred voters are their makers' friends. Refused: a
 * weighted mean that draws such films towards the average, as IMDb's own list does. It needs a number nobody can check by
 * looking, and among films of ten thousand votes and more it changes next to nothing.
 */
import type { Film } from './film-catalog.js';

/** A count of voters. 1,782 of the 3,201 films have as many. */
export const TOP_RATED_VOTES_MIN = 10_000;
/** Films in the list, at most: the last of these has 7.7 points. */
export const TOP_RATED_MAX = 300;

export function topRated(films: readonly Film[]): Film[] {
  return films.filter(hasEnoughVotes).toSorted(byRating).slice(0, TOP_RATED_MAX);
}

function hasEnoughVotes({ imdbRating, imdbVotes }: Film): boolean {
  return imdbRating !== null && imdbVotes !== null && imdbVotes >= TOP_RATED_VOTES_MIN;
}

function byRating(a: Film, b: Film): number {
  return b.imdbRating! - a.imdbRating! || b.imdbVotes! - a.imdbVotes! || (a.id < b.id ? -1 : 1);
}
