/**
 * A read asks no more replicas than its level needs, the nearest first, and one more for each that fails. A replica that
 * may have forgotten what it acknowledged answers without a vote: it is alive, and its silence about an item proves
 * nothing (row model, F9).
 *
 * Refused: asking all replicas and taking the first to answer. It costs N reads for the price of R; one more replica is
 * asked when one is late (`hedge`), not always.
 */
import type { NodeId } from '@app/contracts';
import { VoteCount, type QuorumOutcome } from './vote-count.js';

/** How a replica answered a read: with its state, with a state that does not count, or not at all. */
export type ReadAnswer = 'value' | 'no-vote' | 'failed';

/** Replicas are given nearest first, and asked in that order. */
export class ReadQuorum extends VoteCount {
  /**
   * Whom to ask now so that the quorum is reached if all who were asked vote: at first the nearest `required` ones, later
   * one for each answer without a vote. They count as asked from here on; none once the quorum is out of reach.
   */
  toAsk(): NodeId[] {
    const asking: NodeId[] = [];
    if (this.outcome !== 'waiting') return asking;
    for (const set of this.sets) {
      let enough = this.count(set, (state) => state === 'voted' || state === 'pending');
      for (let i = 0; i < set.length && enough < this.required; i++) {
        if (!set[i] || this.states[i] !== 'unasked') continue;
        this.states[i] = 'pending';
        asking.push(this.replicas[i]!);
        enough++;
      }
    }
    return asking;
  }

  /** One more replica to ask although those asked may suffice, because one of them is late; undefined when none is left. */
  hedge(): NodeId | undefined {
    const index = this.states.indexOf('unasked');
    if (index < 0) return undefined;
    this.states[index] = 'pending';
    return this.replicas[index];
  }

  /** Takes a reply in. When still waiting, ask who `toAsk` names. */
  answer(replica: NodeId, answer: ReadAnswer): QuorumOutcome {
    return this.settle(replica, answer === 'value' ? 'voted' : 'out');
  }
}
