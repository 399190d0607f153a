/** What an answer rests on, as headers of the response: in one place for all routes that show a row, or something of one. */
import type { FastifyReply } from 'fastify';
import type { RowKey, RowReply } from '@app/contracts';
import type { GatewayPorts } from '../gateway-ports.js';
import { consistencyAchieved, servedBy } from './consistency-header.js';
import type { Call } from './request-context.js';
import { giveSession } from './session-token-header.js';

/** @param rest what the store has said of the row besides what is shown */
export function sayRest(reply: FastifyReply, { achieved, seen }: RowReply, row: RowKey, { context, session }: Call, ports: GatewayPorts): void {
  giveSession(reply, session.after(row, seen), context, ports.secrets);
  void reply.header('served-by', servedBy(ports, achieved)).header('consistency-achieved', consistencyAchieved(achieved));
}
