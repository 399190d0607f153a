/**
 * Marble tests of what is made of services: rxjs's TestScheduler is the time of both the pictures and the fake services. In a
 * picture a character is a millisecond.
 *
 *     marbles(({ fakes, expectObservable }) => {
 *       fakes.catalog(aFilm('heat-1995')).slow('films', 3);
 *       const title$ = titleOf(fakes.services, 'heat-1995', fakes.context());
 *       expectObservable(title$).toBe('---(t|)', { t: 'heat-1995' });
 *     });
 *
 * Failures compare by code: `toBe('--#', {}, 'STORE_QUORUM_UNAVAILABLE')` of `call$.pipe(failingByCode())`.
 */
import { catchError, type MonoTypeOperatorFunction, throwError } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import type { Clock } from '@app/time';
import type { TriptychError } from '@app/contracts';
import { marbles as clockedMarbles } from '../../../circuit/src/testing/marbles.js';
import { FakeServices } from './fake-services.js';

export interface ServiceMarbles extends RunHelpers {
  readonly clock: Clock;
  readonly fakes: FakeServices<Clock>;
}

export function marbles(draw: (helpers: ServiceMarbles) => void): void {
  clockedMarbles((helpers) => draw({ ...helpers, fakes: new FakeServices(helpers.clock) }));
}

/** An error becomes its code, which a picture can name. */
export function failingByCode<T>(): MonoTypeOperatorFunction<T> {
  return catchError((error: TriptychError) => throwError(() => error.code));
}
