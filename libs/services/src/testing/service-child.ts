/**
 * The other process of across-processes.spec.ts: a Nest microservice that hosts the films. What is not the service itself, or
 * talk with the test, is all that such a process needs.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Observable, of, throwError } from 'rxjs';
import { nodeId, TriptychError, zoneId } from '@app/contracts';
import { systemClock } from '@app/time';
import { tcpNetwork, WireTransport } from '@app/wire';
import type { FilmsService } from '../films-service.js';
import { serveService } from '../remote/serve-service.js';
import { filmsDeclaration } from '../remote/service-declaration.js';
import type { Rest } from '../service.js';

const tell = (message: object): boolean => process.send!(message);
const rest: Rest = {
  seen: new Uint8Array(0),
  achieved: { level: 'ONE', node: nodeId('n'), zone: zoneId('z'), replicas: [], zones: [], replicationFactor: 1, repaired: false, hedged: false, versions: 1, fallback: false, tokenAhead: false, sloppy: false },
};

let waiting = 0;
const films: FilmsService = {
  lookup: ({ films: ids }) => of({ ...rest, found: ids.map(() => null) }),
  page: () =>
    new Observable(() => {
      tell({ waiting: ++waiting });
      return () => tell({ waiting: --waiting });
    }),
  topRated: () => throwError(() => new TriptychError('STORE_QUORUM_UNAVAILABLE', 'too few', { needed: 2, alive: 1 })),
};

@Module({})
class FilmsModule {}

const strategy = new WireTransport({
  address: { host: '127.0.0.1', port: 0 },
  identity: { clusterId: 'cluster-1', name: 'films-a1', role: 'films', schemaHash: 'schemas-1' },
  network: tcpNetwork(),
  clock: systemClock,
  drainGraceMs: 0,
  report: () => {},
});
serveService(filmsDeclaration, films, strategy, systemClock);
const app = await NestFactory.createMicroservice(FilmsModule, { strategy, logger: false });
await app.listen();
process.on('disconnect', () => process.exit());
tell({ port: strategy.port! });
