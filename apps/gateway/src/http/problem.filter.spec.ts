import { PROBLEMS } from '@app/admin';
import { ERRORS, type ErrorCode, TriptychError } from '@app/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await testGateway();
});
afterAll(() => gateway.close());

const URL = '/v1/users/ada/favorites';

describe('a refusal', () => {
  it('is problem+json with the code, the numbers and the trace id, for every code there is', async () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      gateway.store.failNext(new TriptychError(code, 'in words', { needed: 2, status: 7, code: 'X' }));
      const { status, headers, body } = await gateway.ask('GET', URL, { headers: { 'x-request-id': 'trace-1' } });
      expect(headers['content-type']).toBe('application/problem+json');
      expect(headers['trace-id']).toBe('trace-1');
      expect(status).toBe(PROBLEMS[code].status);
      const shown = code === 'INTERNAL' ? { detail: 'see the log for trace-1' } : { detail: 'in words', needed: 2 };
      const { title } = PROBLEMS[code];
      expect(body).toEqual({ type: `urn:triptych:error:${code}`, title, status, code, instance: 'trace-1', ...shown });
    }
  });

  it('tells a device that retries what it may assume: 4xx was not applied', () => {
    const refused = (Object.keys(PROBLEMS) as ErrorCode[]).filter((code) => PROBLEMS[code].status < 500);
    expect(refused.filter((code) => ERRORS[code].applied !== 'no')).toEqual([]);
    expect(refused).toContain('LIST_FULL');
  });

  it('of what nobody expected is logged with its cause and blurred', async () => {
    for (const thrown of [new TypeError('secret of the house'), 'secret text', null, { status: 418, secret: 1 }]) {
      gateway.logged.length = 0;
      gateway.store.failNext(thrown as TriptychError);
      const { status, text, body } = await gateway.ask('GET', URL);
      expect([status, body.code]).toEqual([500, 'INTERNAL']);
      expect(text).not.toMatch(/secret|TypeError|at .*\.ts/);
      expect(gateway.logged).toEqual([expect.objectContaining({ traceId: body.instance, msg: 'a request failed unexpectedly' })]);
    }
    gateway.store.failNext(new TypeError('secret of the house') as never);
    await gateway.ask('GET', URL);
    expect(gateway.logged[1]!['err']).toMatchObject({ type: 'TypeError', message: 'secret of the house' });
    expect(gateway.logged[1]!['err'].stack).toContain('problem.filter.spec');
  });
});

describe('access', () => {
  it('is asked of the policy on every call, and its refusal is a 403', async () => {
    const asked: unknown[] = [];
    const strict = await testGateway({
      accessPolicy: {
        mayAccess: (...question) => {
          asked.push(question);
          return false;
        },
      },
    });
    const calls: [string, string, unknown?][] = [
      ['GET', URL],
      ['PUT', `${URL}/f`],
      ['DELETE', `${URL}/f`],
      ['PATCH', `${URL}/f`, { position: 'first' }],
      ['GET', '/v1/films'],
      ['GET', '/v1/films/f'],
    ];
    for (const [method, url, body] of calls) {
      const reply = await strict.ask(method, url, { body });
      expect([url, reply.status, reply.body.code]).toEqual([url, 403, 'ACCESS_DENIED']);
    }
    const anyone = { kind: 'device', name: 'anonymous' };
    expect(asked).toEqual([
      [anyone, 'read', 'favorites', 'ada'],
      [anyone, 'write', 'favorites', 'ada'],
      [anyone, 'write', 'favorites', 'ada'],
      [anyone, 'write', 'favorites', 'ada'],
      [anyone, 'read', 'catalog', 'films'],
      [anyone, 'read', 'catalog', 'films'],
    ]);
    await strict.close();
  });
});
