/** HTTP in, Observable out, for the film catalog. */
import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { GATEWAY_PORTS, type GatewayPorts } from '../gateway-ports.js';
import { answerOn } from '../http/answer.js';
import { servedBy } from '../http/consistency-header.js';
import { ANSWER_HEADERS, CONSISTENCY_HEADER, Refusals, SESSION_TOKEN_HEADER } from '../http/openapi.js';
import { callOf } from '../http/request-context.js';
import { FavoritesCount, Film, FilmPath, FilmsPage, FilmsQuery } from './film-view.js';
import { FilmsService } from './films.service.js';

@ApiTags('films')
@ApiHeader(CONSISTENCY_HEADER)
@ApiHeader(SESSION_TOKEN_HEADER)
@Controller('v1/films')
export class FilmsController {
  constructor(
    @Inject(FilmsService) private readonly films: FilmsService,
    @Inject(GATEWAY_PORTS) private readonly ports: GatewayPorts,
  ) {}

  @Get()
  @ApiOperation({ summary: 'A page of the catalog, whole or of one genre' })
  @ApiOkResponse({ standardSchema: FilmsPage, headers: ANSWER_HEADERS })
  @Refusals(400, 403, 503, 504)
  list(
    @Query({ schema: FilmsQuery }) query: FilmsQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Observable<FilmsPage> {
    const call = callOf(request, 'read', this.ports);
    return this.films.list(query, call).pipe(answerOn(reply, call, this.ports));
  }

  @Get(':filmId')
  @ApiOperation({ summary: 'One film' })
  @ApiOkResponse({ standardSchema: Film, headers: ANSWER_HEADERS })
  @Refusals(400, 403, 404, 503, 504)
  get(
    @Param({ schema: FilmPath }) { filmId }: FilmPath,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Observable<Film> {
    const call = callOf(request, 'read', this.ports);
    return this.films.get(filmId, call).pipe(answerOn(reply, call, this.ports));
  }

  @Get(':filmId/favorites-count')
  @ApiOperation({ summary: 'In how many lists a film is: eventual, from one replica of each range' })
  @ApiOkResponse({ standardSchema: FavoritesCount, headers: { 'Served-By': ANSWER_HEADERS['Served-By'] } })
  @Refusals(400, 403, 503, 504)
  favoritesCount(@Param({ schema: FilmPath }) { filmId }: FilmPath, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Observable<FavoritesCount> {
    void reply.header('served-by', servedBy(this.ports));
    return this.films.favoritesCount(filmId, callOf(request, 'read', this.ports));
  }
}
