/** The film catalog, read only. Cold Observables of one answer; unsubscribing drops the read. */
import { Inject, Injectable } from '@nestjs/common';
import { defer, map, type Observable } from 'rxjs';
import { TriptychError } from '@app/contracts';
import { ALL_FILMS, genreRow } from '@app/films';
import { GATEWAY_PORTS, type GatewayPorts } from '../gateway-ports.js';
import { demandAccess } from '../http/access.js';
import type { Answer } from '../http/answer.js';
import type { Call } from '../http/request-context.js';
import { readPage } from '../http/row-page.js';
import { type Film, filmOf, type FilmsPage, type FilmsQuery } from './film-view.js';

@Injectable()
export class FilmsService {
  constructor(@Inject(GATEWAY_PORTS) private readonly ports: GatewayPorts) {}

  /** Errors: ITEM_NOT_FOUND, and those of `ListStore.get`. */
  get(filmId: string, { level, context }: Call): Observable<Answer<Film>> {
    return defer(() => {
      demandAccess(this.ports.accessPolicy, 'read', ALL_FILMS, context);
      return this.ports.listStore.get({ ...ALL_FILMS, item: filmId, level }, context).pipe(
        map(({ item, achieved }) => {
          if (item === null) throw new TriptychError('ITEM_NOT_FOUND', 'no such film in the catalog', { filmId });
          return { view: filmOf(item), achieved };
        }),
      );
    });
  }

  /** A genre that no film is of has an empty page. Errors: REQUEST_INVALID, and those of `readPage`. */
  list({ genre, ...page }: FilmsQuery, call: Call): Observable<Answer<FilmsPage>> {
    return defer(() => readPage(genre === undefined ? ALL_FILMS : genreRow(genre), page, filmOf, call, this.ports));
  }
}
