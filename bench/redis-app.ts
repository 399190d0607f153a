/**
 * The peer's program: favorites over Redis behind Fastify, as one would write it: a sorted set per user for the order, a hash
 * for where each film was added from; adds in one transaction, then `WAIT 1`, so that a replica has it too. WAIT holds up
 * its connection, so writes share a pool; reads go over one connection, pipelined. The first argument is the port of the
 * master; prints its own port, and ends with its input.
 */
import fastify from 'fastify';
import { Redis } from 'ioredis';

const WRITERS = 64;
const WAIT_AT_MOST_MS = 1_000;

const master = { host: '127.0.0.1', port: Number(process.argv[2]), enableAutoPipelining: false };
const reader = new Redis(master);
const idle = Array.from({ length: WRITERS }, () => new Redis(master));
const waiting: ((writer: Redis) => void)[] = [];

const borrow = (): Promise<Redis> => {
  const writer = idle.pop();
  return writer === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(writer);
};
const giveBack = (writer: Redis): void => {
  const next = waiting.shift();
  if (next === undefined) idle.push(writer);
  else next(writer);
};

interface Path {
  readonly user: string;
  readonly film: string;
}

const server = fastify();
server.put<{ Params: Path }>('/v1/users/:user/favorites/:film', async ({ params: { user, film } }, reply) => {
  const addedAt = new Date().toISOString();
  const addedFrom = { zone: 'zone-a', device: null };
  const writer = await borrow();
  try {
    const added = writer.multi().zadd(`order:${user}`, 'NX', String(Date.now()), film).hsetnx(`films:${user}`, film, JSON.stringify({ addedAt, addedFrom })).exec();
    const [, replicas] = await Promise.all([added, writer.wait(1, WAIT_AT_MOST_MS)]);
    if (replicas < 1) return await reply.code(503).send();
  } finally {
    giveBack(writer);
  }
  return { filmId: film, addedAt, addedFrom };
});
server.get<{ Params: Pick<Path, 'user'>; Querystring: { limit?: string } }>('/v1/users/:user/favorites', async ({ params: { user }, query }) => {
  const films = await reader.zrange(`order:${user}`, '0', String(Number(query.limit ?? 50) - 1));
  const values = films.length === 0 ? [] : await reader.hmget(`films:${user}`, ...films);
  return { items: films.map((filmId, index) => ({ filmId, ...(JSON.parse(values[index]!) as object) })), nextCursor: null };
});

const address = await server.listen({ host: '127.0.0.1', port: 0 });
process.stdout.write(`${new URL(address).port}\n`);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
