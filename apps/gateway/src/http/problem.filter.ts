/** Whatever a request failed with, Nest's own exceptions among it, as the one kind of refusal there is: @app/admin has it. */
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorLog, refuse } from '@app/admin';

@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly log: ErrorLog) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.refuse(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  refuse(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    refuse(thrown, request, reply, this.log, thrown instanceof HttpException ? thrown.getStatus() : undefined);
  }
}
