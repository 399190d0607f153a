/** HTTP in, Observable out, for the film catalog. */
import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { GATEWAY_PORTS, type GatewayPorts } from '../gateway-ports.js';
import { answerOn } from '../http/answer.js';
import { ANSWER_HEADERS, CONSISTENCY_HEADER, Refusals } from '../http/openapi.js';
import { callOf } from '../http/request-context.js';
import { Film, FilmPath, FilmsPage, FilmsQuery } from './film-view.js';
import { FilmsService } from './films.service.js';

@ApiTags('films')
@ApiHeader(CONSISTENCY_HEADER)
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
    return this.films.list(query, callOf(request, 'read', this.ports)).pipe(answerOn(reply, this.ports));
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
    return this.films.get(filmId, callOf(request, 'read', this.ports)).pipe(answerOn(reply, this.ports));
  }
}
