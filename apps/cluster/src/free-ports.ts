/**
 * Ports that are free, found by binding them all at once and letting them go.
 *
 * Asking the system for port 0 was refused: it answers from the range out of which it also takes the near end of every
 * outgoing connection, so a port found that way may be taken by the first connection another node makes, and a killed
 * node might not get its own port back. The block chosen here lies below that range (32768 upwards on Linux, 49152 on
 * macOS).
 */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { ClusterRefused } from './cluster-refused.js';

const LOWEST_PORT = 10_000;
const HIGHEST_PORT = 32_000;
const TRIES = 100;

/** The first of `ports` that cannot be bound, and the system's reason; null when all can. */
export async function firstTaken(host: string, ports: readonly number[]): Promise<{ port: number; reason: string } | null> {
  const servers: Server[] = [];
  try {
    for (const port of ports) {
      const server = createServer();
      try {
        server.listen({ host, port, exclusive: true });
        await once(server, 'listening');
      } catch (error) {
        return { port, reason: (error as NodeJS.ErrnoException).code ?? String(error) };
      }
      servers.push(server);
    }
    return null;
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** The first port of `count` free ones in a row. */
export async function freePortBlock(host: string, count: number): Promise<number> {
  for (let left = TRIES; left > 0; left--) {
    const base = randomInt(LOWEST_PORT, HIGHEST_PORT - count);
    const ports = Array.from({ length: count }, (_, index) => base + index);
    if ((await firstTaken(host, ports)) === null) return base;
  }
  throw new ClusterRefused(`no ${count} free ports in a row were found between ${LOWEST_PORT} and ${HIGHEST_PORT}; give one with --port`);
}
