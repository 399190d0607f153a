/** What an administrator sees of a store node: what it is, how it started, what it holds and does, and whom it reaches. */
import type { AdminRoute } from '@app/admin';
import type { StoreConfiguration } from '@app/config';
import type { Recovery, StorageEngine, StoreNode } from '@app/store';
import type { CallAccount, WireServer } from '@app/wire';
import type { PeerMessageCounts } from '../peer-message-counts.js';

export interface AdminStatePorts {
  readonly configuration: StoreConfiguration;
  readonly recovery: Recovery;
  readonly node: StoreNode;
  readonly engine: StorageEngine;
  readonly wire: WireServer;
  /** Messages that peers have sent. */
  readonly heard: PeerMessageCounts;
  /** Calls to peers. */
  readonly made: () => CallAccount;
}

export function adminState({ configuration, recovery, node, engine, wire, heard, made }: AdminStatePorts): AdminRoute {
  const { nodeId, zone, region, clusterId, replicationFactor, faults } = configuration;
  return {
    method: 'GET',
    path: 'state',
    handle: () => {
      const { peers, ...store } = node.stats();
      return {
        node: nodeId,
        zone,
        region,
        clusterId,
        replicationFactor,
        faults: faults ? 'on' : 'off',
        draining: wire.draining,
        /** How the last run ended, as this one found it. */
        recovery,
        storage: { state: engine.state, failure: engine.failure?.message ?? null, durableLsn: engine.durableLsn },
        store,
        wire: { connections: wire.connections, callsInFlight: wire.callsInFlight, heard: heard.counts(), served: wire.account(), made: made() },
        /** Up, suspect or down as this node holds, why, for how long, and how fast each answers reads. */
        peers,
      };
    },
  };
}
