/**
 * Hot routes past Nest's way from a request to an Observable and from there to the response: promises for the pipes, the handler
 * and the last value, and four operators to see a device hang up. Here a route is one Subscriber. What a route does is said where
 * it always was, by its controller's method and decorators; `@Direct()` on the method is all that is new.
 *
 * The same as Nest's in all that a device sees, and in this: a device that hangs up ends the work that is done for it, at once.
 * Not for methods with guards, interceptors, pipes, filters or headers of their own, which would not be seen here: the
 * process refuses to start with one.
 */
import type { Socket } from 'node:net';
import { RequestMethod, type Type } from '@nestjs/common';
import {
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  HEADERS_METADATA,
  HTTP_CODE_METADATA,
  INTERCEPTORS_METADATA,
  METHOD_METADATA,
  PIPES_METADATA,
  REDIRECT_METADATA,
  RENDER_METADATA,
  ROUTE_ARGS_METADATA,
  RouteParamtypes,
  SSE_METADATA,
} from '@nestjs/common/internal';
import { type NestFastifyApplication, RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { EmptyError, type Observable, Subscriber } from 'rxjs';
import type { ZodType } from 'zod';
import { requestInvalid } from '@app/admin';
import { assert } from '@app/contracts';
import type { ProblemFilter } from './problem.filter.js';

type Method = (...values: readonly unknown[]) => Observable<unknown>;

interface DirectMethod {
  readonly controller: Type<Record<string, Method>>;
  readonly name: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly direct?: DirectMethod;
  }
}

/** On a controller's method that answers with an Observable: its route is a direct one. */
export function Direct(): MethodDecorator {
  return (prototype, name, descriptor) => {
    const direct = { controller: prototype.constructor, name };
    return RouteConfig({ direct })(prototype, name, descriptor);
  };
}

/** To be called before the routes are made. */
export function directRoutes(app: NestFastifyApplication, filter: ProblemFilter): void {
  app.getHttpAdapter().getInstance().addHook('onRoute', (route) => {
    const direct = route.config?.direct;
    if (direct !== undefined) route.handler = handlerOf(direct, app.get(direct.controller), filter);
  });
}

const READERS = new Map<RouteParamtypes, (request: FastifyRequest, reply: FastifyReply) => unknown>([
  [RouteParamtypes.REQUEST, (request) => request],
  [RouteParamtypes.RESPONSE, (_, reply) => reply],
  [RouteParamtypes.PARAM, ({ params }) => params],
  [RouteParamtypes.QUERY, ({ query }) => query],
  [RouteParamtypes.BODY, ({ body }) => body],
]);

const UNSEEN_HERE = [
  GUARDS_METADATA,
  INTERCEPTORS_METADATA,
  PIPES_METADATA,
  EXCEPTION_FILTERS_METADATA,
  HEADERS_METADATA,
  REDIRECT_METADATA,
  RENDER_METADATA,
  SSE_METADATA,
];

interface Parameter {
  readonly index: number;
  readonly read: (request: FastifyRequest, reply: FastifyReply) => unknown;
  readonly schema: ZodType | undefined;
}

/** In the order in which Nest validates. */
function parametersOf({ controller, name }: DirectMethod): Parameter[] {
  const known: Record<string, { index: number; data?: unknown; pipes: unknown[]; schema?: ZodType }> = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) ?? {};
  return Object.entries(known).map(([key, { index, data, pipes, schema }]) => {
    const read = READERS.get(Number(key.split(':', 1)));
    const isPlain = pipes.length === 0 && (typeof data !== 'string' || data === '');
    assert(read !== undefined && isPlain, `parameter ${index} of ${controller.name}.${name} is not for a direct route`);
    return { index, read, schema };
  });
}

function handlerOf(direct: DirectMethod, controller: Record<string, Method>, filter: ProblemFilter): RouteHandlerMethod {
  const method = controller[direct.name]!;
  for (const key of UNSEEN_HERE) {
    const isSaid = Reflect.hasMetadata(key, method) || Reflect.hasMetadata(key, direct.controller);
    assert(!isSaid, `${direct.controller.name}.${direct.name} cannot be a direct route with ${key}`);
  }
  const parameters = parametersOf(direct);
  const usual = Reflect.getMetadata(METHOD_METADATA, method) === RequestMethod.POST ? 201 : 200;
  const status: number = Reflect.getMetadata(HTTP_CODE_METADATA, method) ?? usual;
  return (request, reply) => {
    // The router takes an empty segment for a parameter; to Nest, and to us, there is no such path.
    if (hasEmpty(request.params as Record<string, string>)) {
      reply.callNotFound();
      return;
    }
    if (request.raw.socket.destroyed) return;
    try {
      const values: unknown[] = [];
      for (const { index, read, schema } of parameters) {
        const value = read(request, reply);
        values[index] = schema === undefined ? value : validated(schema, value);
      }
      method.apply(controller, values).subscribe(new Answering(request, reply, status, filter));
    } catch (error) {
      filter.refuse(error, request, reply);
    }
  };
}

function hasEmpty(params: Readonly<Record<string, string>>): boolean {
  for (const name in params) if (params[name] === '') return true;
  return false;
}

/** @throws REQUEST_INVALID */
function validated(schema: ZodType, value: unknown): unknown {
  const result = schema['~standard'].validate(value);
  assert(!(result instanceof Promise), 'a schema validates at once');
  if (result.issues !== undefined) throw requestInvalid(result.issues);
  return result.value;
}

/** One request that is being answered. Torn down when its device hangs up; nothing is sent then. */
class Answering extends Subscriber<unknown> {
  #isAnswered = false;
  #value: unknown;
  readonly #neighbours: Set<Answering>;

  constructor(
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly status: number,
    private readonly filter: ProblemFilter,
  ) {
    super();
    this.#neighbours = answeringOn(request.raw.socket).add(this);
  }

  override unsubscribe(): void {
    this.#neighbours.delete(this);
    super.unsubscribe();
  }

  protected override _next(value: unknown): void {
    this.#isAnswered = true;
    this.#value = value;
  }

  protected override _error(error: unknown): void {
    try {
      this.unsubscribe();
    } finally {
      this.filter.refuse(error, this.request, this.reply);
    }
  }

  protected override _complete(): void {
    try {
      this.unsubscribe();
    } finally {
      this.#send();
    }
  }

  #send(): void {
    const { request, reply, filter } = this;
    if (reply.sent) return;
    try {
      if (!this.#isAnswered) throw new EmptyError();
      void reply.code(this.status).send(this.#value);
    } catch (error) {
      filter.refuse(error, request, reply);
    }
  }
}

/**
 * Who is being answered on a connection: mostly one, more where requests are pipelined. The connection is watched and not the
 * response, since one that waits for its turn never learns that it is gone; and with one listener for all of its requests.
 */
function answeringOn(socket: Socket): Set<Answering> {
  let answering = connections.get(socket);
  if (answering === undefined) {
    const those = new Set<Answering>();
    socket.once('close', () => those.forEach((each) => each.unsubscribe()));
    connections.set(socket, (answering = those));
  }
  return answering;
}

const connections = new WeakMap<Socket, Set<Answering>>();
