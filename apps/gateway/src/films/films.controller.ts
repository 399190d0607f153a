/** HTTP in, Observable out, for the film catalog. */
import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { defer, map, type Observable } from 'rxjs';
import type { CallContext } from '@app/contracts';
import { ALL_FILMS, genreRow } from '@app/films';
import type { PageRequest } from '@app/services';
import { GATEWAY_PORTS, type GatewayPorts } from '../gateway-ports.js';
import { demandAccess } from '../http/access.js';
import { servedBy } from '../http/consistency-header.js';
import { ANSWER_HEADERS, CONSISTENCY_HEADER, Refusals, SESSION_TOKEN_HEADER } from '../http/openapi.js';
import { callOf } from '../http/request-context.js';
import { readItem } from '../http/row-item.js';
import { readPage } from '../http/row-page.js';
import { FavoritesCount, Film, FilmPath, FilmsPage, FilmsQuery } from './film-view.js';

@ApiTags('films')
@ApiHeader(CONSISTENCY_HEADER)
@ApiHeader(SESSION_TOKEN_HEADER)
@Controller('v1/films')
export class FilmsController {
  constructor(@Inject(GATEWAY_PORTS) private readonly ports: GatewayPorts) {}

  @Get()
  @ApiOperation({ summary: 'A page of the catalog, whole or of one genre' })
  @ApiOkResponse({ standardSchema: FilmsPage, headers: ANSWER_HEADERS })
  @Refusals(400, 403, 503, 504)
  list(
    @Query({ schema: FilmsQuery }) { genre, ...page }: FilmsQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Observable<FilmsPage> {
    const call = callOf(request, 'read', this.ports);
    return defer(() => {
      const row = genre === undefined ? ALL_FILMS : genreRow(genre);
      const ask = (request: PageRequest, context: CallContext) => this.ports.services.films.page({ ...(genre !== undefined && { genre }), ...request }, context);
      return readPage(row, page, ask, asItIs, call, reply, this.ports);
    });
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
    const { films } = this.ports.services;
    return readItem(ALL_FILMS, filmId, (lookup, context) => films.lookup(lookup, context), asItIs, 'no such film in the catalog', call, reply, this.ports);
  }

  @Get(':filmId/favorites-count')
  @ApiOperation({ summary: 'In how many lists a film is: eventual, from one replica of each range' })
  @ApiOkResponse({ standardSchema: FavoritesCount, headers: { 'Served-By': ANSWER_HEADERS['Served-By'] } })
  @Refusals(400, 403, 503, 504)
  favoritesCount(@Param({ schema: FilmPath }) { filmId }: FilmPath, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Observable<FavoritesCount> {
    const { accessPolicy, services } = this.ports;
    void reply.header('served-by', servedBy(this.ports));
    const { context } = callOf(request, 'read', this.ports);
    return defer(() => {
      demandAccess(accessPolicy, 'read', ALL_FILMS, context);
      return services.favorites.count({ film: filmId }, context).pipe(
        map(({ count, coverage, missing }) => ({ filmId, count, eventual: true as const, coverage, missing: missing.map(({ nodes, slots }) => ({ nodes: [...nodes], slots })) })),
      );
    });
  }
}

/** A film is shown as the catalog has it. */
const asItIs = (film: Film): Film => film;
