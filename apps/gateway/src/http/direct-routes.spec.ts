import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Body, Controller, Get, Header, HttpCode, Param, Post, Put, Query, Res, SetMetadata, type Type, UseGuards } from '@nestjs/common';
import { TriptychError } from '@app/contracts';
import type { FastifyReply } from 'fastify';
import { EMPTY, NEVER, Observable, of, throwError } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type AskOptions, testGateway, type TestGateway } from '../testing/test-gateway.js';
import { until } from '../testing/until.js';
import { Direct } from './direct-routes.js';
import { Id } from './schemas.js';

const ThingPath = z.strictObject({ id: Id });
const Times = z.strictObject({ times: z.coerce.number().int().min(1).default(2) });
const Words = z.strictObject({ words: z.array(z.string().max(5)) }).default({ words: [] });

const answers = {
  plain: () => of({ said: 'this' }),
  several: () => of(1, 2, { said: 'the last one' }),
  nothing: () => of(null),
  text: () => of('a text'),
  empty: () => EMPTY,
  refused: () => throwError(() => new TriptychError('ITEM_NOT_FOUND', 'not here', { id: 'x' })),
  broken: () => throwError(() => new Error('a bug')),
  never: () => NEVER,
  thrown: (): never => {
    throw new TriptychError('LEVEL_UNKNOWN', 'no such level');
  },
  'value-and-error': () => new Observable((subscriber) => (subscriber.next(1), subscriber.error(new TriptychError('LIST_FULL', 'full')))),
  'no-json': () => of({ number: 1n }),
} as const satisfies Record<string, () => Observable<unknown>>;

/** The same routes twice: a path says which, in texts of the same length. */
function routesAt(path: string, mark: () => MethodDecorator): Type<object> {
  @Controller(`v1/${path}`)
  class Routes {
    @Get('answers/:id')
    @mark()
    answer(@Param({ schema: ThingPath }) { id }: { id: keyof typeof answers }) {
      return answers[id]();
    }

    @Put('things/:id')
    @mark()
    put(
      @Param({ schema: ThingPath }) path: object,
      @Query({ schema: Times }) query: object,
      @Body({ schema: Words }) body: object,
      @Res({ passthrough: true }) reply: FastifyReply,
    ) {
      void reply.header('x-words', 'seen');
      return of({ ...path, ...query, ...body });
    }

    @Post('things')
    @mark()
    create() {
      return of({});
    }

    @Post('orders')
    @mark()
    @HttpCode(202)
    order() {
      return of(null);
    }
  }
  return Routes;
}

const usual = (): MethodDecorator => SetMetadata('usual', true);

let gateway: TestGateway;
async function gatewayWith(...endpoints: readonly Type<object>[]): Promise<TestGateway> {
  return (gateway = await testGateway({ endpoints }));
}
afterEach(() => gateway.close());

/** All that a device sees of an answer. */
async function seen(path: string, method: string, url: string, options?: AskOptions): Promise<unknown> {
  const { status, headers, text } = await gateway.ask(method, `/v1/${path}/${url}`, options);
  const { 'trace-id': traceId = '', date: _date, ...rest } = headers;
  return { status, headers: rest, text: text.replaceAll(traceId, '(trace)').replaceAll(`/v1/${path}/`, '/v1/') };
}

describe('a direct route', () => {
  const requests: [string, string, AskOptions?][] = [
    ...Object.keys(answers).filter((id) => id !== 'never').map((id): [string, string] => ['GET', `answers/${id}`]),
    ['HEAD', 'answers/plain'],
    ['HEAD', 'answers/refused'],
    ['DELETE', 'answers/plain'],
    ['GET', 'answers/'],
    ['GET', 'answers/a%20b'],
    ['GET', 'answers/%'],
    ['PUT', 'things/a'],
    ['PUT', 'things/'],
    ['PUT', 'things/a?times=3', { body: { words: ['b'] } }],
    ['PUT', 'things/a?times=0'],
    ['PUT', 'things/a?times=1&more=2'],
    ['PUT', 'things/a', { body: { words: ['too long'] } }],
    ['PUT', 'things/a', { body: '{"__proto__": {"words": []}}' }],
    ['PUT', 'things/a', { body: '{' }],
    ['PUT', 'things/a', { body: 'x'.repeat(10_000) }],
    ['PUT', 'things/a%20b?times=0', { body: { words: 1 } }],
    ['PUT', 'things/a%20b?times=0'],
    ['POST', 'things'],
    ['POST', 'orders'],
  ];

  it.each(requests)("is answered as Nest's own are: %s %s %j", async (method, url, options) => {
    await gatewayWith(routesAt('nestjs', usual), routesAt('direct', Direct));
    expect(await seen('direct', method, url, options)).toEqual(await seen('nestjs', method, url, options));
    const [usually, directly] = gateway.logged.map(({ err }) => err?.message);
    expect(directly).toBe(usually);
    expect(gateway.counters.counts().inFlight).toBe(0);
  });

  it('says what it was asked for', async () => {
    await gatewayWith(routesAt('direct', Direct));
    const reply = await gateway.ask('PUT', '/v1/direct/things/a?times=3', { body: { words: ['b'] } });
    expect([reply.status, reply.body]).toEqual([200, { id: 'a', times: 3, words: ['b'] }]);
    expect(reply.headers).toMatchObject({ 'x-words': 'seen', 'served-by': 'zone=zone-a; gateway=gateway-a', 'content-type': 'application/json; charset=utf-8' });
  });

  it.each([
    ['a guard', UseGuards(class { canActivate = () => true })],
    ['a header', Header('x-a', 'b')],
  ])('cannot have %s, which it would pass by: the process does not start', async (_, decorator) => {
    @Controller('v1/direct')
    class Routes {
      @Get()
      @Direct()
      @decorator
      read() {
        return EMPTY;
      }
    }
    await expect(testGateway({ endpoints: [Routes] })).rejects.toThrow('Routes.read cannot be a direct route');
    await gatewayWith();
  });
});

describe('a device that hangs up', () => {
  /** Never answers, and counts who waits for it. */
  const waiting = { now: 0, ever: 0 };
  @Controller('v1/direct')
  class Routes {
    @Get('waits')
    @Direct()
    waits() {
      return new Observable(() => {
        waiting.now++;
        waiting.ever++;
        return () => void waiting.now--;
      });
    }

    @Get('answers')
    @Direct()
    answers() {
      return of({});
    }
  }

  async function device(requests: string): Promise<Socket> {
    Object.assign(waiting, { now: 0, ever: 0 });
    await gatewayWith(Routes);
    const socket = connect(Number(new URL(await gateway.listen()).port), '127.0.0.1');
    socket.write(requests);
    return socket;
  }
  const get = (url: string): string => `GET /v1/direct/${url} HTTP/1.1\r\nHost: x\r\n\r\n`;

  it('ends the work done for it, and nothing is sent, logged or left', async () => {
    const socket = await device(get('waits'));
    await until(() => waiting.now === 1);
    socket.destroy();
    await until(() => waiting.now === 0);
    await until(() => gateway.counters.counts().inFlight === 0);
    expect(gateway.counters.counts()).toEqual({ inFlight: 0, answered: {}, abandoned: 1 });
    expect(gateway.logged).toEqual([]);
  });

  it('ends all that it asked for on one connection, whether it was its turn or not', async () => {
    const socket = await device(get('waits') + get('waits') + get('waits'));
    await until(() => waiting.now === 3);
    socket.destroy();
    await until(() => waiting.now === 0);
    expect(waiting.ever).toBe(3);
  });

  it('leaves no listener behind for each request of a connection', async () => {
    const socket = await device('');
    const listeners: number[] = [];
    gateway.app.getHttpServer().on('request', (request: IncomingMessage) => listeners.push(request.socket.listenerCount('close')));
    for (let count = 1; count <= 5; count++) {
      socket.write(get('answers'));
      await until(() => gateway.counters.counts().answered['2xx'] === count);
    }
    socket.destroy();
    expect(listeners.slice(1)).toEqual(Array(4).fill(listeners[1]));
  });
});
