/**
 * The films of data/movies.json as records with stable ids. The file is kept byte for byte as it was published, faults
 * and all (it is a teaching set), so what can be put right without guessing is put right here, in plain sight:
 *
 * - it has no ids: an id is the title in lower-case ASCII and the year, `gone-with-the-wind-1939`; were two films to meet
 *   in one, the later in the file would get `~2`. A running number was refused: it would move when a film is left out.
 * - nine titles are numbers (1776, 300 ...) and one is missing;
 * - it was collected in 2010 from years of two digits, so films of 1915 to 1946 are dated a hundred years late;
 * - accented letters were once read in the wrong encoding (Mac OS Roman for Latin-1): `LÈon` is `Léon`.
 */
import { readFileSync } from 'node:fs';
import { assert, ID_PATTERN } from '@app/contracts';

export interface Film {
  /** Matches `ID_PATTERN`; never reused for another film. */
  readonly id: string;
  readonly title: string;
  /** Of the first release. */
  readonly year: number;
  readonly genre: string | null;
  readonly director: string | null;
  readonly runtimeMinutes: number | null;
  readonly mpaaRating: string | null;
  readonly distributor: string | null;
  /** 1 to 10, one decimal. */
  readonly imdbRating: number | null;
  /** A count of voters, at the time of collection. */
  readonly imdbVotes: number | null;
  /** Share of critics in favour, percent, 0 to 100. */
  readonly rottenTomatoes: number | null;
}

/** One entry of the file, the fields that are read. */
interface Published {
  readonly Title: string | number | null;
  readonly 'Release Date': string;
  readonly 'Major Genre': string | null;
  readonly Director: string | null;
  readonly 'Running Time min': number | null;
  readonly 'MPAA Rating': string | null;
  readonly Distributor: string | null;
  readonly 'IMDB Rating': number | null;
  readonly 'IMDB Votes': number | null;
  readonly 'Rotten Tomatoes Rating': number | null;
}

/** As far from the root in the sources as in dist/apps/<program>/, so it means the same file in both. */
const PUBLISHED_FILE = new URL('../../../data/movies.json', import.meta.url);
const LATEST_YEAR = 2011;

/** What each letter of the file was before it was read in the wrong encoding. All other letters are as published. */
const MISREAD: Readonly<Record<string, string>> = {
  È: 'é', Ë: 'è', Í: 'ê', Î: 'ë', Ù: 'ô', Û: 'ó', '˘': 'ù', '·': 'á', '‡': 'à', '‰': 'ä', Ω: '½', Ö: '…',
};

/** All films, in the order of the file. */
export function readFilms(): Film[] {
  return parseFilms(readFileSync(PUBLISHED_FILE, 'utf8'));
}

/** @param json the text of movies.json */
export function parseFilms(json: string): Film[] {
  const taken = new Map<string, number>();
  return (JSON.parse(json) as Published[]).map((published) => {
    const title = titleOf(published);
    const year = yearOf(published);
    const id = `${slugOf(title)}-${year}`;
    const count = (taken.get(id) ?? 0) + 1;
    taken.set(id, count);
    return {
      id: checked(count === 1 ? id : `${id}~${count}`),
      title,
      year,
      genre: published['Major Genre'],
      director: published.Director,
      runtimeMinutes: published['Running Time min'],
      mpaaRating: published['MPAA Rating'],
      distributor: published.Distributor,
      imdbRating: published['IMDB Rating'],
      imdbVotes: published['IMDB Votes'],
      rottenTomatoes: published['Rotten Tomatoes Rating'],
    };
  });
}

function titleOf(published: Published): string {
  return String(published.Title ?? 'Untitled').replaceAll(/[^\x20-\x7e]/g, (letter) => MISREAD[letter] ?? letter);
}

function yearOf(published: Published): number {
  const year = Number(published['Release Date'].slice(-4));
  return year > LATEST_YEAR ? year - 100 : year;
}

/** Accents are dropped from their letters and apostrophes from their words; any other run of signs becomes one hyphen. */
function slugOf(title: string): string {
  const slug = title
    .normalize('NFD')
    .replaceAll(/[\u0300-\u036f']/g, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return slug === '' ? 'film' : slug;
}

function checked(id: string): string {
  assert(ID_PATTERN.test(id), `the catalog made a film id that no URL can carry: ${id}`);
  return id;
}
