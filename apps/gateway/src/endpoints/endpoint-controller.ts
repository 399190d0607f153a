/**
 * The Nest controller of an endpoint: what decorators would say, said by calls of them. Nothing here decides anything for an
 * endpoint but what stands round all of them: call context with deadline, services bound to it, session, and the end of
 * everything when the deadline passes or the device leaves (Nest unsubscribes).
 */
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res, type Type } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { defer, type Observable, tap } from 'rxjs';
import { withDeadline } from '@app/circuit';
import { GATEWAY_PORTS, type GatewayPorts } from '../gateway-ports.js';
import { ANSWER_HEADERS, CONSISTENCY_HEADER, Refusals, SESSION_TOKEN_HEADER } from '../http/openapi.js';
import { callOf } from '../http/request-context.js';
import { giveSession } from '../http/session-token-header.js';
import { ServiceLayer } from '../services/service-layer.js';
import { DEADLINE_HEADER, timeLeftMs } from './deadline-header.js';
import type { Endpoint, EndpointInputs, InputsOf } from './endpoint.js';

const { 'Consistency-Achieved': _ofOneRow, ...HEADERS } = ANSWER_HEADERS;

export function controllerOf<I extends EndpointInputs, O>(endpoint: Endpoint<I, O>): Type<object> {
  const { method, path, tag, summary, description, inputs, output, refusals = [] } = endpoint;

  class EndpointController {
    constructor(
      private readonly services: ServiceLayer,
      private readonly ports: GatewayPorts,
    ) {}

    answer(request: FastifyRequest, reply: FastifyReply, ...given: unknown[]): Observable<O> {
      const { ports } = this;
      const call = callOf(request, 'read', { ...ports, requestTimeoutMs: timeLeftMs(request.headers['deadline-ms'], endpoint.deadlineMs) });
      const services = this.services.for(call);
      const values = Object.fromEntries(PARTS.filter((part) => inputs[part]).map((part, at) => [part, given[at]])) as InputsOf<I>;
      return defer(() => endpoint.respond(services, values)).pipe(
        withDeadline(ports.clock, call.context.deadlineMs),
        tap(() => giveSession(reply, services.session, call.context, ports.secrets)),
      );
    }
  }

  const ofClass = [Controller(), ApiTags(tag), ApiHeader(CONSISTENCY_HEADER), ApiHeader(SESSION_TOKEN_HEADER), ApiHeader(DEADLINE_HEADER)];
  const ofMethod = [
    method === 'GET' ? Get(path) : Post(path),
    HttpCode(200),
    ApiOperation({ summary, ...(description !== undefined && { description }) }),
    ApiOkResponse({ standardSchema: output, headers: HEADERS }),
    Refusals(...[400, 403, 503, 504, ...(inputs.body ? [413, 415] : []), ...refusals].toSorted((a, b) => a - b)),
  ];
  const { path: ofPath, query, body } = inputs;
  const taken = [ofPath && Param({ schema: ofPath }), query && Query({ schema: query }), body && Body({ schema: body })];
  const ofParameters = [Req(), Res({ passthrough: true }), ...taken.filter((decorator) => decorator !== undefined)];

  const { prototype } = EndpointController;
  const answer = Object.getOwnPropertyDescriptor(prototype, 'answer')!;
  Reflect.defineMetadata('design:paramtypes', ofParameters.map(() => Object), prototype, 'answer');
  ofParameters.forEach((decorate, at) => decorate(prototype, 'answer', at));
  for (const decorate of ofMethod) decorate(prototype, 'answer', answer);
  for (const decorate of ofClass) decorate(EndpointController);
  Inject(ServiceLayer)(EndpointController, undefined, 0);
  Inject(GATEWAY_PORTS)(EndpointController, undefined, 1);
  // Names the operation in the documentation.
  Object.defineProperty(EndpointController, 'name', { value: `${method} ${path}` });
  return EndpointController;
}

/** In the order in which the controller takes them. */
const PARTS = ['path', 'query', 'body'] as const;
