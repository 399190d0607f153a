import { describe, expect, it } from 'vitest';
import { KnownRoutes } from './known-routes.js';

const routes = new KnownRoutes();
routes.add('/v1/films', ['GET', 'HEAD']);
routes.add('/v1/films/:filmId', 'GET');
routes.add('/v1/films/:filmId', 'PUT');
routes.add('/docs/*', 'GET');

describe('known routes', () => {
  it('tell the methods of a path, with or without a query', () => {
    expect(routes.methodsOf('/v1/films')).toEqual(['GET', 'HEAD']);
    expect(routes.methodsOf('/v1/films/x?y=1')).toEqual(['GET', 'PUT']);
  });

  it('know nothing of other paths', () => {
    for (const url of ['/', '/v1', '/v1/films/', '/v1/films/a/b', '/docs/x', '']) expect(routes.methodsOf(url)).toEqual([]);
  });
});
