/** Replicas reaching each other over the wire: one client per peer, connecting as soon as the node starts. */
import { Observable } from 'rxjs';
import { PATTERNS, TriptychError, type CallContext, type NodeId, type RingMember } from '@app/contracts';
import type { Clock, Random } from '@app/time';
import { sumOfAccounts, WireClient, type CallAccount, type LinkFaults, type WireIdentity, type WireNetwork } from '@app/wire';
import { decodePeerReply, encodePeerRequest } from './peer-messages.js';
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
  readonly #clients = new Map<NodeId, { readonly client: WireClient; readonly address: string }>();

  constructor(private readonly options: WirePeerTransportOptions) {
    this.reach(options.members);
  }

  /** From here on these can be called, those who could be before and are not among them no more: calls to them in flight fail. */
  reach(members: readonly RingMember[]): void {
    const { self, members: _, ...shared } = this.options;
    const wanted = new Map(members.filter(({ node }) => node !== self).map((member) => [member.node, member]));
    for (const [node, { client, address }] of this.#clients) {
      const member = wanted.get(node);
      if (member !== undefined && address === addressOf(member)) continue;
      client.close();
      this.#clients.delete(node);
    }
    for (const [node, member] of wanted) {
      if (this.#clients.has(node)) continue;
      const client = new WireClient({ ...shared, address: { host: member.host, port: member.port }, peer: node });
      client.connect();
      this.#clients.set(node, { client, address: addressOf(member) });
    }
  }

  call(to: NodeId, request: PeerRequest, context: CallContext): Observable<PeerReply> {
    return new Observable((subscriber) => {
      const peer = this.#clients.get(to);
      // A client that is known to be down refuses within the call; who calls a peer is promised that nothing comes so soon.
      let isWithin = true;
      const fail = (error: unknown): void => {
        if (isWithin) subscriber.add(this.options.clock.after(0, () => subscriber.error(error)));
        else subscriber.error(error);
      };
      if (peer === undefined) fail(new TriptychError('WIRE_UNREACHABLE', `${to} is no peer of this node`, { peer: to })); // it may have left a moment ago
      else {
        const next = (payload: unknown): void => {
          try {
            subscriber.next(decodePeerReply(payload));
          } catch (error) {
            subscriber.error(error);
          }
        };
        subscriber.add(peer.client.begin(PATTERNS.peer, encodePeerRequest(request), context, { next, error: fail, complete: () => subscriber.complete() }));
      }
      isWithin = false;
    });
  }

  isDown(node: NodeId): boolean {
    return (this.#clients.get(node)?.client.state.kind ?? 'down') === 'down';
  }

  /** Calls to all peers: what became of them, and those in flight. */
  account(): CallAccount {
    return sumOfAccounts([...this.#clients.values()].map(({ client }) => client.account()));
  }

  close(): void {
    for (const { client } of this.#clients.values()) client.close();
  }
}

const addressOf = ({ host, port }: RingMember): string => `${host}:${port}`;
