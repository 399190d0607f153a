/**
 * Listens on one port with several sockets. Since 1.45 libuv accepts one connection per listening socket and turn of the event
 * loop (libuv #3696). In a flood a turn takes tens of milliseconds, so one socket takes up some tens of devices a second; the
 * others stand in the kernel's queue until they have hung up, and are then accepted and served, one after the other, for nobody.
 * With several sockets the kernel spreads new connections over them (SO_REUSEPORT), and each turn takes up as many.
 *
 * A port so shared can be bound twice by mistake, so it is bound alone first. Where the system has no such option there is one
 * socket, as anywhere.
 */
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type ListenOptions, type Server } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

const SOCKETS = process.platform === 'linux' ? 16 : 1;
/** Connections that wait to be accepted, for each socket: together as many as a gateway takes up in a second. */
const BACKLOG = 64;

/**
 * @param port 0 for any that is free
 * @returns the sockets beside the application's own, to be closed with it
 * @throws EADDRINUSE and whatever else binding throws
 */
export async function listen(app: NestFastifyApplication, { host, port }: { readonly host: string; readonly port: number }): Promise<readonly Server[]> {
  const options = { host, backlog: BACKLOG, reusePort: SOCKETS > 1 };
  if (options.reusePort && port !== 0) await bindAlone({ host, port });
  await app.listen({ ...options, port });
  const http = app.getHttpServer() as HttpServer;
  const shared = { ...options, port: (http.address() as AddressInfo).port };
  return Promise.all(Array.from({ length: SOCKETS - 1 }, () => besides(http, shared)));
}

async function besides(http: HttpServer, options: ListenOptions): Promise<Server> {
  const server = createServer((socket) => http.emit('connection', socket));
  await once(server.listen(options), 'listening');
  return server;
}

async function bindAlone(options: ListenOptions): Promise<void> {
  const probe = createServer();
  await once(probe.listen(options), 'listening');
  await new Promise((resolve) => probe.close(resolve));
}
