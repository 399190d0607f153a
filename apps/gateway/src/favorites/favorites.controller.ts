/** HTTP in, Observable out: reads the request, calls the service, and hands its answer to the reply. */
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Put, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { GATEWAY_PORTS, type GatewayPorts } from '../gateway-ports.js';
import { type Answer, answerOn } from '../http/answer.js';
import { ANSWER_HEADERS, CONSISTENCY_HEADER, Refusals, RETRY_TOKEN_HEADER, SESSION_TOKEN_HEADER } from '../http/openapi.js';
import { type Call, callOf } from '../http/request-context.js';
import { offerRetry, pendingOf } from '../http/retry-token-header.js';
import { offerSession } from '../http/session-token-header.js';
import type { PendingWrite } from '@app/favorites-client';
import { AddBody, Favorite, FavoritePath, FavoritesPage, ListPath, ListQuery, MoveBody } from './favorite-view.js';
import { FavoritesService, rowOf } from './favorites.service.js';

@ApiTags('favorites')
@ApiHeader(CONSISTENCY_HEADER)
@ApiHeader(SESSION_TOKEN_HEADER)
@Controller('v1/users/:userId/favorites')
export class FavoritesController {
  constructor(
    @Inject(FavoritesService) private readonly favorites: FavoritesService,
    @Inject(GATEWAY_PORTS) private readonly ports: GatewayPorts,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'A page of the list, in queue order; of some of its films, by device or genre',
    description: 'A page of some films looks at 2,000 of the list at most: it may be short, or empty, with a cursor to go on from.',
  })
  @ApiOkResponse({ standardSchema: FavoritesPage, headers: ANSWER_HEADERS })
  @Refusals(400, 403, 503, 504)
  list(
    @Param({ schema: ListPath }) { userId }: ListPath,
    @Query({ schema: ListQuery }) query: ListQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Observable<FavoritesPage> {
    const call = callOf(request, 'read', this.ports);
    return this.favorites.list(userId, query, call).pipe(answerOn(reply, call, this.ports));
  }

  @Put(':filmId')
  @ApiOperation({ summary: 'Adds a film; one already there stays where it is, or moves when a position is given' })
  @ApiHeader(RETRY_TOKEN_HEADER)
  @ApiBody({ required: false })
  @ApiOkResponse({ standardSchema: Favorite, headers: ANSWER_HEADERS })
  @Refusals(400, 403, 409, 413, 415, 503, 504)
  add(
    @Param({ schema: FavoritePath }) path: FavoritePath,
    @Body({ schema: AddBody }) { position, device }: AddBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Observable<Favorite> {
    const addition = { placement: position, device };
    return this.write(path, request, reply, (call, pending) => this.favorites.add(path, addition, call, pending));
  }

  @Delete(':filmId')
  @HttpCode(204)
  @ApiOperation({ summary: 'Removes a film; one that is not there is removed already' })
  @ApiHeader(RETRY_TOKEN_HEADER)
  @ApiNoContentResponse({ headers: ANSWER_HEADERS })
  @Refusals(400, 403, 503, 504)
  remove(
    @Param({ schema: FavoritePath }) path: FavoritePath,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Observable<null> {
    return this.write(path, request, reply, (call, pending) => this.favorites.remove(path, call, pending));
  }

  @Patch(':filmId')
  @ApiOperation({ summary: 'Moves a film of the list' })
  @ApiHeader(RETRY_TOKEN_HEADER)
  @ApiOkResponse({ standardSchema: Favorite, headers: ANSWER_HEADERS })
  @Refusals(400, 403, 404, 409, 413, 415, 503, 504)
  move(
    @Param({ schema: FavoritePath }) path: FavoritePath,
    @Body({ schema: MoveBody }) { position }: MoveBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Observable<Favorite> {
    return this.write(path, request, reply, (call, pending) => this.favorites.move(path, position, call, pending));
  }

  private write<T>(
    { userId, filmId }: FavoritePath,
    request: FastifyRequest,
    reply: FastifyReply,
    operation: (call: Call, pending: PendingWrite | undefined) => Observable<Answer<T>>,
  ): Observable<T> {
    const { secrets } = this.ports;
    const call = callOf(request, 'write', this.ports);
    const pending = pendingOf(request, { ...rowOf(userId), item: filmId }, call.context, secrets);
    return operation(call, pending).pipe(
      answerOn(reply, call, this.ports),
      offerSession(reply, rowOf(userId), call, secrets),
      offerRetry(request, reply, call.context, secrets),
    );
  }
}
