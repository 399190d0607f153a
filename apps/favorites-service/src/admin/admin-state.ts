/** What an administrator sees of a store node: what it is, how it started, what it holds and does, and whom it reaches. */
import type { AdminRoute } from '@app/admin';
import type { StoreConfiguration } from '@app/config';
import type { NodeId } from '@app/contracts';
import type { Recovery, StorageEngine, StoreNode } from '@app/store';
import type { WireServer } from '@app/wire';
import type { PeerMessageCounts } from '../peer-message-counts.js';

export interface AdminStatePorts {
  readonly configuration: StoreConfiguration;
  readonly recovery: Recovery;
  readonly node: StoreNode;
  readonly engine: StorageEngine;
  readonly wire: WireServer;
  /** Messages that peers have sent. */
  readonly heard: PeerMessageCounts;
  readonly isDown: (peer: NodeId) => boolean;
}

export function adminState({ configuration, recovery, node, engine, wire, heard, isDown }: AdminStatePorts): AdminRoute {
  const { nodeId, zone, region, clusterId, members, replicationFactor, faults } = configuration;
  const peers = members.map((member) => member.node).filter((name) => name !== nodeId);
  return {
    method: 'GET',
    path: 'state',
    handle: () => ({
      node: nodeId,
      zone,
      region,
      clusterId,
      replicationFactor,
      faults: faults ? 'on' : 'off',
      draining: wire.draining,
      /** How the last run ended, as this one found it. */
      recovery,
      storage: { state: engine.state, durableLsn: engine.durableLsn },
      store: node.stats(),
      wire: { connections: wire.connections, callsInFlight: wire.callsInFlight, heard: heard.counts() },
      peers: Object.fromEntries(peers.map((peer) => [peer, isDown(peer) ? 'down' : 'not known to be down'])),
    }),
  };
}
