import { nodeId, type NodeId } from '@app/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '@app/time';
import { accept, decodeVote, encodeVote, isAbove, NO_VOTE, promise, Proposal, type Ballot, type Vote } from './epoch-vote.js';
import { isMajorityOfEach } from './membership.js';

const ballot = (round: number, attempt = 'aa'): Ballot => ({ round, attempt: attempt.padEnd(16, '0') });
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

describe('a vote', () => {
  it('[M7] is given to no ballot below one that was promised, and survives as bytes', () => {
    expect(promise(NO_VOTE, ballot(2))).toEqual({ promised: ballot(2), accepted: null });
    const vote = promise(NO_VOTE, ballot(2))!;
    expect(promise(vote, ballot(1))).toBe(null);
    expect(promise(vote, ballot(2))).toBe(vote); // a message that came twice
    expect(promise(vote, ballot(2, 'bb'))?.promised).toEqual(ballot(2, 'bb'));
    expect(accept(vote, ballot(1), bytes('x'))).toBe(null);
    const accepted = accept(vote, ballot(2), bytes('x'))!;
    expect(accepted.accepted).toEqual({ ballot: ballot(2), value: bytes('x') });
    expect(promise(accepted, ballot(3))).toEqual({ promised: ballot(3), accepted: accepted.accepted });
    expect(accept(NO_VOTE, ballot(4), bytes('y'))?.promised).toEqual(ballot(4));
    for (const each of [NO_VOTE, vote, accepted]) expect(decodeVote(encodeVote(7, each))).toEqual({ follows: 7, vote: each });
    expect([isAbove(ballot(1), null), isAbove(ballot(1), ballot(1)), isAbove(ballot(1, 'ab'), ballot(1, 'aa')), isAbove(ballot(1, 'ff'), ballot(2, 'aa'))]).toEqual([true, false, true, false]);
  });

  it('[M8] a proposer takes up the value of the highest ballot that it was told of', () => {
    const sets = [['a', 'b', 'c', 'd', 'e'].map(nodeId)];
    const proposal = new Proposal(ballot(9), sets, bytes('mine'));
    expect(proposal.promised(nodeId('a'), { ballot: ballot(3), value: bytes('three') })).toBe('waiting');
    expect(proposal.promised(nodeId('b'), { ballot: ballot(1), value: bytes('one') })).toBe('waiting');
    expect(proposal.promised(nodeId('b'), null)).toBe('waiting');
    expect(proposal.promised(nodeId('c'), null)).toBe('majority');
    expect(Buffer.from(proposal.choice!).toString()).toBe('three');
    expect(proposal.refused(nodeId('d'))).toBe('waiting');
    expect(new Proposal(ballot(1), sets, null).choice).toBe(null);
    const lost = new Proposal(ballot(1), [...sets, ['e', 'f'].map(nodeId)], bytes('mine'));
    expect([lost.refused(nodeId('a')), lost.refused(nodeId('f'))]).toEqual(['waiting', 'lost']);
  });

  it('[M9] whoever proposes, dies, loses and repeats messages in whatever order: one value at most is decided', () => {
    const schedule = fc.record({ seed: fc.nat(), voters: fc.integer({ min: 1, max: 5 }), isJoint: fc.boolean() });
    let decisions = 0;
    fc.assert(
      fc.property(schedule, ({ seed, voters, isJoint }) => {
        const decided = play(seed, voters, isJoint);
        decisions += decided.size;
        expect(decided.size).toBeLessThanOrEqual(1);
      }),
      { numRuns: 2_000 },
    );
    expect(decisions).toBeGreaterThan(200);
  });
});

/** Some proposers with values of their own among the same voters; everything in flight may come in any order, often, or never. */
function play(seed: number, count: number, isJoint: boolean): Set<string> {
  const random = new SeededRandom(seed);
  const names = Array.from({ length: count + 1 }, (_, i) => nodeId(`n${i}`));
  const sets = isJoint ? [names.slice(0, count), names.slice(1)] : [names.slice(0, count)];
  const votes = new Map<NodeId, Vote>(names.map((name) => [name, NO_VOTE]));
  const accepted = new Map<string, { ballot: Ballot; value: Uint8Array; by: Set<NodeId> }>();
  interface Proposer {
    proposal: Proposal;
    isAccepting: boolean;
  }
  const flying: (() => void)[] = [];
  const decided = new Set<string>();
  const begin = (value: string): void => {
    const own: Proposer = { proposal: new Proposal({ round: 1 + random.below(4), attempt: Buffer.from(random.bytes(8)).toString('hex') }, sets, bytes(value)), isAccepting: false };
    const { proposal } = own;
    for (const voter of proposal.voters) {
      flying.push(() => {
        const vote = promise(votes.get(voter)!, proposal.ballot);
        if (vote === null) return;
        votes.set(voter, vote);
        flying.push(() => {
          if (own.isAccepting || proposal.promised(voter, vote.accepted) !== 'majority') return;
          own.isAccepting = true;
          for (const other of proposal.voters) flying.push(() => take(proposal, other));
        });
      });
    }
  };
  const take = (proposal: Proposal, voter: NodeId): void => {
    const value = proposal.choice!;
    const vote = accept(votes.get(voter)!, proposal.ballot, value);
    if (vote === null) return;
    votes.set(voter, vote);
    // Decided is what a majority has accepted in one ballot, whether its proposer hears of that or not.
    const name = JSON.stringify(proposal.ballot);
    const record = accepted.get(name) ?? { ballot: proposal.ballot, value, by: new Set<NodeId>() };
    accepted.set(name, record);
    record.by.add(voter);
    if (isMajorityOfEach(sets, record.by)) decided.add(Buffer.from(record.value).toString());
  };
  let next = 0;
  for (let step = 0; step < 120; step++) {
    if (next < 4 && random.fraction() < 0.08) begin(`value ${next++}`);
    if (flying.length === 0) continue;
    const at = random.below(flying.length);
    const message = flying[at]!;
    if (random.fraction() > 0.1) flying.splice(at, 1); // else it will come again
    if (random.fraction() > 0.15) message(); // else it is lost, for now
  }
  return decided;
}
