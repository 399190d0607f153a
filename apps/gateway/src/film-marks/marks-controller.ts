/**
 * HTTP in, Observable out, for marks on films. Bookmarks and ratings differ in their words and in nothing else, so one class is
 * made for each, from one text: a base class could not give the decorators the schemas of its heirs.
 */
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Put, Query, Req, Res, type Type } from '@nestjs/common';
import { ApiHeader, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { z } from 'zod';
import { type FilmMarks, type MarkKind, marksRow } from '@app/services';
import { GATEWAY_PORTS, type GatewayPorts } from '../gateway-ports.js';
import { ANSWER_HEADERS, CONSISTENCY_HEADER, Refusals, RETRY_TOKEN_HEADER, SESSION_TOKEN_HEADER } from '../http/openapi.js';
import { callOf } from '../http/request-context.js';
import { readItem } from '../http/row-item.js';
import { readPage, type RowPage } from '../http/row-page.js';
import { answerWrite } from '../http/row-write.js';
import { Id, NextCursor, Page } from '../http/schemas.js';

/** What the routes of one kind of mark are made of. Mark: as the service has it; Body: as a device sets it; View: as it sees it. */
export interface MarkRoutes<Mark, Body, View> {
  readonly kind: MarkKind<Mark>;
  /** In the singular, for sentences: `bookmark`. */
  readonly one: string;
  readonly service: (ports: GatewayPorts) => FilmMarks<Mark, number>;
  readonly body: z.ZodType<Body>;
  readonly valueOf: (body: Body) => number;
  readonly view: z.ZodType<View>;
  readonly viewOf: (mark: Mark) => View;
}

const UserPath = z.strictObject({ userId: Id });
const MarkPath = z.strictObject({ userId: Id, filmId: Id });
type UserPath = z.output<typeof UserPath>;
type MarkPath = z.output<typeof MarkPath>;

export function marksController<Mark, BodyOf, View>(routes: MarkRoutes<Mark, BodyOf, View>): Type<object> {
  const { kind, one, service, body: BodySchema, valueOf, view, viewOf } = routes;
  const page = z.strictObject({ items: z.array(view), nextCursor: NextCursor }).meta({ id: `${capital(kind.table)}Page` });
  const itemOf = ({ userId, filmId }: MarkPath) => ({ ...marksRow(kind, userId), item: filmId });
  const wordsOf = ({ userId, filmId }: MarkPath) => ({ user: userId, film: filmId });

  @ApiTags(kind.table)
  @ApiHeader(CONSISTENCY_HEADER)
  @ApiHeader(SESSION_TOKEN_HEADER)
  @Controller(`v1/users/:userId/${kind.table}`)
  class MarksController {
    constructor(@Inject(GATEWAY_PORTS) private readonly ports: GatewayPorts) {}

    @Get()
    @ApiOperation({ summary: `A page of all ${kind.table}, in the order in which films were first marked` })
    @ApiOkResponse({ standardSchema: page, headers: ANSWER_HEADERS })
    @Refusals(400, 403, 503, 504)
    list(
      @Param({ schema: UserPath }) { userId }: UserPath,
      @Query({ schema: Page }) query: Page,
      @Req() request: FastifyRequest,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Observable<RowPage<View>> {
      const call = callOf(request, 'read', this.ports);
      const marks = service(this.ports);
      return readPage(marksRow(kind, userId), query, (asked, context) => marks.page({ user: userId, ...asked }, context), viewOf, call, reply, this.ports);
    }

    @Get(':filmId')
    @ApiOperation({ summary: `The ${one} of a film` })
    @ApiOkResponse({ standardSchema: view, headers: ANSWER_HEADERS })
    @Refusals(400, 403, 404, 503, 504)
    get(
      @Param({ schema: MarkPath }) { userId, filmId }: MarkPath,
      @Req() request: FastifyRequest,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Observable<View> {
      const call = callOf(request, 'read', this.ports);
      const marks = service(this.ports);
      const ask = (lookup: { readonly films: readonly string[] }, context: typeof call.context) => marks.lookup({ user: userId, ...lookup }, context);
      return readItem(marksRow(kind, userId), filmId, ask, viewOf, `no ${one} of this film`, call, reply, this.ports);
    }

    @Put(':filmId')
    @ApiOperation({ summary: `Sets the ${one} of a film; one that is there is replaced, by the later of two set at the same time` })
    @ApiHeader(RETRY_TOKEN_HEADER)
    @ApiOkResponse({ standardSchema: view, headers: ANSWER_HEADERS })
    @Refusals(400, 403, 409, 413, 415, 503, 504)
    set(
      @Param({ schema: MarkPath }) path: MarkPath,
      @Body({ schema: BodySchema }) body: BodyOf,
      @Req() request: FastifyRequest,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Observable<View> {
      const marks = service(this.ports);
      const value = valueOf(body);
      return answerWrite(request, reply, itemOf(path), (terms, context) => marks.set({ ...wordsOf(path), value, ...terms }, context), ({ mark }) => viewOf(mark), this.ports);
    }

    @Delete(':filmId')
    @HttpCode(204)
    @ApiOperation({ summary: `Removes the ${one} of a film; none there is removed already` })
    @ApiHeader(RETRY_TOKEN_HEADER)
    @ApiNoContentResponse({ headers: ANSWER_HEADERS })
    @Refusals(400, 403, 503, 504)
    remove(
      @Param({ schema: MarkPath }) path: MarkPath,
      @Req() request: FastifyRequest,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Observable<null> {
      const marks = service(this.ports);
      return answerWrite(request, reply, itemOf(path), (terms, context) => marks.remove({ ...wordsOf(path), ...terms }, context), () => null, this.ports);
    }
  }
  // Names the operations in the documentation.
  Object.defineProperty(MarksController, 'name', { value: `${capital(kind.table)}Controller` });
  return MarksController;
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
