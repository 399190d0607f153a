/**
 * Hosts a service for other processes: the server's side of a declaration. Any WireServer takes it; in a Nest microservice it
 * is the transport, and a whole process of it is:
 *
 *     const { clusterId, seeds, zone } = configuration;
 *     const connection = connectListStore({ seeds, clusterId, nodeName: 'films-a1', zone });
 *     const strategy = new WireTransport({ identity: { clusterId, name: 'films-a1', role: 'films', schemaHash: schemaHash() }, ... });
 *     serveService(filmsDeclaration, storedFilms(connection.store), strategy, systemClock);
 *     const app = await NestFactory.createMicroservice(AppModule, { strategy });
 *     await app.listen();
 *
 * The handlers stand beside Nest's (`WireTransport.handle`): there is nothing to decorate, and none of its dispatch to pay for.
 *
 * The service is given a little less time than its caller has left, so that what it says at the end of it, a write of unknown
 * outcome or an answer at the fallback level, still arrives. Requests are taken as they are: only members of the cluster
 * get past the handshake, and each service checks its own limits.
 */
import { catchError, map, type Observable, of } from 'rxjs';
import type { CallContext } from '@app/contracts';
import type { Clock } from '@app/time';
import type { WireHandler } from '@app/wire';
import type { ServiceCall } from '../service.js';
import { envelopeOfFailure, type ReplyEnvelope } from './reply-envelope.js';
import type { ServiceDeclaration } from './service-declaration.js';

/** What WireServer and WireTransport have in common. */
export interface HandlerHost {
  handle(pattern: string, handler: WireHandler): unknown;
}

/** Kept for the way back: ms, and of a short time a share. */
const WAY_BACK_MS = 20;
const WAY_BACK_SHARE = 0.2;

/** @param clock the one that the server's deadlines are on */
export function serveService<S>({ name, methods }: ServiceDeclaration<S>, service: S, server: HandlerHost, clock: Clock): void {
  for (const method of Object.keys(methods) as (keyof S & string)[]) {
    const call = service[method] as ServiceCall<unknown, unknown>;
    const isStream = methods[method] === 'stream';
    server.handle(`${name}.${method}`, (request, context) => enveloped(call(request, isStream ? context : withTimeForTheWayBack(context, clock))));
  }
}

function withTimeForTheWayBack(context: CallContext, clock: Clock): CallContext {
  const leftMs = context.deadlineMs - clock.monotonicMs();
  return { ...context, deadlineMs: context.deadlineMs - Math.max(0, Math.min(WAY_BACK_MS, leftMs * WAY_BACK_SHARE)) };
}

function enveloped(answer$: Observable<unknown>): Observable<ReplyEnvelope> {
  return answer$.pipe(
    map((reply) => ({ reply })),
    catchError((error: unknown) => {
      const envelope = envelopeOfFailure(error);
      if (envelope === null) throw error;
      return of(envelope);
    }),
  );
}
