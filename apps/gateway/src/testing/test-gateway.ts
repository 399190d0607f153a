/** A whole gateway over a store in memory and virtual time, without a socket unless a test opens one. */
import type { AddressInfo } from 'node:net';
import type { Type } from '@nestjs/common';
import { pino } from 'pino';
import { of } from 'rxjs';
import { zoneId } from '@app/contracts';
import { MemoryListStore } from '@app/favorites-client/testing';
import type { GenreOf } from '@app/services';
import { SeededRandom, SimClock } from '@app/time';
import { createGateway, type Gateway } from '../app.module.js';
import type { GatewayPorts } from '../gateway-ports.js';
import { everyoneMay } from '../http/access.js';
import { storedServices } from '../services/stored-services.js';

export const SECRETS = [{ id: 'k1', key: Buffer.from('a cluster secret of 32 bytes ...') }];

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  /** The body, parsed. */
  readonly body: any;
}

export interface TestGateway extends Gateway {
  readonly ports: GatewayPorts;
  readonly clock: SimClock;
  readonly store: MemoryListStore;
  /** Lines logged, parsed. */
  readonly logged: Record<string, any>[];
  ask(method: string, url: string, options?: AskOptions): Promise<Reply>;
  /** Opens a port of loopback. The answer is its URL. */
  listen(): Promise<string>;
  close(): Promise<void>;
}

export interface AskOptions {
  /** Sent as JSON; a string goes as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TestGatewayOptions extends Partial<GatewayPorts> {
  /** Of films that are added to lists; of none by default, so that an add is one call to the store. */
  readonly genreOf?: GenreOf;
  /** Those of the gateway by default. */
  readonly endpoints?: readonly Type<object>[];
}

export async function testGateway({ genreOf = () => of(null), endpoints, ...over }: TestGatewayOptions = {}): Promise<TestGateway> {
  const clock = new SimClock();
  const store = new MemoryListStore(clock);
  const logged: Record<string, any>[] = [];
  const ports: GatewayPorts = {
    gatewayId: 'gateway-a',
    zone: zoneId('zone-a'),
    listStore: store,
    services: storedServices(over.listStore ?? store, over.zone ?? zoneId('zone-a'), clock, genreOf),
    obstacle: () => null,
    storeState: () => ({ epoch: 1 }),
    accessPolicy: everyoneMay,
    secrets: SECRETS,
    clock,
    random: new SeededRandom(1),
    log: pino({ level: 'info' }, { write: (line) => void logged.push(JSON.parse(line)) }),
    requestTimeoutMs: 2000,
    ...over,
  };
  const gateway = await createGateway(ports, undefined, undefined, endpoints);
  return {
    ...gateway,
    ports,
    clock,
    store,
    logged,
    async listen() {
      await gateway.app.listen(0, '127.0.0.1');
      return `http://127.0.0.1:${(gateway.app.getHttpServer().address() as AddressInfo).port}`;
    },
    close: () => gateway.app.close(),
    async ask(method, url, { body, headers = {} } = {}) {
      const payload = body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) };
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const reply = await gateway.app.inject({ method: method as 'GET', url, headers: { ...type, ...headers }, ...payload });
      const json = reply.body !== '' && /json/.test(String(reply.headers['content-type']));
      return {
        status: reply.statusCode,
        headers: reply.headers as Reply['headers'],
        text: reply.body,
        body: json ? JSON.parse(reply.body) : undefined,
      };
    },
  };
}
