/** The round robin as a process of its own, so that it can be killed, paused and measured like any other. */
import { once } from 'node:events';
import { ConfigurationRefused, createLogger, roundRobinConfiguration } from '@app/config';
import { createRoundRobin } from './round-robin-server.js';

try {
  const { nodeId, host, httpPort, gateways, logLevel } = roundRobinConfiguration(process.env);
  const log = createLogger({ role: 'round-robin', node: nodeId }, logLevel);
  const server = createRoundRobin(gateways);
  process.once('SIGTERM', () => server.close(() => process.exit(0)));
  process.once('disconnect', () => process.exit(1));
  server.listen(httpPort, host);
  await once(server, 'listening');
  log.info({ host, port: httpPort, gateways }, 'listening');
  process.send?.({ type: 'listening', ports: { http: httpPort } });
} catch (error) {
  // Standard error goes to the same log.
  console.error(error instanceof ConfigurationRefused ? error.message : error);
  process.exit(1);
}
