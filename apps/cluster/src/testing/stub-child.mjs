/**
 * The least that a child of the supervisor is: it listens, says so, drains on SIGTERM, and ends with its supervisor. It
 * stands for gateways and store nodes where only the supervisor is under test, and misbehaves on request:
 *
 * STUB_EVENTS       a file to which it adds `name started` and `name stopped`
 * STUB_FAILS        names that exit with code 3 instead of listening
 * STUB_SILENT       names that never say that they listen
 * STUB_UNREADY      names whose /health/ready answers 503
 * STUB_STUBBORN     names that take no notice of SIGTERM, nor of their supervisor's end
 */
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { TRIPTYCH_NODE_ID: name, TRIPTYCH_HOST: host, STUB_EVENTS: events } = process.env;
const asked = (what) => (process.env[`STUB_${what}`] ?? '').split(',').includes(name);
const note = (what) => events && appendFileSync(events, `${name} ${what}\n`);

if (asked('FAILS')) {
  console.log('asked to fail');
  process.exit(3);
}

const server = createServer((request, response) => {
  if (request.url === '/health/ready') response.statusCode = asked('UNREADY') ? 503 : 200;
  response.setHeader('Served-By', name);
  response.end(JSON.stringify(process.env));
});

process.on('SIGTERM', () => {
  if (asked('STUBBORN')) return;
  note('stopped');
  process.exit(0);
});
process.on('disconnect', () => {
  if (!asked('STUBBORN')) process.exit(1);
});
server.listen(Number(process.env.TRIPTYCH_PORT_HTTP ?? process.env.TRIPTYCH_PORT_WIRE), host, () => {
  note('started');
  if (!asked('SILENT')) process.send?.({ type: 'listening', ports: {} });
});
