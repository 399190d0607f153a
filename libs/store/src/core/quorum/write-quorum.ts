/**
 * A write goes to every replica at once, and is answered when as many as its level needs have it on disk. The level says
 * when to answer, never to how many copies to write. Who has not stored it when all is over is owed a hint.
 *
 * A replica without a vote in reads may acknowledge writes: what it stores from now on it has (row model, F9). Hints count
 * towards no level (F17), except where a sloppy quorum was asked for: there a node that keeps the write for a replica may
 * stand in for it, and it is told apart.
 */
import type { NodeId } from '@app/contracts';
import { VoteCount, type QuorumOutcome } from './vote-count.js';

/** How a replica answered a write: it is durable there, or it did not answer or refused. */
export type WriteAnswer = 'stored' | 'failed';

export class WriteQuorum extends VoteCount {
  /** Replicas that count although another node has the write for them. */
  readonly #stoodInFor = new Set<NodeId>();

  /**
   * Whom to send the write to: all that are not known to be down. None when the quorum is out of reach from the start, so
   * that a write refused for that reason has no effect anywhere.
   */
  toSend(): NodeId[] {
    if (this.outcome === 'unreachable') return [];
    const sending = this.replicas.filter((_, i) => this.states[i] === 'unasked');
    for (let i = 0; i < this.states.length; i++) if (this.states[i] === 'unasked') this.states[i] = 'pending';
    return sending;
  }

  /** Takes a reply in. */
  answer(replica: NodeId, answer: WriteAnswer): QuorumOutcome {
    if (answer === 'stored') this.#stoodInFor.delete(replica);
    return this.settle(replica, answer === 'stored' ? 'voted' : 'out');
  }

  /** Another node keeps the write for this replica, and that is to count. */
  standIn(replica: NodeId): QuorumOutcome {
    if (!this.voters.includes(replica)) this.#stoodInFor.add(replica);
    return this.settle(replica, 'voted');
  }

  /** Whether a stand-in counts. */
  get isSloppy(): boolean {
    return this.#stoodInFor.size > 0;
  }

  /** Replicas that said that they stored it. */
  get stored(): NodeId[] {
    return this.voters.filter((replica) => !this.#stoodInFor.has(replica));
  }

  /** Replicas that have not said so. */
  get missing(): NodeId[] {
    const { stored } = this;
    return this.replicas.filter((replica) => !stored.includes(replica));
  }
}
