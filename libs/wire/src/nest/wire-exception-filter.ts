/**
 * Hands a handler's error to the wire as it is. Nest's own filter turns every error but its RpcException into the text
 * "Internal server error", a TriptychError's code with it; the wire knows which errors may be shown, and reports the rest.
 * Install with `useGlobalFilters(new WireExceptionFilter())`.
 */
import { Catch, type RpcExceptionFilter } from '@nestjs/common';
import { throwError, type Observable } from 'rxjs';

@Catch()
export class WireExceptionFilter implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
