/** The yardstick: a bare Fastify server that says hello. Prints its port, and ends with its input. */
import fastify from 'fastify';

const server = fastify();
server.get('/', () => ({ hello: 'world' }));
const address = await server.listen({ host: '127.0.0.1', port: 0 });
process.stdout.write(`${new URL(address).port}\n`);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
