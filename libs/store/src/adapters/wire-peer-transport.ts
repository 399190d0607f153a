/** Replicas reaching each other over the wire: one client per peer, connecting as soon as the node starts. */
import type { Observable } from 'rxjs';
import { assert, PATTERNS, type CallContext, type NodeId, type RingMember } from '@app/contracts';
import type { Clock, Random } from '@app/time';
import { WireClient, type LinkFaults, type WireIdentity, type WireNetwork } from '@app/wire';
import type { PeerReply, PeerRequest, PeerTransport } from '../ports/transport.js';

export interface WirePeerTransportOptions {
  readonly self: NodeId;
  readonly members: readonly RingMember[];
  readonly identity: WireIdentity;
  readonly network: WireNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults?: LinkFaults;
}

export class WirePeerTransport implements PeerTransport {
  readonly #clients = new Map<NodeId, WireClient>();

  constructor(options: WirePeerTransportOptions) {
    const { self, members, ...shared } = options;
    for (const { node, host, port } of members) {
      if (node === self) continue;
      const client = new WireClient({ ...shared, address: { host, port }, peer: node });
      client.connect();
      this.#clients.set(node, client);
    }
  }

  call(to: NodeId, request: PeerRequest, context: CallContext): Observable<PeerReply> {
    const client = this.#clients.get(to);
    assert(client !== undefined, `${to} is no peer of this node`);
    return client.call(PATTERNS.peer, request, context) as Observable<PeerReply>;
  }

  isDown(node: NodeId): boolean {
    return this.#clients.get(node)?.state.kind === 'down';
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }
}
