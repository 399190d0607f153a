/**
 * Counts the votes of a row's replicas, for reads and writes alike. Only an answer is a vote. What a failure detector
 * thinks of a replica decides whether it is asked, and lets a request fail at once when too few are left to ask; it never
 * stands for an answer.
 */
import { assert, type NodeId } from '@app/contracts';

/** Three answers, so that a coordinator can fail before its deadline once the quorum is out of reach. */
export type QuorumOutcome = 'waiting' | 'satisfied' | 'unreachable';

/** What is known of one replica: not asked so far, asked, its vote is here, or no vote is to be expected of it. */
export type ReplicaState = 'unasked' | 'pending' | 'voted' | 'out';

export class VoteCount {
  protected readonly states: ReplicaState[];
  /** For each set, which of `replicas` are of it. */
  protected readonly sets: readonly (readonly boolean[])[];

  /**
   * @param replicas all replicas of the row, each once   @param required votes needed, >= 1
   * @param down those known to be down: not asked, and not counted as alive
   * @param sets `required` votes are needed of each: one set of all replicas, or while the membership changes two, those of
   *   before and those of after, which may share members (F18)
   */
  constructor(
    readonly replicas: readonly NodeId[],
    readonly required: number,
    down: ReadonlySet<NodeId>,
    sets: readonly (readonly NodeId[])[] = [replicas],
  ) {
    this.sets = sets.map((set) => replicas.map((replica) => set.includes(replica)));
    assert(required >= 1, 'a quorum needs at least one vote');
    this.states = replicas.map((replica) => (down.has(replica) ? 'out' : 'unasked'));
  }

  get outcome(): QuorumOutcome {
    if (this.votes >= this.required) return 'satisfied';
    return this.alive >= this.required ? 'waiting' : 'unreachable';
  }

  /** Votes in the set that has fewest. */
  get votes(): number {
    return this.#fewest((state) => state === 'voted');
  }

  /**
   * Replicas that voted or still may, in the set that has fewest: with `required`, what an error of an unreachable quorum
   * tells.
   */
  get alive(): number {
    return this.#fewest((state) => state !== 'out');
  }

  /** Who voted, in the order of `replicas`. */
  get voters(): NodeId[] {
    return this.replicas.filter((_, i) => this.states[i] === 'voted');
  }

  /** A vote stands whatever comes after it; one that comes after a failure (a late answer) counts. */
  protected settle(replica: NodeId, state: 'voted' | 'out'): QuorumOutcome {
    const index = this.replicas.indexOf(replica);
    assert(index >= 0, `${replica} is no replica of the row`);
    if (this.states[index] !== 'voted') this.states[index] = state;
    return this.outcome;
  }

  /** Replicas of a set in such a state. */
  protected count(set: readonly boolean[], counts: (state: ReplicaState) => boolean): number {
    let count = 0;
    for (let i = 0; i < set.length; i++) if (set[i]! && counts(this.states[i]!)) count++;
    return count;
  }

  #fewest(counts: (state: ReplicaState) => boolean): number {
    let fewest = Infinity;
    for (const set of this.sets) fewest = Math.min(fewest, this.count(set, counts));
    return fewest;
  }
}
