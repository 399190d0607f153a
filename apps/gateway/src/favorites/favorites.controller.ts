/** HTTP in, Observable out: reads the request, calls the service, and hands its answer to the reply. */
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Put, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { type AddFavorite, favoritesRow } from '@app/services';
import { GATEWAY_PORTS, type GatewayPorts } from '../gateway-ports.js';
import { Direct } from '../http/direct-routes.js';
import { ANSWER_HEADERS, CONSISTENCY_HEADER, Refusals, RETRY_TOKEN_HEADER, SESSION_TOKEN_HEADER } from '../http/openapi.js';
import { callOf } from '../http/request-context.js';
import { readPage } from '../http/row-page.js';
import { answerWrite, type WrittenItem } from '../http/row-write.js';
import { AddBody, Favorite, FavoritePath, FavoritesPage, ListPath, ListQuery, MoveBody, pageJson, viewOf } from './favorite-view.js';

@ApiTags('favorites')
@ApiHeader(CONSISTENCY_HEADER)
@ApiHeader(SESSION_TOKEN_HEADER)
@Controller('v1/users/:userId/favorites')
export class FavoritesController {
  constructor(@Inject(GATEWAY_PORTS) private readonly ports: GatewayPorts) {}

  @Get()
  @Direct()
  @ApiOperation({
    summary: 'A page of the list, in queue order; of some of its films, by device or genre',
    description: 'A page of some films looks at 2,000 of the list at most: it may be short, or empty, with a cursor to go on from.',
  })
  @ApiOkResponse({ standardSchema: FavoritesPage, headers: ANSWER_HEADERS })
  @Refusals(400, 403, 503, 504)
  list(
    @Param({ schema: ListPath }) { userId }: ListPath,
    @Query({ schema: ListQuery }) { device, genre, ...page }: ListQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Observable<FavoritesPage> {
    void reply.type('application/json; charset=utf-8').serializer(pageJson);
    const call = callOf(request, 'read', this.ports);
    const attributes = { ...(device !== undefined && { device }), ...(genre !== undefined && { genre }) };
    const { favorites } = this.ports.services;
    return readPage(favoritesRow(userId), page, (request, context) => favorites.page({ user: userId, ...attributes, ...request }, context), viewOf, call, reply, this.ports);
  }

  @Put(':filmId')
  @Direct()
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
    const { favorites } = this.ports.services;
    const addition: Pick<AddFavorite, 'position' | 'device'> = { ...(position !== undefined && { position }), ...(device !== undefined && { device }) };
    return answerWrite(request, reply, itemOf(path), (terms, context) => favorites.add({ ...wordsOf(path), ...addition, ...terms }, context), ({ favorite }) => viewOf(favorite), this.ports);
  }

  @Delete(':filmId')
  @Direct()
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
    const { favorites } = this.ports.services;
    return answerWrite(request, reply, itemOf(path), (terms, context) => favorites.remove({ ...wordsOf(path), ...terms }, context), () => null, this.ports);
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
    const { favorites } = this.ports.services;
    return answerWrite(request, reply, itemOf(path), (terms, context) => favorites.move({ ...wordsOf(path), position, ...terms }, context), ({ favorite }) => viewOf(favorite), this.ports);
  }
}

const wordsOf = ({ userId, filmId }: FavoritePath) => ({ user: userId, film: filmId });

const itemOf = ({ userId, filmId }: FavoritePath): WrittenItem => ({ ...favoritesRow(userId), item: filmId });
