/**
 * How a node stands with this client, by what the client itself has lived through with it, never by what others say of
 * it: its connection, its circuits, and whether it was overtaken a moment ago.
 *
 * The last of these is needed because a hedge hides what it heals. A node that hangs loses every race, its attempts are
 * called off, a called-off attempt proves nothing to a circuit, and so each request would wait out the hedge delay for
 * ever. A node that was overtaken comes after the others for a while instead; then one request finds out again.
 *
 * One of which nothing is heard at all, a sign of life that was asked for included, is silent (@app/store: Silence) and comes
 * last, until it is heard. That is also how a client learns that it is itself the one cut off.
 */
import { type CallContext, type NodeId, PATTERNS, type RingMember, type TriptychError } from '@app/contracts';
import type { Circuit, CircuitRegistry } from '@app/circuit';
import { Silence } from '@app/store';
import type { Clock } from '@app/time';
import type { Reach } from './attempt-run.js';
import type { Standing } from './coordinator-order.js';
import type { StoreTransport } from './store-transport.js';

/** Dependencies in the circuit registry; the instance is the node. A node may fail writes alone: its disk may be full. */
export type StoreDependency = 'store-read' | 'store-write';

export interface NodeStandingsOptions {
  readonly transport: StoreTransport;
  /** Must have policies for both store dependencies. */
  readonly circuits: CircuitRegistry;
  readonly clock: Clock;
  /** Where a node is; undefined where it is none of the ring. */
  readonly memberOf: (node: NodeId) => RingMember | undefined;
  /** How long a node that was overtaken comes after the others, ms. */
  readonly lateForMs: number;
}

/** What such questions say that they are for. */
export const SIGN_OF_LIFE = 'sign-of-life';
const SIGN_OF_LIFE_TIMEOUT_MS = 1_000;

export class NodeStandings implements Reach {
  readonly #options: NodeStandingsOptions;
  /** Found once per node, not once per call: the registry finds them by a name that has to be put together. */
  readonly #circuits: Record<StoreDependency, Map<NodeId, Circuit>> = { 'store-read': new Map(), 'store-write': new Map() };
  readonly #lateUntilMs = new Map<NodeId, number>();
  readonly #silences = new Map<NodeId, Silence>();

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
    if (this.#isSilent(member.node)) return 'avoided';
    return this.#isLate(member.node) ? 'late' : 'good';
  }

  /** Something was sent to it that it is to answer. */
  asked(node: NodeId): void {
    this.#silenceOf(node).asked(this.#options.clock.monotonicMs());
  }

  /** It answered, be it with an error. */
  heard(node: NodeId): void {
    this.#silenceOf(node).heard(this.#options.clock.monotonicMs());
  }

  failed(node: NodeId, { code }: TriptychError): void {
    if (!/^(WIRE|CIRCUIT)_/.test(code)) this.heard(node);
  }

  outOfReachFromMs(node: NodeId): number {
    const { clock, transport, memberOf } = this.#options;
    const member = memberOf(node);
    if (member === undefined || transport.isDown(member)) return -Infinity;
    return this.#silenceOf(node).fromMs(clock.monotonicMs());
  }

  doubted(node: NodeId): void {
    const { clock, transport, memberOf } = this.#options;
    const member = memberOf(node);
    const nowMs = clock.monotonicMs();
    const silence = this.#silenceOf(node);
    if (member === undefined || !silence.isProbeDue(nowMs)) return;
    silence.probed(nowMs);
    const context: CallContext = {
      deadlineMs: nowMs + SIGN_OF_LIFE_TIMEOUT_MS,
      traceId: SIGN_OF_LIFE,
      priority: 'background',
      principal: { kind: 'service', name: SIGN_OF_LIFE },
    };
    // A node tells its ring from memory: there is nothing cheaper to ask.
    transport.call(member, PATTERNS.ring, {}, context).subscribe({ next: () => this.heard(node), error: (error: TriptychError) => this.failed(node, error) });
  }

  stoodStill(lateMs: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const silence of this.#silences.values()) silence.stoodStill(lateMs, nowMs);
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
    for (const known of [this.#lateUntilMs, this.#silences]) {
      for (const node of [...known.keys()]) if (!nodes.includes(node)) known.delete(node);
    }
  }

  /** Nodes that come after the others now because they were overtaken. */
  late(): readonly NodeId[] {
    return [...this.#lateUntilMs.keys()].filter((node) => this.#isLate(node));
  }

  /** Whoever asks this could do with the node: a silent one is asked for a sign of life. */
  #isSilent(node: NodeId): boolean {
    const silence = this.#silences.get(node);
    if (silence?.isProbed !== true) return false;
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs < silence.fromMs(nowMs)) return false;
    this.doubted(node);
    // In virtual time the answer may be here.
    return silence.isProbed;
  }

  #silenceOf(node: NodeId): Silence {
    let silence = this.#silences.get(node);
    if (silence === undefined) this.#silences.set(node, (silence = new Silence()));
    return silence;
  }

  #isLate(node: NodeId): boolean {
    const untilMs = this.#lateUntilMs.get(node);
    if (untilMs === undefined) return false;
    if (this.#options.clock.monotonicMs() < untilMs) return true;
    this.#lateUntilMs.delete(node);
    return false;
  }
}
