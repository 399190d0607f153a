/**
 * A service that runs in another process, as an object like any other: the client's side of a declaration.
 *
 *     const films = remoteService(filmsDeclaration, new WireClient({ address, peer: 'films-a1', ... }));
 *     films.lookup({ films: ['heat-1995'] }, context).subscribe(...);
 *
 * Calls when subscribed; the deadline, trace id, priority and principal of the context go with it; unsubscribing tears down the
 * server's Observable. Its errors are those of the service, and beside them what any call over a network may meet: WIRE_UNREACHABLE
 * and WIRE_OVERLOADED (nothing was done), WIRE_CONNECTION_LOST, WIRE_DEADLINE (it may have been). A write that ends with one of the last two
 * has no `pending`: where its server has died, nobody is left who could carry on with it.
 *
 * It speaks to one process. Who has several of them puts one of these behind a circuit each, and chooses.
 */
import { map, type Observable } from 'rxjs';
import type { CallContext } from '@app/contracts';
import type { WireClient } from '@app/wire';
import { replyIn } from './reply-envelope.js';
import type { ServiceDeclaration } from './service-declaration.js';

/** @param client stays its owner's, to be closed by it */
export function remoteService<S>({ name, methods }: ServiceDeclaration<S>, client: Pick<WireClient, 'call'>): S {
  const called = Object.keys(methods).map((method) => {
    const pattern = `${name}.${method}`;
    const call = (request: unknown, context: CallContext): Observable<unknown> => client.call(pattern, request, context).pipe(map(replyIn));
    return [method, call] as const;
  });
  return Object.fromEntries(called) as S;
}
