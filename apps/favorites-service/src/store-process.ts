/**
 * One store node and everything that makes it a process, put together: its engine (handed in open), its peers, its server
 * on the wire, its admin port. Nothing here reads the environment, catches a signal or ends the process, so that tests run
 * the whole of it in their own.
 */
import { lastValueFrom } from 'rxjs';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { ADMIN_HOST, adminServer, faultRoutes, loopDelayRoute, type InjectableFaults } from '@app/admin';
import type { StoreConfiguration } from '@app/config';
import { assert, InvariantViolation, type RingMember } from '@app/contracts';
import { ClusterView, founded, schemaHash, sipHash128, StoreNode, TABLES, type Recovery, type StorageEngine } from '@app/store';
import { WirePeerTransport } from '@app/store/adapters';
import { type Clock, systemClock, systemRandom } from '@app/time';
import { LinkFaults, tcpNetwork, WireExceptionFilter, WireTransport, type WireIdentity, type WireReport } from '@app/wire';
import type { Logger } from 'pino';
import { adminState } from './admin/admin-state.js';
import { memberRoutes } from './admin/member-routes.js';
import { rowRoute } from './admin/row-route.js';
import { AppModule } from './app.module.js';
import { handleHot } from './hot-handlers.js';
import { PeerMessageCounts } from './peer-message-counts.js';
import { watchStorage } from './storage-watch.js';

/** For calls in flight when the process is told to stop, ms. */
export const DRAIN_GRACE_MS = 5_000;
/** Rows are hashed under the cluster's name: rows of two clusters never look alike. */
const DIGEST_KEY_BYTES = 16;

export interface StoreProcessPorts {
  readonly configuration: StoreConfiguration;
  /** Closed by `stop`, and when the start fails. */
  readonly opened: { readonly engine: StorageEngine; readonly recovery: Recovery };
  readonly adminToken: string;
  /** The node's own; the system's by default. */
  readonly clock?: Clock;
  /** What else of it can be made to fail, where faults are on. */
  readonly injectable?: Omit<InjectableFaults, 'links'>;
  readonly log: Logger;
  /** Called when the node must not go on, because of what it found: the process is to end at once. */
  readonly die: (why: string, error?: unknown) => void;
}

export interface StoreProcess {
  /** What was listened on. */
  readonly ports: { readonly wire: number; readonly admin: number };
  /** Lets calls in flight end, at most `graceMs`; then closes everything. Settles when the data is closed. */
  stop(graceMs: number): Promise<void>;
}

/** Settles once it serves. @throws whatever keeps it from listening */
export async function startStoreProcess({ configuration, opened, adminToken, clock = systemClock, injectable, log, die }: StoreProcessPorts): Promise<StoreProcess> {
  const { clusterId, nodeId, zone, region, members, replicationFactor, survive, host, wirePort, adminPort } = configuration;
  const self: RingMember = members.find(({ node }) => node === nodeId) ?? { node: nodeId, zone, region, host, port: wirePort, weight: 1 };
  // Who is not among the members it is told of is to join them.
  const founding = members.includes(self) ? founded(members, replicationFactor, survive) : null;
  const { engine, recovery } = opened;
  const identity: WireIdentity = { clusterId, name: nodeId, role: 'store', schemaHash: schemaHash() };
  const faults = configuration.faults ? new LinkFaults() : null;
  const shared = { identity, network: tcpNetwork(), clock, random: systemRandom, ...(faults && { faults }) };
  const transport = new WirePeerTransport({ ...shared, self: nodeId, members });
  const node = new StoreNode({
    view: new ClusterView(self, clusterId, replicationFactor, members),
    founding,
    seeds: members.map(({ node: name }) => name),
    // An address that is configured goes before the one that a node had when it joined.
    onMembers: (all) => transport.reach([...all, ...members]),
    engine,
    transport,
    clock,
    random: systemRandom,
    digestKey: sipHash128(new Uint8Array(DIGEST_KEY_BYTES), Buffer.from(clusterId)),
    recovery,
    tables: TABLES.map((table) => (table.name === 'favorites' ? { ...table, durability: configuration.durability } : table)),
  });
  const wire = new WireTransport({
    ...shared,
    address: { host, port: wirePort },
    drainGraceMs: DRAIN_GRACE_MS,
    report: (report) => {
      logReport(log, report);
      // What we believed of our own state is not true: going on would spread it.
      if (report.kind === 'handler-failed' && report.error instanceof InvariantViolation) die('an invariant is broken', report.error);
    },
  });
  const heard = new PeerMessageCounts();
  handleHot(wire, node, heard);

  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule.with(node), { strategy: wire, logger: false, abortOnError: false });
  app.useGlobalFilters(new WireExceptionFilter());
  const state = adminState({ configuration, recovery, node, engine, wire: wire.server, heard, made: () => transport.account() });
  const admin = adminServer([state, rowRoute(node), ...memberRoutes(node), loopDelayRoute(), ...faultRoutes(faults && { links: faults, ...injectable }, log, systemClock)], { token: adminToken, random: systemRandom, log });
  const unwatch = watchStorage({ engine, directory: configuration.dataDirectory, isFull: () => injectable?.disk?.isFull === true, log, die });

  const stop = async (graceMs: number): Promise<void> => {
    unwatch();
    const drained = lastValueFrom(wire.server.drain(graceMs), { defaultValue: undefined });
    // Clients have heard by now that this node is not to be called again.
    node.endWatches();
    await drained;
    node.farewell();
    await app.close();
    node.stop();
    transport.close();
    await admin.close();
    await closed(engine);
  };
  try {
    await admin.listen({ host: ADMIN_HOST, port: adminPort });
    await app.listen();
  } catch (error) {
    await stop(0);
    throw error;
  }
  const address = admin.server.address();
  assert(typeof address === 'object' && address !== null && wire.port !== undefined, 'both ports are listened on');
  return { ports: { wire: wire.port, admin: address.port }, stop };
}

const closed = (engine: StorageEngine): Promise<void> =>
  new Promise((resolve, reject) => engine.close((error) => (error === undefined ? resolve() : reject(error))));

function logReport(log: Logger, report: WireReport): void {
  if (report.kind === 'handler-failed') {
    log.error({ err: report.error, pattern: report.pattern, traceId: report.traceId, peer: report.peer.name }, 'handler failed');
  } else log.debug({ code: report.error.code, peer: report.peer.name }, report.kind);
}
