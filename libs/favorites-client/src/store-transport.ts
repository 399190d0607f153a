/**
 * The way to the store nodes, as the client sees it: calls that can be called off, and what the connections know.
 * adapters/wire-store-transport.ts fills it over the wire, testing/scripted-transport.ts with scripts, and the simulator
 * with its network.
 */
import type { CallContext, RingMember } from '@app/contracts';
import type { Observable } from 'rxjs';

/** Where a node listens. A seed is known by nothing else; a member has a name too, and nobody else may answer there. */
export type NodeAddress = Pick<RingMember, 'host' | 'port'> & Partial<Pick<RingMember, 'node'>>;

export interface StoreTransport {
  /**
   * One call: cold, each subscription sends once; one value and completion, or one error. Unsubscribing cancels the call
   * at the node, at once. Errors: what the node answered; WIRE_UNREACHABLE when nothing was sent; WIRE_CONNECTION_LOST,
   * WIRE_DEADLINE and the rest of the wire's when it may have been.
   */
  call(to: NodeAddress, pattern: string, payload: unknown, context: CallContext): Observable<unknown>;
  /** Known to be unreachable: no connection stands and the last try to make one failed. Not knowing is false. */
  isDown(node: NodeAddress): boolean;
}

export const addressText = ({ host, port }: NodeAddress): string => `${host}:${port}`;
