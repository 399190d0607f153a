/**
 * How a node stands with this client, by what the client itself has lived through with it, never by what others say of
 * it: its connection, its circuits, and whether it was overtaken a moment ago.
 *
 * The last of these is needed because a hedge hides what it heals. A node that hangs loses every race, its attempts are
 * called off, a called-off attempt proves nothing to a circuit, and so each request would wait out the hedge delay for
 * ever. A node that was overtaken comes after the others for a while instead; then one request finds out again.
 */
import type { NodeId, RingMember } from '@app/contracts';
import type { Circuit, CircuitRegistry } from '@app/circuit';
import type { Clock } from '@app/time';
import type { Standing } from './coordinator-order.js';
import type { StoreTransport } from './store-transport.js';

/** Dependencies in the circuit registry; the instance is the node. A node may fail writes alone: its disk may be full. */
export type StoreDependency = 'store-read' | 'store-write';

export interface NodeStandingsOptions {
  readonly transport: StoreTransport;
  /** Must have policies for both store dependencies. */
  readonly circuits: CircuitRegistry;
  readonly clock: Clock;
  /** How long a node that was overtaken comes after the others, ms. */
  readonly lateForMs: number;
}

export class NodeStandings {
  readonly #options: NodeStandingsOptions;
  /** Found once per node, not once per call: the registry finds them by a name that has to be put together. */
  readonly #circuits: Record<StoreDependency, Map<NodeId, Circuit>> = { 'store-read': new Map(), 'store-write': new Map() };
  readonly #lateUntilMs = new Map<NodeId, number>();

  constructor(options: NodeStandingsOptions) {
    this.#options = options;
  }

  circuit(dependency: StoreDependency, node: NodeId): Circuit {
    const known = this.#circuits[dependency];
    let circuit = known.get(node);
    if (circuit === undefined) known.set(node, (circuit = this.#options.circuits.circuit(dependency, node)));
    return circuit;
  }

  /** @param needed what the request needs of the node: a write needs it to read as well */
  standingOf(member: RingMember, needed: readonly StoreDependency[]): Standing {
    if (this.#options.transport.isDown(member)) return 'avoided';
    if (needed.some((dependency) => this.circuit(dependency, member.node).state === 'open')) return 'avoided';
    return this.#isLate(member.node) ? 'late' : 'good';
  }

  overtaken(node: NodeId): void {
    const { clock, lateForMs } = this.#options;
    this.#lateUntilMs.set(node, clock.monotonicMs() + lateForMs);
  }

  /** The members of the ring now in use; what is known of other nodes is forgotten. */
  retain(nodes: readonly NodeId[]): void {
    for (const [dependency, circuits] of Object.entries(this.#circuits)) {
      for (const node of [...circuits.keys()]) {
        if (nodes.includes(node)) continue;
        circuits.delete(node);
        this.#options.circuits.retire(dependency, node);
      }
    }
    for (const node of [...this.#lateUntilMs.keys()]) if (!nodes.includes(node)) this.#lateUntilMs.delete(node);
  }

  /** Nodes that come after the others now because they were overtaken. */
  late(): readonly NodeId[] {
    return [...this.#lateUntilMs.keys()].filter((node) => this.#isLate(node));
  }

  #isLate(node: NodeId): boolean {
    const untilMs = this.#lateUntilMs.get(node);
    if (untilMs === undefined) return false;
    if (this.#options.clock.monotonicMs() < untilMs) return true;
    this.#lateUntilMs.delete(node);
    return false;
  }
}
