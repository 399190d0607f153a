/**
 * What a service answers: the view a device is shown, and what that view rests on. The first becomes the body, the second
 * the headers of the response, in one place for all routes.
 */
import type { FastifyReply } from 'fastify';
import { map, type OperatorFunction } from 'rxjs';
import type { Achieved, RowKey, RowReply } from '@app/contracts';
import type { SessionToken } from '@app/favorites-client';
import type { GatewayPorts } from '../gateway-ports.js';
import { consistencyAchieved, servedBy } from './consistency-header.js';
import type { Call } from './request-context.js';
import { giveSession } from './session-token-header.js';

export interface Answer<T> {
  readonly view: T;
  readonly achieved: Achieved;
  /** With what it was shown. */
  readonly session: SessionToken;
}

/** What the store has said of a row, as an answer. */
export function answerFrom<T>(view: T, { achieved, seen }: RowReply, row: RowKey, { session }: Call): Answer<T> {
  return { view, achieved, session: session.after(row, seen) };
}

export function answerOn<T>(reply: FastifyReply, { context }: Call, ports: GatewayPorts): OperatorFunction<Answer<T>, T> {
  return map(({ view, achieved, session }) => {
    giveSession(reply, session, context, ports.secrets);
    void reply.header('served-by', servedBy(ports, achieved)).header('consistency-achieved', consistencyAchieved(achieved));
    return view;
  });
}
