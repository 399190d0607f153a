/**
 * The gateway's service layer: what is made once for the process and shared by all requests. Circuits and bulkheads
 * (dependencies.ts), the collapser of film lookups (films are the same for everybody, so requests share a call), and the
 * last answers that stand in when a dependency is away. `for` gives a request its view of it: bound-services.ts.
 *
 * From the caller inwards: last answers, request cache, collapser, then `protect`. docs/CIRCUITS.md says why in this order.
 */
import { mergeMap } from 'rxjs';
import { Collapser, LastAnswers, protect } from '@app/circuit';
import type { AccessPolicy, ZoneId } from '@app/contracts';
import type { Film } from '@app/films';
import type { Services } from '@app/services';
import type { Clock, Random } from '@app/time';
import type { Call } from '../http/request-context.js';
import { Guards, inOneCall } from './dependencies.js';
import type { FilmRows } from './request-services.js';
import { BoundServices, RequestState } from './bound-services.js';

export interface ServiceLayerPorts {
  readonly services: Services;
  readonly zone: ZoneId;
  readonly accessPolicy: AccessPolicy;
  readonly clock: Clock;
  readonly random: Random;
}

const HOUR_MS = 3_600_000;

export class ServiceLayer {
  readonly guards: Guards;
  readonly films: Collapser<string, Film | null>;
  readonly lastFilms: LastAnswers<string, Film | null>;
  readonly lastFilmLists: LastAnswers<string, readonly Film[]>;
  readonly lastRows: LastAnswers<string, FilmRows>;
  readonly lastRowFilms: LastAnswers<string, readonly string[]>;

  constructor(readonly ports: ServiceLayerPorts) {
    const { clock, random, services } = ports;
    this.guards = new Guards(clock, random);
    this.films = new Collapser<string, Film | null>(
      inOneCall,
      clock,
      (films, context) =>
        protect(services.films.lookup({ films, level: 'ONE' }, context), this.guards.protectionOf('films'), { idempotent: true, deadlineMs: context.deadlineMs }).pipe(
          mergeMap(({ found }) => found.map((value, at) => ({ key: films[at]!, value }))),
        ),
      // The same for everybody, so principals share a call; each was asked about beforehand.
      () => 'everybody',
    );
    this.lastFilms = new LastAnswers({ entriesMax: 10_000, ageMaxMs: HOUR_MS }, clock);
    this.lastFilmLists = new LastAnswers({ entriesMax: 100, ageMaxMs: HOUR_MS }, clock);
    this.lastRows = new LastAnswers({ entriesMax: 5_000, ageMaxMs: HOUR_MS }, clock);
    this.lastRowFilms = new LastAnswers({ entriesMax: 10_000, ageMaxMs: HOUR_MS }, clock);
  }

  /** @param call of a request that begins now */
  for(call: Call): BoundServices {
    return new BoundServices(this, new RequestState(call, this.ports), call.context);
  }

  /** For an administrator. */
  statistics() {
    return { ...this.guards.statistics(), filmLookups: this.films.statistics() };
  }
}
