/**
 * Whom a coordinator asks first: the nearest replica, unless it is much slower than another (core/snitch/replica-order.ts).
 *
 * A replica that is passed over gets no reads, so nothing would ever tell that it is well again. Therefore it is asked for
 * the same digest beside the others, in the background, one question per beat whatever the traffic, and is first again when
 * its answers are. Heartbeats would not do: they touch no storage, and a replica that reads slowly answers them well.
 */
import type { CallContext, NodeId, RowKey } from '@app/contracts';
import type { Clock } from '@app/time';
import { swiftFirst } from '../core/snitch/replica-order.js';
import type { LatencyTracker } from './latency-tracker.js';
import type { AskPeer } from './read-repair.js';

export interface DynamicSnitchPorts {
  readonly clock: Clock;
  readonly latencies: LatencyTracker;
  readonly ask: AskPeer;
  readonly isDown: (node: NodeId) => boolean;
  readonly isSuspect: (node: NodeId) => boolean;
}

const PROBE_TIMEOUT_MS = 1_000;

export class DynamicSnitch {
  /** Replicas passed over since the last beat, each with a row that it would have been asked for. */
  readonly #passedOver = new Map<NodeId, RowKey>();

  constructor(private readonly ports: DynamicSnitchPorts) {}

  /**
   * The other replicas of a row in the order in which they are to be asked; those that are down come last.
   * @param nearestFirst each once
   */
  order(key: RowKey, nearestFirst: readonly NodeId[]): NodeId[] {
    const { latencies, isDown, isSuspect } = this.ports;
    const up = nearestFirst.filter((node) => !isDown(node));
    const ordered = swiftFirst(up, (node) => (isSuspect(node) ? Infinity : latencies.latencyMs(node)));
    up.forEach((node, place) => {
      if (ordered.indexOf(node) > place) this.#passedOver.set(node, { table: key.table, row: key.row });
    });
    return ordered.length === nearestFirst.length ? ordered : [...ordered, ...nearestFirst.filter((node) => !ordered.includes(node))];
  }

  /** Now and then: asks those passed over, so that they can show that they are well again. */
  probe(): void {
    const { clock, ask } = this.ports;
    for (const [node, key] of this.#passedOver) {
      const context: CallContext = {
        deadlineMs: clock.monotonicMs() + PROBE_TIMEOUT_MS,
        traceId: 'snitch',
        priority: 'background',
        principal: { kind: 'service', name: 'snitch' },
      };
      ask(node, key, { kind: 'digest' }, context, () => {});
    }
    this.#passedOver.clear();
  }
}
