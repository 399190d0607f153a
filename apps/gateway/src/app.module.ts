/** Assembles the gateway from its ports, so that tests build the whole of it over doubles and without a socket. */
import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { RequestCounters } from './admin/request-counters.js';
import { ENDPOINT_CONTROLLERS } from './endpoints/endpoints.js';
import { FavoritesController } from './favorites/favorites.controller.js';
import { FavoritesEventsController } from './favorites/favorites-events.controller.js';
import { BookmarksController } from './film-marks/bookmarks.controller.js';
import { RatingsController } from './film-marks/ratings.controller.js';
import { FilmsController } from './films/films.controller.js';
import { GATEWAY_PORTS, type GatewayPorts } from './gateway-ports.js';
import { HealthController } from './health/health.controller.js';
import { Admission } from './http/admission.js';
import { directRoutes } from './http/direct-routes.js';
import { Drain } from './http/drain.js';
import { httpAdapter } from './http/http-adapter.js';
import { serveDocs } from './http/openapi.js';
import { ProblemFilter } from './http/problem.filter.js';
import { SchemaPipe } from './http/schema.pipe.js';
import { ServiceLayer } from './services/service-layer.js';

@Module({})
export class AppModule {
  static over(ports: GatewayPorts, drain: Drain, endpoints: readonly Type<object>[]): DynamicModule {
    return {
      module: AppModule,
      controllers: [FavoritesController, FavoritesEventsController, FilmsController, BookmarksController, RatingsController, HealthController, ...endpoints],
      providers: [
        { provide: GATEWAY_PORTS, useValue: ports },
        { provide: Drain, useValue: drain },
        { provide: ServiceLayer, useFactory: () => new ServiceLayer(ports) },
      ],
    };
  }
}

export interface Gateway {
  readonly app: NestFastifyApplication;
  readonly drain: Drain;
  readonly counters: RequestCounters;
  readonly admission: Admission;
  readonly services: ServiceLayer;
}

/** A gateway that does not listen yet. */
export async function createGateway(
  ports: GatewayPorts,
  drain = new Drain(ports.clock),
  admission = new Admission(ports),
  endpoints = ENDPOINT_CONTROLLERS,
): Promise<Gateway> {
  const filter = new ProblemFilter(ports.log);
  const counters = new RequestCounters(ports.clock);
  const adapter = httpAdapter(ports, filter, drain, counters, admission);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.over(ports, drain, endpoints), adapter, {
    // Ours is in the adapter. Nest's own would take forms as well.
    bodyParser: false,
    logger: false,
    abortOnError: false,
  });
  app.useGlobalPipes(new SchemaPipe());
  app.useGlobalFilters(filter);
  directRoutes(app, filter);
  serveDocs(app);
  await app.init();
  await adapter.getInstance().ready();
  return { app, drain, counters, admission, services: app.get(ServiceLayer) };
}
