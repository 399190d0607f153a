/**
 * A part of a page that may be missing. What cannot be had is `missing`, degraded, with the cause: so the page is served, and the
 * type makes its author say what is shown instead. A caller's mistake, and a bug of ours, is no part of a page, and passes.
 */
import { catchError, of, type OperatorFunction } from 'rxjs';
import { PROBLEMS } from '@app/admin';
import type { Served } from '@app/circuit';
import { type ErrorCode, InvariantViolation, TriptychError } from '@app/contracts';

export function orMissing<T, M>(missing: M): OperatorFunction<Served<T>, Served<T | M>> {
  return catchError((cause: unknown) => {
    if (isNobodysMistake(cause)) return of({ value: missing, degraded: true, cause } as const);
    throw cause;
  });
}

/** The same of many parts, which are all missing where they cannot be had. @param count of them */
export function eachOrMissing<T, M>(count: number, missing: M): OperatorFunction<readonly Served<T>[], readonly Served<T | M>[]> {
  return catchError((cause: unknown) => {
    if (isNobodysMistake(cause)) return of(Array.from({ length: count }, () => ({ value: missing, degraded: true, cause }) as const));
    throw cause;
  });
}

/** Why a part is degraded; null where it is not. */
export function causeOf(part: Served<unknown>): ErrorCode | null {
  if (!part.degraded) return null;
  return part.cause instanceof TriptychError ? part.cause.code : 'INTERNAL';
}

/** What HTTP has a 5xx for, and what is not ours: something failed, or was too late, and the request is not to blame. */
function isNobodysMistake(error: unknown): boolean {
  if (error instanceof InvariantViolation) return false;
  return !(error instanceof TriptychError) || PROBLEMS[error.code].status >= 500;
}
