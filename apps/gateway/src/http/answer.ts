/**
 * What a service answers: the view a device is shown, and what that view rests on. The first becomes the body, the second
 * the headers of the response, in one place for all routes.
 */
import type { FastifyReply } from 'fastify';
import { map, type OperatorFunction } from 'rxjs';
import type { Achieved } from '@app/contracts';
import type { GatewayPorts } from '../gateway-ports.js';
import { consistencyAchieved, servedBy } from './consistency-header.js';

export interface Answer<T> {
  readonly view: T;
  readonly achieved: Achieved;
}

export function answerOn<T>(reply: FastifyReply, ports: GatewayPorts): OperatorFunction<Answer<T>, T> {
  return map(({ view, achieved }) => {
    void reply.header('served-by', servedBy(ports, achieved)).header('consistency-achieved', consistencyAchieved(achieved));
    return view;
  });
}
