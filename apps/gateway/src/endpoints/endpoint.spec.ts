import { connect } from 'node:net';
import type { Type } from '@nestjs/common';
import { type CallContext, InvariantViolation, TriptychError } from '@app/contracts';
import { map, NEVER, Observable, of } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Id } from '../http/schemas.js';
import { servicesState } from '../admin/services-state.js';
import { type Reply, testGateway, type TestGateway, type TestGatewayOptions } from '../testing/test-gateway.js';
import { until } from '../testing/until.js';
import { defineEndpoint, type Endpoint } from './endpoint.js';
import { controllerOf } from './endpoint-controller.js';

const Said = z.strictObject({ said: z.string() }).meta({ id: 'Said' });
const common = { method: 'GET', tag: 'test', summary: 'For a test', output: Said, deadlineMs: 300 } as const;

const open: TestGateway[] = [];
async function gatewayWith(endpoints: readonly Type<object>[], over: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await testGateway({ ...over, endpoints });
  open.push(gateway);
  return gateway;
}
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

const path = z.strictObject({ userId: Id });
const greeting = defineEndpoint({
  ...common,
  path: 'v1/users/:userId/greeting',
  inputs: { path, query: z.strictObject({ times: z.coerce.number().int().min(1).max(3).default(2), word: z.string().max(10).optional() }) },
  respond: (_services, { path: { userId }, query: { times, word = 'Hello' } }) => of({ said: `${Array(times).fill(word).join(' ')} ${userId}` }),
});

/** Answers with what it was told of its call. */
const seeing = (heard: CallContext[]) =>
  defineEndpoint({
    ...common,
    path: 'v1/users/:userId/seen',
    inputs: { path },
    respond: (services, { path: { userId } }) => {
      heard.push(services.context);
      return services.user(userId).isFavorite('heat-1995').pipe(map(({ value }) => ({ said: `${services.zone} ${value}` })));
    },
  });

/** Its answer: its one lookup is gathered with others for 2 ms. */
async function answered(gateway: TestGateway, headers: Record<string, string> = {}): Promise<Reply> {
  const reply = gateway.ask('GET', '/v1/users/ada/seen', { headers });
  await until(() => gateway.clock.pending > 0);
  gateway.clock.advance(2);
  return reply;
}

describe('an endpoint', () => {
  it('is given its inputs as their schemas make them, and refuses others as every route does', async () => {
    const gateway = await gatewayWith([controllerOf(greeting)]);
    const url = '/v1/users/ada/greeting';
    expect((await gateway.ask('GET', url)).body).toEqual({ said: 'Hello Hello ada' });
    expect((await gateway.ask('GET', `${url}?times=1&word=Hi`)).body).toEqual({ said: 'Hi ada' });
    for (const bad of [`${url}?times=4`, `${url}?times=x`, `${url}?word=${'x'.repeat(11)}`, `${url}?other=1`, '/v1/users/a%20b/greeting', `${url}?times=1&times=2`]) {
      const { status, body } = await gateway.ask('GET', bad);
      expect([bad, status, body.code]).toEqual([bad, 400, 'REQUEST_INVALID']);
    }
    const { status, headers } = await gateway.ask('DELETE', url);
    expect([status, headers['allow']]).toEqual([405, 'GET, HEAD']);
  });

  it('takes a body when it is a POST', async () => {
    const gateway = await gatewayWith([
      controllerOf(defineEndpoint({ ...common, method: 'POST', path: 'v1/echo', inputs: { body: z.strictObject({ say: z.string() }) }, respond: (_services, { body }) => of({ said: body.say }) })),
    ]);
    expect(await gateway.ask('POST', '/v1/echo', { body: { say: 'yes' } })).toMatchObject({ status: 200, body: { said: 'yes' } });
    expect((await gateway.ask('POST', '/v1/echo', { body: { say: 1 } })).status).toBe(400);
  });

  it('is documented from its definition: inputs, answer, headers, refusals', async () => {
    const gateway = await gatewayWith([controllerOf({ ...greeting, description: 'At length.', refusals: [404] })]);
    const { get } = (await gateway.ask('GET', '/docs/json')).body.paths['/v1/users/{userId}/greeting'];
    expect(get).toMatchObject({ summary: 'For a test', description: 'At length.', tags: ['test'] });
    const parameters = Object.fromEntries(get.parameters.map((one: any) => [one.name, `${one.in} ${one.required}`]));
    expect(parameters).toMatchObject({ userId: 'path true', times: 'query false', word: 'query false', Consistency: 'header false', 'Session-Token': 'header false', 'Deadline-Ms': 'header false' });
    expect(get.parameters.find((one: any) => one.name === 'times').schema).toMatchObject({ minimum: 1, maximum: 3, default: 2 });
    expect(Object.keys(get.responses)).toEqual(expect.arrayContaining(['200', '400', '403', '404', '500', '503', '504']));
    expect(get.responses['200'].content['application/json'].schema).toEqual({ $ref: '#/components/schemas/Said' });
    expect(Object.keys(get.responses['200'].headers).sort()).toEqual(['Served-By', 'Session-Token', 'Trace-Id']);
  });

  it('knows on whose behalf, until when and under which name it is asked, and in which zone', async () => {
    const heard: CallContext[] = [];
    const gateway = await gatewayWith([controllerOf(seeing(heard))]);
    gateway.clock.advance(1_000);
    const reply = await answered(gateway);
    expect(heard).toEqual([{ traceId: reply.headers['trace-id'], deadlineMs: 1_300, priority: 'read', principal: { kind: 'device', name: 'anonymous' } }]);
  });

  it('asks at the level and in the session of its request, and gives the session back', async () => {
    const asked: unknown[] = [];
    const heard: CallContext[] = [];
    const plain = await testGateway();
    const { favorites } = plain.ports.services;
    const services = { ...plain.ports.services, favorites: { ...favorites, lookup: (request: any, context: any) => (asked.push(request), favorites.lookup(request, context)) } };
    open.push(plain);
    const gateway = await gatewayWith([controllerOf(seeing(heard))], { listStore: plain.store, services });
    const first = await answered(gateway, { consistency: 'quorum, one' });
    expect(first.body).toEqual({ said: 'zone-a false' });
    expect(asked).toEqual([{ user: 'ada', films: ['heat-1995'], level: 'QUORUM', fallback: 'ONE' }]);
    const token = first.headers['session-token']!;
    await answered(gateway, { 'session-token': token, consistency: 'session' });
    expect(asked[1]).toEqual({ user: 'ada', films: ['heat-1995'], level: 'SESSION', seen: expect.any(Uint8Array) });
    expect((await gateway.ask('GET', '/v1/users/ada/seen', { headers: { 'session-token': 'nonsense' } })).body.code).toBe('SESSION_TOKEN_INVALID');
  });

  it('has its deadline, or the one its device asks for if that is earlier: then 504', async () => {
    const gateway = await gatewayWith([controllerOf(defineEndpoint({ ...common, path: 'v1/silence', inputs: {}, respond: () => NEVER }))]);
    for (const [header, ms] of [[undefined, 300], ['120', 120], ['9000', 300], ['1', 1]] as const) {
      let isOver = false;
      const waiting = gateway.ask('GET', '/v1/silence', { headers: header === undefined ? {} : { 'deadline-ms': header } }).finally(() => (isOver = true));
      await until(() => gateway.clock.pending === 1);
      gateway.clock.advance(ms - 1);
      await new Promise(setImmediate);
      expect(isOver).toBe(false);
      gateway.clock.advance(1);
      const { status, body } = await waiting;
      expect([status, body.code]).toEqual([504, 'DEADLINE_EXCEEDED']);
    }
    for (const header of ['0', '-5', '1.5', 'soon', '', '1e3', '0x10', '9999999999']) {
      const { status, body } = await gateway.ask('GET', '/v1/silence', { headers: { 'deadline-ms': header } });
      expect([header, status, body.code]).toEqual([header, 400, 'REQUEST_INVALID']);
    }
  });

  it('is torn down when its device hangs up', async () => {
    let tornDown = 0;
    const forever = defineEndpoint({ ...common, path: 'v1/silence', inputs: {}, respond: () => new Observable(() => () => tornDown++) });
    const gateway = await gatewayWith([controllerOf(forever)]);
    const device = connect(Number(new URL(await gateway.listen()).port), '127.0.0.1');
    device.write('GET /v1/silence HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => gateway.clock.pending === 1);
    device.destroy();
    await until(() => tornDown === 1);
    expect(gateway.clock.pending).toBe(0);
  });

  it('fails as every route does, whether it throws, errors or has a bug', async () => {
    const failing = (name: string, respond: Endpoint<object, { said: string }>['respond']) => controllerOf(defineEndpoint({ ...common, path: `v1/${name}`, inputs: {}, respond }));
    const refusal = new TriptychError('ITEM_NOT_FOUND', 'no such film', { filmId: 'x' });
    const gateway = await gatewayWith([
      failing('throws', () => { throw refusal; }),
      failing('errors', () => new Observable((subscriber) => subscriber.error(refusal))),
      failing('bug', () => { throw new TypeError('secret of ours'); }),
    ]);
    for (const name of ['throws', 'errors']) {
      expect((await gateway.ask('GET', `/v1/${name}`)).body).toMatchObject({ status: 404, code: 'ITEM_NOT_FOUND', filmId: 'x' });
    }
    const bug = await gateway.ask('GET', '/v1/bug');
    expect([bug.status, bug.body.code, bug.text.includes('secret')]).toEqual([500, 'INTERNAL', false]);
  });

  it('is refused when it contradicts itself', () => {
    const define = (wrong: object) => () => defineEndpoint({ ...greeting, ...wrong } as typeof greeting);
    expect(define({ path: 'v1/users/:user/greeting' })).toThrow(InvariantViolation);
    expect(define({ path: '/v1/users/:userId/greeting' })).toThrow(InvariantViolation);
    expect(define({ deadlineMs: 0 })).toThrow(InvariantViolation);
    expect(define({ inputs: { path, body: z.string() } })).toThrow(InvariantViolation);
    expect(define({})()).toMatchObject({ path: greeting.path });
  });

  it('leaves its mark in what an administrator sees: circuits, extra load, lookups gathered', async () => {
    const gateway = await gatewayWith([controllerOf(seeing([]))]);
    expect((await answered(gateway)).status).toBe(200);
    const state: any = servicesState(gateway.services).handle(undefined, {});
    expect(state.circuits.map(({ circuit, state: now, totals }: any) => [circuit, now, totals.success])).toEqual([
      ['films', 'closed', 0], ['favorites', 'closed', 1], ['bookmarks', 'closed', 0], ['ratings', 'closed', 0], ['rows', 'closed', 0],
    ]);
    expect(state).toMatchObject({ extraLoad: { calls: 1, retries: 0 }, filmLookups: { batches: 0 } });
  });
});
