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
      '/v1/films': ['get'],
      '/v1/films/{filmId}': ['get'],
      '/v1/films/{filmId}/favorites-count': ['get'],
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

  it('describes every refusal as problem+json with the codes there are', () => {
    const { responses } = document.paths['/v1/users/{userId}/favorites/{filmId}'].put;
    expect(Object.keys(responses)).toEqual(['200', '400', '403', '409', '413', '415', '500', '503', '504']);
    expect(responses['503'].content).toEqual({ 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } });
    expect(responses['503'].description).toContain('STORE_QUORUM_UNAVAILABLE');
    expect(document.components.schemas.Problem.properties.code.enum).toEqual(Object.keys(PROBLEMS));
  });

  it('refers to nothing it does not contain', () => {
    const refs = JSON.stringify(document).match(/#\/components\/schemas\/\w+/g) ?? [];
    expect(refs.length).toBeGreaterThan(0);
    for (const ref of refs) expect(document.components.schemas).toHaveProperty(ref.split('/').at(-1)!);
  });
});
