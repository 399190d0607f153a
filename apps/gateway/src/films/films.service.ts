/** The film catalog, read only. Cold Observables of one answer; unsubscribing drops the read. */
import { Inject, Injectable } from '@nestjs/common';
import { defer, map, type Observable } from 'rxjs';
import { TriptychError } from '@app/contracts';
import { ALL_FILMS, genreRow } from '@app/films';
import { GATEWAY_PORTS, type GatewayPorts } from '../gateway-ports.js';
import { demandAccess } from '../http/access.js';
import { type Answer, answerFrom } from '../http/answer.js';
import { type Call, requestFor } from '../http/request-context.js';
import { readPage } from '../http/row-page.js';
import { type FavoritesCount, type Film, filmOf, type FilmsPage, type FilmsQuery } from './film-view.js';

@Injectable()
export class FilmsService {
  constructor(@Inject(GATEWAY_PORTS) private readonly ports: GatewayPorts) {}

  /** Errors: ITEM_NOT_FOUND, and those of `ListStore.get`. */
  get(filmId: string, call: Call): Observable<Answer<Film>> {
    return defer(() => {
      demandAccess(this.ports.accessPolicy, 'read', ALL_FILMS, call.context);
      return this.ports.listStore.get({ ...requestFor(ALL_FILMS, call), item: filmId }, call.context).pipe(
        map(({ item, ...reply }) => {
          if (item === null) throw new TriptychError('ITEM_NOT_FOUND', 'no such film in the catalog', { filmId });
          return answerFrom(filmOf(item), reply, ALL_FILMS, call);
        }),
      );
    });
  }

  /** A genre that no film is of has an empty page. Errors: REQUEST_INVALID, and those of `readPage`. */
  list({ genre, ...page }: FilmsQuery, call: Call): Observable<Answer<FilmsPage>> {
    return defer(() => readPage(genre === undefined ? ALL_FILMS : genreRow(genre), page, filmOf, call, this.ports));
  }

  /** In how many lists a film is; one in no catalog may be in some. Errors: those of `ListStore.count`. */
  favoritesCount(filmId: string, { context }: Call): Observable<FavoritesCount> {
    return defer(() => {
      demandAccess(this.ports.accessPolicy, 'read', ALL_FILMS, context);
      return this.ports.listStore
        .count({ table: 'favorites', item: filmId }, context)
        .pipe(map(({ count, coverage, missing }) => ({ filmId, count, eventual: true as const, coverage, missing: missing.map(({ nodes, slots }) => ({ nodes: [...nodes], slots })) })));
    });
  }
}
