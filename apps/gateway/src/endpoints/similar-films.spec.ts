import { aFilm, FakeServices } from '@app/services/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ServiceLayer } from '../services/service-layer.js';
import { requestServices, serviceLayerOver } from '../testing/request-services.js';
import { similarFilms } from './similar-films.js';

let fakes: FakeServices;
let layer: ServiceLayer;
beforeEach(() => {
  fakes = new FakeServices();
  layer = serviceLayerOver(fakes);
  fakes.catalog(
    aFilm('heat', { genre: 'Action', director: 'Michael Mann', year: 1995 }),
    aFilm('speed', { genre: 'Action', director: 'Jan de Bont', year: 1994 }),
    aFilm('collateral', { genre: 'Action', director: 'Michael Mann', year: 2004 }),
    aFilm('taken', { genre: 'Action', year: 2008 }),
    aFilm('emma', { genre: 'Romantic Comedy', year: 1996 }),
    aFilm('home-video', { genre: null }),
  );
});

function ask(filmId: string, limit = 10) {
  const { value, error, tookMs } = fakes.outcome(similarFilms.respond(requestServices(fakes, layer), { path: { filmId }, query: { limit } }));
  const answer = value && similarFilms.output.parse(value);
  return { films: answer?.items.map(({ id }) => id), degraded: answer?.degraded, error: error?.code, tookMs };
}

describe('films like a film', () => {
  it('are of its genre: its director\'s first, then the nearest years; without itself', () => {
    expect(ask('heat')).toMatchObject({ films: ['collateral', 'speed', 'taken'], degraded: false });
    expect(ask('heat', 1).films).toEqual(['collateral']);
    expect(ask('taken').films).toEqual(['collateral', 'heat', 'speed']);
  });

  it('are none for a film of no genre, and 404 for none at all', () => {
    expect(ask('home-video')).toMatchObject({ films: [], degraded: false });
    expect(ask('no-such-film').error).toBe('ITEM_NOT_FOUND');
  });

  it('are those of an earlier answer, and said to be, while the catalog is away; without one the failure is told', () => {
    fakes.failing('films');
    expect(ask('heat').error).toBe('STORE_QUORUM_UNAVAILABLE');
    fakes.healed();
    ask('heat');
    fakes.hanging('films');
    const { films, degraded, tookMs } = ask('heat');
    expect([films, degraded]).toEqual([['collateral', 'speed', 'taken'], true]);
    expect(tookMs).toBeLessThanOrEqual(280);
  });
});
