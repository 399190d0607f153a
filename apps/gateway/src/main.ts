/** A gateway as a process: reads its settings, connects to the store, listens, and drains when asked to stop. */
import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { ADMIN_HOST, adminServer, adminToken, clusterSecrets, faultRoutes, loopDelayRoute } from '@app/admin';
import { ConfigurationRefused, createLogger, gatewayConfiguration } from '@app/config';
import { connectListStore } from '@app/favorites-client';
import { systemClock, systemRandom } from '@app/time';
import { LinkFaults } from '@app/wire';
import { adminState } from './admin/admin-state.js';
import { servicesState } from './admin/services-state.js';
import { createGateway } from './app.module.js';
import type { GatewayPorts } from './gateway-ports.js';
import { quorumObstacle } from './health/obstacle.js';
import { everyoneMay } from './http/access.js';
import { listen } from './http/listening-sockets.js';
import { storedServices } from './services/stored-services.js';

/** What a device waits for an answer, ms: longer than any failover within the store takes, shorter than patience. */
const REQUEST_TIMEOUT_MS = 2_000;

async function main(): Promise<void> {
  const { nodeId, zone, clusterId, seeds, replicationFactor, host, httpPort, adminPort, ...rest } = gatewayConfiguration(process.env);
  const log = createLogger({ role: 'gateway', node: nodeId, zone }, rest.logLevel);
  const secrets = clusterSecrets(rest.secretFile);
  const token = adminToken(rest.adminTokenFile);
  const faults = rest.faults ? new LinkFaults() : null;
  const connection = connectListStore({ seeds, clusterId, nodeName: nodeId, zone, ...(faults && { faults }) });
  const ports: GatewayPorts = {
    gatewayId: nodeId,
    zone,
    listStore: connection.store,
    services: storedServices(connection.store, zone, systemClock),
    obstacle: () => connection.obstacle() ?? quorumObstacle(connection.state().nodes, replicationFactor),
    storeState: () => ({ ...connection.state() }),
    accessPolicy: everyoneMay,
    secrets,
    clock: systemClock,
    random: systemRandom,
    log,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  };
  log.warn('there is no access control: everyone who reaches this gateway may read and change every list');

  if (faults !== null) log.warn('faults can be injected through the admin port: this is not for production');
  const { app, drain, counters, admission, services } = await createGateway(ports);
  admission.lateness.start();
  const admin = adminServer([adminState(ports, drain, counters, admission), servicesState(services), loopDelayRoute(), ...faultRoutes(faults && { links: faults }, log, systemClock)], { token, random: systemRandom, log });
  await admin.listen({ host: ADMIN_HOST, port: adminPort });
  const besides = await listen(app, { host, port: httpPort });

  const stop = (why: string): void => {
    if (drain.begun) return;
    log.info({ why }, 'draining');
    const drained = (): void => {
      connection.close();
      void Promise.all([app.close(), admin.close()]).then(() => {
        log.info('stopped');
        process.exit(0);
      });
    };
    drain.begin(app.getHttpServer(), drained, besides);
  };
  process.once('SIGTERM', () => stop('SIGTERM'));
  process.once('SIGINT', () => stop('SIGINT'));
  process.once('disconnect', () => stop('the supervisor is gone'));

  const listening = { http: (app.getHttpServer().address() as AddressInfo).port, admin: adminPort };
  log.info({ host, ...listening }, 'listening');
  process.send?.({ type: 'listening', ports: listening });
}

main().catch((error: unknown) => {
  // What whoever started it can mend (a setting, a file, a port in use) is one line; anything else is for us.
  const mendable = error instanceof ConfigurationRefused || (error instanceof Error && ('syscall' in error || error.name === 'Error'));
  const said = error instanceof Error ? (mendable ? error.message : error.stack) : String(error);
  process.stderr.write(`${said}\n`);
  process.exit(1);
});
