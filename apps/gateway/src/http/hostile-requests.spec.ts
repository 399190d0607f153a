import { connect } from 'node:net';
import fc from 'fast-check';
import { ERRORS } from '@app/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Reply, testGateway, type TestGateway } from '../testing/test-gateway.js';

let gateway: TestGateway;
let port: number;
beforeAll(async () => {
  gateway = await testGateway();
  port = Number(new URL(await gateway.listen()).port);
});
afterAll(() => gateway.close());
beforeEach(() => void (gateway.logged.length = 0));

const STACK = /\bat .+:\d+:\d+|node_modules|\.ts\b|\.js\b/;
const URL_OF = '/v1/users/ada/favorites/alien-1979';

/** Bytes as they are over a socket: clients would mend or refuse them. Everything that comes back. */
function raw(request: string): Promise<{ status: number; head: string; body: any }> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request, 'latin1'));
    socket.on('data', (chunk) => (answer += chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      const [head = '', text = ''] = answer.split(/\r\n\r\n/, 2);
      resolve({ status: Number(head.split(' ')[1]), head, body: text === '' ? undefined : JSON.parse(text) });
    });
  });
}
const rawPath = (path: string, method = 'GET') => raw(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);

/** What a refusal must be, whatever was refused. */
function expectProblem({ status, headers, body, text }: Reply, expected: number, code: string): void {
  expect([status, body?.code]).toEqual([expected, code]);
  expect(faultsOf({ status, headers, body, text })).toEqual([]);
}

function faultsOf({ status, headers, body, text }: Reply): string[] {
  const faults = {
    'a trace id that could not be logged': !/^[A-Za-z0-9._~-]{1,64}$/.test(headers['trace-id'] ?? ''),
    'a stack': STACK.test(text),
    'no problem': status >= 400 && text !== '' && headers['content-type'] !== 'application/problem+json',
    'another trace id within': status >= 400 && text !== '' && body?.instance !== headers['trace-id'],
    'no code': status >= 400 && text !== '' && !(body?.code in ERRORS),
  };
  return Object.entries(faults).filter(([, found]) => found).map(([fault]) => fault);
}

describe('ids', () => {
  it.each([
    ['%2e%2e', 'two dots'],
    ['..', 'two dots in clear'],
    ['.', 'a dot'],
    ['%2E', 'a dot, encoded'],
    ['%00', 'NUL'],
    ['a%00b', 'NUL within'],
    ['a%2Fb', 'a slash'],
    ['%2e%2e%2f%2e%2e%2fetc%2fpasswd', 'a path'],
    ['a%5Cb', 'a backslash'],
    ['%C3%A9', 'an accent'],
    ['%F0%9F%93%BA', 'an emoji'],
    ['%E2%80%AE', 'a change of direction'],
    ['a%20b', 'a space'],
    ['a%0d%0aSet-Cookie:x', 'a line end'],
    ['%25', 'a percent sign'],
    ['%252e', 'encoded twice'],
    ['a+b', 'a plus'],
    ['a;b=c', 'a parameter'],
    ['a,b', 'a comma'],
    ["a'--", 'a quote'],
    ['__proto__%00', 'a prototype, and NUL'],
    ['a'.repeat(129), '129 characters'],
    ['a'.repeat(20_000), '20,000 characters'],
  ])('%s is refused: %s', async (id) => {
    for (const path of [`/v1/users/${id}/favorites`, `/v1/users/ada/favorites/${id}`, `/v1/films/${id}`]) {
      const method = path.includes('/ada/') ? 'PUT' : 'GET';
      const { status, body, head } = await rawPath(path, method);
      expect([status, body.code]).toEqual([400, 'REQUEST_INVALID']);
      expect(head).toContain('application/problem+json');
    }
  });

  it.each(['__proto__', 'constructor', 'toString', '~', '-', '...', 'a'.repeat(128)])('%s is as good as any', async (id) => {
    expect((await gateway.ask('PUT', `/v1/users/${id}/favorites/${id}`)).body.filmId).toBe(id);
    const { items } = (await gateway.ask('GET', `/v1/users/${id}/favorites`)).body;
    expect(items.map((item: any) => item.filmId)).toEqual([id]);
  });

  it('that cannot be decoded are a 400', async () => {
    for (const id of ['%', '%zz', '%c3%28', '%ff']) {
      const { status, body, head } = await rawPath(`/v1/users/${id}/favorites`);
      expect([id, status, body.code]).toEqual([id, 400, 'REQUEST_INVALID']);
      expect(head.toLowerCase()).toMatch(/trace-id: [0-9a-f]{32}/);
    }
  });
});

describe('bodies', () => {
  it.each([
    ['{', 'malformed'],
    ['{"position":}', 'malformed within'],
    ['nul', 'cut off'],
    ['\u0000', 'NUL'],
    ['null', 'null'],
    ['[]', 'an array'],
    ['"first"', 'a text'],
    ['1', 'a number'],
    ['{"position":1}', 'a position of the wrong type'],
    ['{"position":"middle"}', 'an unknown position'],
    ['{"position":null}', 'a null position'],
    ['{"position":["first"]}', 'a position in an array'],
    ['{"position":{}}', 'an empty position'],
    ['{"position":{"before":"a","after":"b"}}', 'two neighbours'],
    ['{"position":{"before":".."}}', 'a neighbour that is no id'],
    ['{"position":{"before":{"before":"a"}}}', 'a neighbour in a neighbour'],
    ['{"position":{"before":"a","__proto__":1}}', 'a prototype in the position'],
    ['{"device":1}', 'a device of the wrong type'],
    ['{"device":""}', 'an empty device'],
    [`{"device":"${'x'.repeat(129)}"}`, 'a long device'],
    ['{"device":"\\ud800"}', 'half a character'],
    ['{"unknown":1}', 'an unknown key'],
    ['{"__proto__":{"position":"first"}}', '__proto__'],
    ['{"__proto__":null}', 'a null __proto__'],
    ['{"\\u005f_proto__":{}}', '__proto__, escaped'],
    ['{"constructor":{"prototype":{"position":"first"}}}', 'constructor'],
    ['{"prototype":1}', 'prototype'],
    ['{"toString":1}', 'toString'],
    ['{"position":"first","position":7}', 'a key twice, the last one wrong'],
    ['['.repeat(4000), 'unclosed arrays'],
    [`${'['.repeat(4000)}${']'.repeat(4000)}`, 'nested arrays'],
    [`${'{"a":'.repeat(1300)}1${'}'.repeat(1300)}`, 'nested objects'],
    [`{"position":${'{"before":'.repeat(700)}"a"${'}'.repeat(700)}}`, 'nested positions'],
    ['{"position":1e400}', 'a number out of range'],
    ['\ufeff{}', 'a byte order mark'],
  ])('%.40s is refused: %s', async (body) => {
    expectProblem(await gateway.ask('PUT', URL_OF, { body }), 400, 'REQUEST_INVALID');
    expectProblem(await gateway.ask('PATCH', URL_OF, { body }), 400, 'REQUEST_INVALID');
    expect(({} as any).position).toBeUndefined();
  });

  it('of 8 KiB are read, larger ones are a 413 whether they say so beforehand or not', async () => {
    const exactly = `{"device":"tv"${' '.repeat(8192 - 15)}}`;
    expect((await gateway.ask('PUT', URL_OF, { body: exactly })).status).toBe(200);
    expectProblem(await gateway.ask('PUT', URL_OF, { body: `${exactly} ` }), 413, 'BODY_TOO_LARGE');
    const chunked = `PUT ${URL_OF} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const { status, body } = await raw(`${chunked}2001\r\n${' '.repeat(0x2001)}\r\n0\r\n\r\n`);
    expect([status, body.code]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it('of another content type, or of none, are a 415', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'multipart/form-data; boundary=x', 'nonsense', 'application/jsonx', '']) {
      const reply = await gateway.ask('PUT', URL_OF, { body: '{}', headers: { 'content-type': type } });
      expectProblem(reply, 415, 'MEDIA_TYPE_UNSUPPORTED');
    }
    expect((await gateway.ask('PUT', URL_OF, { body: '{}', headers: { 'content-type': 'Application/JSON; charset=utf-8' } })).status).toBe(200);
  });
});

describe('routes and methods', () => {
  it('that do not exist are a 404', async () => {
    for (const path of ['/', '/v1', '/v1/users', '/v1/users/ada', '/v2/users/ada/favorites', '/v1/users//favorites', '/v1/users/ada/favorites/', '/V1/films', '//v1/films', '/admin/state']) {
      const reply = await gateway.ask('GET', path);
      expectProblem(reply, 404, 'ROUTE_UNKNOWN');
      expect(reply.headers['allow']).toBeUndefined();
    }
  });

  it('that exist with other methods are a 405 that names these', async () => {
    const cases: [string, string, string][] = [
      ['POST', '/v1/users/ada/favorites', 'GET, HEAD'],
      ['DELETE', '/v1/users/ada/favorites', 'GET, HEAD'],
      ['GET', URL_OF, 'DELETE, PATCH, PUT'],
      ['POST', URL_OF, 'DELETE, PATCH, PUT'],
      ['OPTIONS', URL_OF, 'DELETE, PATCH, PUT'],
      ['PUT', '/v1/films/x', 'GET, HEAD'],
      ['POST', '/health/live', 'GET, HEAD'],
    ];
    for (const [method, path, allow] of cases) {
      const reply = await gateway.ask(method, path);
      expectProblem(reply, 405, 'METHOD_NOT_ALLOWED');
      expect(reply.headers['allow']).toBe(allow);
    }
  });
});

describe('what is not even HTTP', () => {
  it('is answered as a problem too, and the connection closed', async () => {
    const line = `GET / HTTP/1.1\r\nHost: x\r\n`;
    const cases: [string, number][] = [
      ['nonsense\r\n\r\n', 400],
      [`${line}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc`, 400],
      [`${line}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
      [`${line}A\u0000: b\r\n\r\n`, 400],
      [`${line}A: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
      [`GET / HTTP/9.9\r\n\r\n`, 400],
    ];
    for (const [request, expected] of cases) {
      const { status, head, body } = await raw(request);
      expect([request.slice(0, 60), status, body.code]).toEqual([request.slice(0, 60), expected, 'REQUEST_INVALID']);
      expect(head).toContain('application/problem+json');
    }
  });
});

const hostileText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', '..', '.', '%', '%00', '%2e%2e', '%2F', '', 'null', 'first', 'a'.repeat(200)),
);
const hostileValue = fc.oneof(
  fc.jsonValue(),
  fc.record({ position: fc.oneof(hostileText, fc.jsonValue(), fc.dictionary(hostileText, hostileText)), device: fc.oneof(hostileText, fc.jsonValue()) }, { requiredKeys: [] }),
  fc.dictionary(hostileText, fc.jsonValue()),
);
const body = fc.oneof(fc.constantFrom('{}', '{"position":"first"}'), hostileValue.map((value) => JSON.stringify(value)), hostileText, fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')));
/** Half of it good, or nothing hostile would come past the first check. */
const segment = fc.oneof({ weight: 2, arbitrary: fc.constantFrom('ada', 'alien-1979') }, hostileText.map(encodeURIComponentSafely), hostileText.map((text) => text.replaceAll(/[^\x21-\x7e]|[#?]/g, '_')));
const path = fc.oneof(
  fc.tuple(segment, segment).map(([user, film]) => `/v1/users/${user}/favorites/${film}`),
  segment.map((user) => `/v1/users/${user}/favorites`),
  fc.tuple(segment, hostileText, hostileText).map(([user, limit, cursor]) => `/v1/users/${user}/favorites?limit=${encodeURIComponentSafely(limit)}&cursor=${encodeURIComponentSafely(cursor)}`),
  fc.tuple(hostileText, hostileText).map(([key, value]) => `/v1/films?${encodeURIComponentSafely(key)}=${encodeURIComponentSafely(value)}&genre=${encodeURIComponentSafely(value)}`),
  fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`),
  // What the injecting of requests itself cannot parse never reaches the gateway.
).filter((url) => URL.canParse(url, 'http://localhost'));
const headerText = hostileText.map((text) => text.replaceAll(/[^\x20-\x7e]/g, '?'));
const headers = fc.oneof(fc.constant({}), fc.record(
  {
    'content-type': fc.constantFrom('application/json', 'text/plain', 'application/json; charset=x', 'x'),
    consistency: fc.oneof(fc.constantFrom('one', 'all'), headerText),
    'retry-token': headerText,
    traceparent: headerText,
    'x-request-id': headerText,
    cookie: headerText,
  },
  { requiredKeys: [] },
));

function encodeURIComponentSafely(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '?'));
}

describe('any request at all', () => {
  it('is answered, refused as a problem when refused, and never with a 500 or a stack', async () => {
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('GET', 'PUT', 'PATCH', 'DELETE', 'POST', 'HEAD'), path, headers, fc.option(body, { nil: undefined }), async (method, url, sent, payload) => {
        const reply = await gateway.ask(method, url, { body: payload, headers: sent as Record<string, string> });
        statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
        expect([200, 204, 400, 404, 405, 409, 413, 415]).toContain(reply.status);
        expect(faultsOf(reply)).toEqual([]);
      }),
      { numRuns: 1000 },
    );
    expect(gateway.logged).toEqual([]);
    // The search is worth something only if it comes through to all of these.
    for (const status of [200, 204, 400, 404, 405, 415]) expect([...statuses.keys()]).toContain(status);
    await gateway.ask('GET', '/health/live').then(({ status }) => expect(status).toBe(200));
  }, 60_000);
});
