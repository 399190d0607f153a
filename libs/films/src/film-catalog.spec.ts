import { createHash } from 'node:crypto';
import { ID_PATTERN } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { parseFilms, readFilms } from './film-catalog.js';

const films = readFilms();
const byId = new Map(films.map((film) => [film.id, film]));

/** A file of films of which only title and date matter. */
const published = (...entries: [title: string | number | null, releaseDate: string][]): string =>
  JSON.stringify(entries.map(([title, date]) => ({ Title: title, 'Release Date': date })));

describe('the film catalog', () => {
  it('has 3,201 films, each under an id of its own that fits a URL', () => {
    expect(films).toHaveLength(3201);
    expect(byId.size).toBe(3201);
    expect(films.filter((film) => !ID_PATTERN.test(film.id))).toEqual([]);
  });

  it('never changes an id: lists on disk hold them', () => {
    const hash = createHash('sha256').update(films.map((film) => film.id).join('\n')).digest('hex');
    expect(hash).toBe('216e130f09f808debf4eed4360752005fe69e1d37e5ce155b041c83b42146562');
  });

  it('needs no suffix in the published file; were two films to meet in an id, the later would be ~2, ~3', () => {
    expect(films.filter((film) => film.id.includes('~'))).toEqual([]);
    const three = parseFilms(published(['Emma', 'Aug 02 1996'], ['Emma!', 'Nov 24 1996'], ['EMMA', 'Dec 01 1996']));
    expect(three.map((film) => film.id)).toEqual(['emma-1996', 'emma-1996~2', 'emma-1996~3']);
  });

  it('reads all fields', () => {
    expect(byId.get('inception-2010')).toEqual({
      id: 'inception-2010',
      title: 'Inception',
      year: 2010,
      genre: 'Thriller/Suspense',
      director: 'Christopher Nolan',
      runtimeMinutes: 147,
      mpaaRating: 'PG-13',
      distributor: 'Warner Bros.',
      imdbRating: 9.1,
      imdbVotes: 188247,
      rottenTomatoes: 87,
    });
  });

  it('takes the nine titles that are numbers as text, and the missing one as Untitled', () => {
    const numeric = films.filter((film) => /^\d+$/.test(film.title)).map((film) => film.id);
    expect(numeric).toEqual([
      '1776-1972', '1941-1979', '1408-2007', '2012-2009', '2046-2005', '21-2008', '300-2007', '9-2009', '54-1998',
    ]);
    expect(byId.get('untitled-2006')).toMatchObject({ title: 'Untitled', mpaaRating: 'Not Rated' });
    expect(parseFilms(published(['?!', 'Jan 01 2000'])).map((film) => film.id)).toEqual(['film-2000']);
  });

  it('dates no film after the collection: two-digit years read as the wrong century are put right', () => {
    expect(byId.get('gone-with-the-wind-1939')).toMatchObject({ title: 'Gone with the Wind', year: 1939 });
    expect(Math.min(...films.map((film) => film.year))).toBe(1915);
    expect(Math.max(...films.map((film) => film.year))).toBe(2011);
  });

  it('gives accented letters back, in titles, and leaves them out of ids', () => {
    const titles = films.map((film) => film.title).filter((title) => /[^\x20-\x7e]/.test(title));
    expect(titles).toEqual([
      'Astérix aux Jeux Olympiques',
      "De battre mon coeur s'est arrêté",
      'Les Bronzés 3: amis pour la vie',
      'Per qualche dollaro in più',
      "I Love You … Don't Touch Me!",
      'Alien³',
      'The Naked Gun 2½: The Smell of Fear',
      'Léon',
      'Ri¢hie Ri¢h',
      "Le Fabuleux destin d'Amélie Poulain",
      'Aimée & Jaguar',
      'La mala educación',
      'Caché',
      'Die Fälscher',
      'Déjà Vu',
      'Indigènes',
      'Obsluhoval jsem anglického krále',
      'La Môme',
      'Joyeux Noël',
      'Molière',
    ]);
    expect(byId.get('deja-vu-2006')?.title).toBe('Déjà Vu');
  });
});
