/**
 * The store's nodes over the wire: one connection to each, made when it is first called and kept up from then on by its
 * WireClient. What is known of a node is what its last connection or attempt came to.
 */
import { deferMap } from '@app/circuit';
import type { CallContext } from '@app/contracts';
import { decodeClientReply, encodeClientRequest } from '@app/store';
import type { Clock, Random } from '@app/time';
import { type CallAccount, type LinkFaults, sumOfAccounts, WireClient, type WireIdentity, type WireNetwork, type WireState } from '@app/wire';
import type { Observable } from 'rxjs';
import { addressText, type NodeAddress, type StoreTransport } from '../store-transport.js';

export interface WireStoreTransportOptions {
  readonly identity: WireIdentity;
  readonly network: WireNetwork;
  readonly clock: Clock;
  readonly random: Random;
  /** On the wire, for drills. */
  readonly faults?: LinkFaults;
}

interface Connection {
  readonly client: WireClient;
  /** Stays so while the next attempt is made: an attempt proves nothing until it has ended. */
  isDown: boolean;
}

export class WireStoreTransport implements StoreTransport {
  readonly #options: WireStoreTransportOptions;
  readonly #connections = new Map<string, Connection>();
  #closed = false;

  constructor(options: WireStoreTransportOptions) {
    this.#options = options;
  }

  call(to: NodeAddress, pattern: string, payload: unknown, context: CallContext): Observable<unknown> {
    const call = () => this.#connectionTo(to).client.call(pattern, encodeClientRequest(pattern, payload), context);
    return deferMap(call, (reply) => decodeClientReply(pattern, reply));
  }

  isDown(node: NodeAddress): boolean {
    return this.#connections.get(keyOf(node))?.isDown ?? false;
  }

  /** How the connection to a node is; 'idle' where there never was one, 'down' also while the next attempt is made. */
  stateOf(node: NodeAddress): WireState['kind'] {
    const connection = this.#connections.get(keyOf(node));
    if (connection === undefined) return 'idle';
    return connection.isDown ? 'down' : connection.client.state.kind;
  }

  /** Calls to all nodes: what became of them, and those in flight. */
  account(): CallAccount {
    return sumOfAccounts([...this.#connections.values()].map(({ client }) => client.account()));
  }

  /** Closes the connections to all others: nodes that left the ring, and seeds that have told it. */
  retain(nodes: readonly NodeAddress[]): void {
    const kept = new Set(nodes.map(keyOf));
    for (const [key, { client }] of [...this.#connections]) {
      if (kept.has(key)) continue;
      this.#connections.delete(key);
      client.close();
    }
  }

  /** Calls in flight fail, and calls made from now on. */
  close(): void {
    this.#closed = true;
    for (const { client } of this.#connections.values()) client.close();
  }

  #connectionTo(node: NodeAddress): Connection {
    const key = keyOf(node);
    const known = this.#connections.get(key);
    if (known !== undefined) return known;
    const { identity, network, clock, random, faults } = this.#options;
    const address = { host: node.host, port: node.port };
    const client = new WireClient({ address, identity, network, clock, random, ...(node.node !== undefined && { peer: node.node }), ...(faults && { faults }) });
    const connection: Connection = { client, isDown: false };
    client.state$.subscribe(({ kind }) => {
      if (kind !== 'connecting') connection.isDown = kind === 'down';
    });
    this.#connections.set(key, connection);
    if (this.#closed) client.close();
    return connection;
  }
}

/** By name too: another node at the same address is another node. */
function keyOf(node: NodeAddress): string {
  let key = keys.get(node);
  if (key === undefined) keys.set(node, (key = `${addressText(node)}/${node.node ?? ''}`));
  return key;
}

/** Put together once for each member of a ring, not several times for each request. */
const keys = new WeakMap<NodeAddress, string>();
