/**
 * A write goes to every replica at once, and is answered when as many as its level needs have it on disk. The level says
 * when to answer, never to how many copies to write. Who has not stored it when all is over is owed a hint.
 *
 * A replica without a vote in reads may acknowledge writes: what it stores from now on it has (row model, F9). Hints count
 * towards no level (F17).
 */
import type { NodeId } from '@app/contracts';
import { VoteCount, type QuorumOutcome } from './vote-count.js';

/** How a replica answered a write: it is durable there, or it did not answer or refused. */
export type WriteAnswer = 'stored' | 'failed';

export class WriteQuorum extends VoteCount {
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
    return this.settle(replica, answer === 'stored' ? 'voted' : 'out');
  }

  /** Replicas that have not said that they stored it. */
  get missing(): NodeId[] {
    return this.replicas.filter((_, i) => this.states[i] !== 'voted');
  }
}
