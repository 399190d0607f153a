import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';
import { PROBLEMS } from '@app/admin';

let gateway: TestGateway;
let document: any;
beforeAll(async () => {
  gateway = await testGateway();
  document = (await gateway.ask('GET', '/docs/json')).body;
});
afterAll(() => gateway.close());

const resolve = (schema: any): any => ('$ref' in schema ? document.components.schemas[schema.$ref.split('/').at(-1)] : schema);

describe('the OpenAPI description', () => {
  it('is a page for people at /docs', async () => {
    const page = await gateway.ask('GET', '/docs');
    expect(page.status).toBe(200);
    expect(page.text).toContain('swagger-ui');
    expect((await gateway.ask('GET', '/docs/swagger-ui.css')).status).toBe(200);
  });

  it('has every route and method there is, and no other', () => {
    const routes = Object.entries(document.paths).map(([path, methods]) => [path, Object.keys(methods as object).sort()]);
    expect(Object.fromEntries(routes)).toEqual({
      '/v1/users/{userId}/favorites': ['get'],
      '/v1/users/{userId}/favorites/{filmId}': ['delete', 'patch', 'put'],
      '/v1/users/{userId}/favorites/events': ['get'],
      '/v1/users/{userId}/bookmarks': ['get'],
      '/v1/users/{userId}/bookmarks/{filmId}': ['delete', 'get', 'put'],
      '/v1/users/{userId}/ratings': ['get'],
      '/v1/users/{userId}/ratings/{filmId}': ['delete', 'get', 'put'],
      '/v1/users/{userId}/home': ['get'],
      '/v1/users/{userId}/continue-watching': ['get'],
      '/v1/films': ['get'],
      '/v1/films/{filmId}': ['get'],
      '/v1/films/{filmId}/favorites-count': ['get'],
      '/v1/films/{filmId}/similar': ['get'],
      '/health/live': ['get'],
      '/health/ready': ['get'],
    });
  });

  it('says what the schemas say: patterns, limits, defaults, closed bodies', () => {
    const put = document.paths['/v1/users/{userId}/favorites/{filmId}'].put;
    expect(put.requestBody.required ?? false).toBe(false);
    const body = resolve(put.requestBody.content['application/json'].schema);
    expect(body.additionalProperties).toBe(false);
    expect(body.properties.device.maxLength).toBe(128);
    expect(JSON.stringify(body.properties.position)).toContain('before');
    const patch = document.paths['/v1/users/{userId}/favorites/{filmId}'].patch;
    expect(patch.requestBody.required).toBe(true);
    const list = document.paths['/v1/users/{userId}/favorites'].get;
    const parameter = (name: string) => list.parameters.find((one: any) => one.name === name);
    expect(parameter('userId')).toMatchObject({ in: 'path', required: true, schema: { type: 'string' } });
    expect(parameter('userId').schema.pattern).toContain('{1,128}');
    expect(parameter('device')).toMatchObject({ in: 'query', required: false, schema: { maxLength: 128 } });
    expect(parameter('genre')).toMatchObject({ in: 'query', required: false });
    expect(parameter('limit')).toMatchObject({ in: 'query', required: false, schema: { minimum: 1, maximum: 500, default: 50 } });
    expect(parameter('Consistency')).toMatchObject({ in: 'header', schema: { pattern: expect.stringContaining('|quorum|'), default: 'quorum' } });
    expect(parameter('Session-Token')).toMatchObject({ in: 'header', required: false, schema: { maxLength: 1024 } });
    const page = resolve(list.responses['200'].content['application/json'].schema);
    expect(Object.keys(resolve(page.properties.items.items).properties)).toEqual(['filmId', 'addedAt', 'addedFrom']);
  });

  it('names each operation once, and gives each mark its own words', () => {
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods as Record<string, any>).map(({ operationId }) => operationId));
    expect(new Set(operations).size).toBe(operations.length);
    const bodyOf = (path: string) => resolve(document.paths[path].put.requestBody.content['application/json'].schema).properties;
    expect(bodyOf('/v1/users/{userId}/bookmarks/{filmId}')).toMatchObject({ secondsWatched: { minimum: 0, maximum: 86_400 } });
    expect(bodyOf('/v1/users/{userId}/ratings/{filmId}')).toMatchObject({ stars: { minimum: 1, maximum: 5 } });
  });

  it('says what the home page shows where something is missing', () => {
    const { get } = document.paths['/v1/users/{userId}/home'];
    const parameter = (name: string) => get.parameters.find((one: any) => one.name === name).schema;
    expect([parameter('rows'), parameter('columns')]).toMatchObject([{ minimum: 1, maximum: 12, default: 6 }, { minimum: 1, maximum: 50, default: 25 }]);
    const page = resolve(get.responses['200'].content['application/json'].schema).properties;
    expect(Object.keys(resolve(page.degraded.items).properties)).toEqual(['part', 'cause', 'earlier', 'where']);
    const cell = resolve(resolve(page.rows.items).properties.cells.items).properties;
    expect(Object.keys(cell)).toEqual(['filmId', 'film', 'bookmark', 'rating', 'isFavorite', 'degraded']);
    expect(JSON.stringify(cell.film)).toContain('Null and named in `degraded`');
    expect(JSON.stringify(cell.film)).toContain('Null and not named: the catalog has no such film');
  });

  it('describes every refusal as problem+json with the codes there are', () => {
    const { responses } = document.paths['/v1/users/{userId}/favorites/{filmId}'].put;
    expect(Object.keys(responses)).toEqual(['200', '400', '403', '409', '413', '415', '500', '503', '504']);
    expect(responses['503'].content).toEqual({ 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } });
    expect(responses['503'].description).toContain('STORE_QUORUM_UNAVAILABLE');
    expect(responses['503'].headers['Retry-After'].description).toContain('GATEWAY_OVERLOADED');
    expect(document.components.schemas.Problem.properties.code.enum).toEqual(Object.keys(PROBLEMS));
  });

  it('refers to nothing it does not contain', () => {
    const refs = JSON.stringify(document).match(/#\/components\/schemas\/\w+/g) ?? [];
    expect(refs.length).toBeGreaterThan(0);
    for (const ref of refs) expect(document.components.schemas).toHaveProperty(ref.split('/').at(-1)!);
  });
});
