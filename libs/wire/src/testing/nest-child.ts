/** A Nest microservice over the wire in a process of its own: what the benchmark holds against the bare server. */
import 'reflect-metadata';
import { systemClock } from '@app/time';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { of, type Observable } from 'rxjs';
import { tcpNetwork } from '../adapters/tcp-channel.js';
import { WireTransport } from '../nest/wire-strategy.js';
import { benchResponses } from './bench-messages.js';

@Controller()
class BenchController {
  @MessagePattern('list')
  list(): Observable<unknown> {
    return of(benchResponses.list);
  }

  @MessagePattern('opaque')
  opaque(): Observable<Uint8Array> {
    return of(benchResponses.opaque);
  }
}

@Module({ controllers: [BenchController] })
class BenchModule {}

const strategy = new WireTransport({
  address: { host: '127.0.0.1', port: 0 },
  drainGraceMs: 0,
  identity: { clusterId: 'cluster-1', name: 'child', role: 'test', schemaHash: 'schemas-1' },
  network: tcpNetwork(),
  clock: systemClock,
  report: (report) => report.kind === 'handler-failed' && console.error(report),
}).handle('cpu', () => of(process.cpuUsage()));
const app = await NestFactory.createMicroservice(BenchModule, { strategy, logger: false });
await app.listen();
process.on('disconnect', () => process.exit());
process.send!({ port: strategy.port });
