/** One store node as a process: opens its data, listens, drains when asked to stop, and ends when it must not go on. */
import 'reflect-metadata';
import { adminToken } from '@app/admin';
import { ConfigurationRefused, createLogger, storeConfiguration, type StoreConfiguration } from '@app/config';
import { checkLayout, founded, imbalancesOf } from '@app/store';
import { FullableDisk, openOrSetAside, type LmdbEngineOptions } from '@app/store/adapters';
import { SkewedClock, systemClock } from '@app/time';
import { startFailure } from './start-failure.js';
import { DRAIN_GRACE_MS, startStoreProcess } from './store-process.js';

/** When the supervisor is gone the others of the cluster are going too: nobody is worth waiting for, ms. */
const ORPHAN_GRACE_MS = 500;

let configuration: StoreConfiguration | null = null;

async function main(): Promise<void> {
  configuration = storeConfiguration(process.env);
  const { nodeId, zone, clusterId, dataDirectory, host } = configuration;
  const log = createLogger({ role: 'store', node: nodeId, zone }, configuration.logLevel);
  const { members, replicationFactor, survive } = configuration;
  const layout = checkLayout(members, replicationFactor, survive);
  if (!layout.ok) throw new ConfigurationRefused(`this layout cannot hold the data: ${layout.reason}`);
  const overZones = checkLayout(members, replicationFactor, 'zone');
  if (!overZones.ok) log.warn({ reason: overZones.reason }, 'this layout does not survive the loss of a zone');
  const unbalanced = imbalancesOf(founded(members, replicationFactor, survive)).find(({ node }) => node === nodeId);
  if (unbalanced !== undefined) log.warn(unbalanced, 'this node holds more or less than its weight calls for: the zones leave no choice');
  const token = adminToken(configuration.adminTokenFile);
  const { durability, periodicSyncMs } = configuration;
  const settings = { periodicSyncMs, cutsTail: durability === 'periodic' };
  const clock = configuration.faults ? new SkewedClock(systemClock) : systemClock;
  const { faults } = configuration;
  const fullable: { disk?: FullableDisk } = {};
  const wrapDisk: LmdbEngineOptions['wrapDisk'] = (disk) => (faults ? (fullable.disk = new FullableDisk(disk)) : disk);
  const opened = openOrSetAside({ directory: dataDirectory, clusterId, nodeId, clock, settings, wrapDisk });
  if (opened.setAside !== null) log.error(opened.setAside, 'the data directory could not be opened and was set aside: this node is rebuilt from the others');
  log.info({ recovery: opened.recovery, dataDirectory }, 'data directory open');
  log.warn('there is no access control: every process of this cluster may read and change every row');
  if (configuration.faults) log.warn('faults can be injected through the admin port: this is not for production');

  const die = (why: string, error?: unknown): void => {
    log.fatal({ err: error }, why);
    process.exit(1);
  };
  const injectable = { ...(clock instanceof SkewedClock && { clock }), ...fullable };
  const store = await startStoreProcess({ configuration, opened, adminToken: token, clock, injectable, log, die });

  let isStopping = false;
  const stop = (why: string, graceMs: number): void => {
    if (isStopping) return;
    isStopping = true;
    log.info({ why }, 'draining');
    store.stop(graceMs).then(
      () => {
        log.info('stopped');
        process.exit(0);
      },
      (error: unknown) => die('the stop failed', error),
    );
  };
  process.once('SIGTERM', () => stop('SIGTERM', DRAIN_GRACE_MS));
  process.once('SIGINT', () => stop('SIGINT', DRAIN_GRACE_MS));
  process.once('disconnect', () => stop('the supervisor is gone', ORPHAN_GRACE_MS));

  log.info({ host, ...store.ports }, 'listening');
  process.send?.({ type: 'listening', ports: store.ports });
}

main().catch((error: unknown) => {
  process.stderr.write(`${startFailure(error, configuration)}\n`);
  process.exit(1);
});
