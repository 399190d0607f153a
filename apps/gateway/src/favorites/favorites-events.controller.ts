/** What becomes of a list, as it happens: the service's stream, as server-sent events. */
import type { OutgoingHttpHeaders } from 'node:http';
import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { defer, map, type Observable } from 'rxjs';
import { z } from 'zod';
import type { CallContext } from '@app/contracts';
import { favoritesRow, type FavoritesEvent, type PlacedFavorite } from '@app/services';
import { GATEWAY_PORTS, type GatewayPorts } from '../gateway-ports.js';
import { demandAccess } from '../http/access.js';
import { Drain } from '../http/drain.js';
import { EventStream, type Step } from '../http/event-stream.js';
import { Refusals } from '../http/openapi.js';
import { callOf } from '../http/request-context.js';
import { EVENT_ID_MAX_LENGTH, openEventId, sealEventId } from './event-id.js';
import { ListPath, viewOf } from './favorite-view.js';

const EventsQuery = z.strictObject({
  lastEventId: z.string().max(EVENT_ID_MAX_LENGTH).optional().describe('Instead of the header, for who cannot set one.'),
});
type EventsQuery = z.output<typeof EventsQuery>;

@ApiTags('favorites')
@Controller('v1/users/:userId/favorites')
export class FavoritesEventsController {
  constructor(
    @Inject(GATEWAY_PORTS) private readonly ports: GatewayPorts,
    @Inject(Drain) private readonly drain: Drain,
  ) {}

  @Get('events')
  @ApiOperation({
    summary: 'What becomes of the list, wherever it is written, as server-sent events',
    description:
      'First `list`, {"items": [favorite]}; then `added` and `moved`, a favorite, and `removed`, {"filmId"}. A favorite is that of the list, with its `position`: the list is in the order of (position, filmId), both compared as plain ASCII. `added` of a film that is known replaces it. A device that comes back with the id of the last event hears what it missed; where that is not known any more, or the id is not one of ours, it hears `list` again.',
  })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'The id of the last event, from whichever gateway.', schema: { type: 'string', maxLength: EVENT_ID_MAX_LENGTH } })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ description: 'Goes on until it is left, or the gateway stops.', content: { 'text/event-stream': { schema: { type: 'string' } } } })
  @Refusals(400, 403, 503)
  events(
    @Param({ schema: ListPath }) { userId }: ListPath,
    @Query({ schema: EventsQuery }) { lastEventId }: EventsQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): void {
    const { accessPolicy, clock, random } = this.ports;
    const { context } = callOf(request, 'read', this.ports);
    demandAccess(accessPolicy, 'read', favoritesRow(userId), context);
    const header = request.headers['last-event-id'];
    const feed = this.stepsOf(userId, typeof header === 'string' ? header : lastEventId, context);
    reply.hijack();
    const headers = reply.getHeaders() as OutgoingHttpHeaders;
    if (request.method === 'HEAD') reply.raw.writeHead(200, { ...headers, 'content-type': 'text/event-stream' }).end();
    else new EventStream(reply.raw, { clock, random, drain: this.drain, feed: () => feed }).start(headers);
  }

  /** Each subscription goes on from the last step of the one before. */
  private stepsOf(userId: string, lastId: string | undefined, { principal, ...context }: CallContext): Observable<Step> {
    const { secrets, services } = this.ports;
    const row = favoritesRow(userId);
    let seen = lastId === undefined ? undefined : openEventId(lastId, row, principal.name, secrets);
    return defer(() => services.favorites.watch({ user: userId, ...(seen && { seen }) }, { ...context, principal, deadlineMs: Infinity })).pipe(
      map((event) => {
        seen = Uint8Array.from(event.seen);
        return { events: eventsOf(event), id: sealEventId(seen, row, principal.name, secrets) };
      }),
    );
  }
}

function eventsOf(event: FavoritesEvent): Step['events'] {
  if (event.kind === 'list') return [{ event: 'list', data: { items: event.favorites.map(placedView) } }];
  return event.changes.map((change) =>
    change.kind === 'removed' ? { event: change.kind, data: { filmId: change.film } } : { event: change.kind, data: placedView(change.favorite) },
  );
}

const placedView = (favorite: PlacedFavorite) => ({ ...viewOf(favorite), position: favorite.position });
