/** Assembles the gateway from its ports, so that tests build the whole of it over doubles and without a socket. */
import { type DynamicModule, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { RequestCounters } from './admin/request-counters.js';
import { FavoritesController } from './favorites/favorites.controller.js';
import { FavoritesService } from './favorites/favorites.service.js';
import { FilmsController } from './films/films.controller.js';
import { FilmsService } from './films/films.service.js';
import { GATEWAY_PORTS, type GatewayPorts } from './gateway-ports.js';
import { HealthController } from './health/health.controller.js';
import { Drain } from './http/drain.js';
import { httpAdapter } from './http/http-adapter.js';
import { serveDocs } from './http/openapi.js';
import { ProblemFilter } from './http/problem.filter.js';
import { SchemaPipe } from './http/schema.pipe.js';

@Module({})
export class AppModule {
  static over(ports: GatewayPorts, drain: Drain): DynamicModule {
    return {
      module: AppModule,
      controllers: [FavoritesController, FilmsController, HealthController],
      providers: [
        { provide: GATEWAY_PORTS, useValue: ports },
        { provide: Drain, useValue: drain },
        FavoritesService,
        FilmsService,
      ],
    };
  }
}

export interface Gateway {
  readonly app: NestFastifyApplication;
  readonly drain: Drain;
  readonly counters: RequestCounters;
}

/** A gateway that does not listen yet. */
export async function createGateway(ports: GatewayPorts, drain = new Drain(ports.clock)): Promise<Gateway> {
  const filter = new ProblemFilter(ports.log);
  const counters = new RequestCounters();
  const adapter = httpAdapter(ports, filter, drain, counters);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.over(ports, drain), adapter, {
    // Ours is in the adapter. Nest's own would take forms as well.
    bodyParser: false,
    logger: false,
    abortOnError: false,
  });
  app.useGlobalPipes(new SchemaPipe());
  app.useGlobalFilters(filter);
  serveDocs(app);
  await app.init();
  await adapter.getInstance().ready();
  return { app, drain, counters };
}
