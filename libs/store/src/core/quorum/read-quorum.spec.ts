import { nodeId, type NodeId } from '@app/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReadQuorum, type ReadAnswer } from './read-quorum.js';

const [A1, B1, C1, D1, E1] = ['a1', 'b1', 'c1', 'd1', 'e1'].map(nodeId) as [NodeId, NodeId, NodeId, NodeId, NodeId];
const THREE = [A1, B1, C1];
const NONE = new Set<NodeId>();

describe('a read at a quorum', () => {
  it('[Q3] asks as many replicas as it needs, the nearest first', () => {
    const quorum = new ReadQuorum(THREE, 2, NONE);
    expect(quorum.toAsk()).toEqual([A1, B1]);
    expect(quorum.toAsk()).toEqual([]);
  });

  it('[Q4] is satisfied by votes alone', () => {
    const quorum = new ReadQuorum(THREE, 2, NONE);
    quorum.toAsk();
    expect(quorum.answer(A1, 'value')).toBe('waiting');
    expect(quorum.answer(B1, 'value')).toBe('satisfied');
    expect(quorum.voters).toEqual([A1, B1]);
  });

  it('[Q13] needs its votes of the members of before and of those of after, while these change', () => {
    const sets = [[A1, B1, C1], [D1, B1, C1]];
    const quorum = new ReadQuorum([A1, B1, C1, D1], 2, NONE, sets);
    expect(quorum.toAsk()).toEqual([A1, B1, C1]);
    quorum.answer(A1, 'value');
    expect(quorum.answer(B1, 'value')).toBe('waiting');
    expect(quorum.answer(C1, 'failed')).toBe('waiting');
    expect(quorum.toAsk()).toEqual([D1]);
    expect(quorum.answer(D1, 'value')).toBe('satisfied');
    const disjoint = new ReadQuorum([A1, B1, D1, E1], 2, NONE, [[A1, B1], [D1, E1]]);
    expect(disjoint.toAsk()).toEqual([A1, B1, D1, E1]);
    disjoint.answer(A1, 'value');
    disjoint.answer(B1, 'value');
    expect(disjoint.answer(E1, 'no-vote')).toBe('unreachable');
    expect([disjoint.votes, disjoint.alive]).toEqual([0, 1]);
  });

  it('[Q5] asks the next replica for each that fails or answers without a vote', () => {
    const quorum = new ReadQuorum([A1, B1, C1, D1, E1], 3, NONE);
    expect(quorum.toAsk()).toEqual([A1, B1, C1]);
    expect(quorum.answer(B1, 'failed')).toBe('waiting');
    expect(quorum.toAsk()).toEqual([D1]);
    expect(quorum.answer(A1, 'no-vote')).toBe('waiting');
    expect(quorum.toAsk()).toEqual([E1]);
    expect(quorum.answer(D1, 'value')).toBe('waiting');
    expect(quorum.answer(E1, 'value')).toBe('waiting');
    expect(quorum.answer(C1, 'value')).toBe('satisfied');
  });

  it('[Q6] leaves out a replica that is known to be down where the others are enough', () => {
    const quorum = new ReadQuorum(THREE, 2, new Set([A1]));
    expect(quorum.toAsk()).toEqual([B1, C1]);
    quorum.answer(C1, 'value');
    expect(quorum.answer(B1, 'value')).toBe('satisfied');
  });

  it('[Q7] is unreachable at once, asking nobody, when too few are up; and says how many were needed and alive', () => {
    const quorum = new ReadQuorum(THREE, 2, new Set([A1, C1]));
    expect(quorum.outcome).toBe('unreachable');
    expect(quorum.toAsk()).toEqual([]);
    expect([quorum.required, quorum.alive]).toEqual([2, 1]);
  });

  it('[Q7] is unreachable with the failure that puts it out of reach, not later', () => {
    const quorum = new ReadQuorum(THREE, 2, NONE);
    quorum.toAsk();
    expect(quorum.answer(A1, 'failed')).toBe('waiting');
    quorum.toAsk();
    expect(quorum.answer(C1, 'no-vote')).toBe('unreachable');
    expect([quorum.required, quorum.alive]).toEqual([2, 1]);
  });

  it('[Q8] may ask one more replica when one is late, and counts an answer that comes after it was given up', () => {
    const quorum = new ReadQuorum(THREE, 2, NONE);
    quorum.toAsk();
    expect(quorum.hedge()).toBe(C1);
    expect(quorum.hedge()).toBeUndefined();
    quorum.answer(C1, 'value');
    expect(quorum.answer(A1, 'failed')).toBe('waiting');
    expect(quorum.answer(A1, 'value')).toBe('satisfied');
    expect(quorum.answer(A1, 'failed')).toBe('satisfied');
  });

  it('[Q9] counts a replica once, however often it answers, and only replicas of the row', () => {
    const quorum = new ReadQuorum(THREE, 2, NONE);
    quorum.toAsk();
    quorum.answer(A1, 'value');
    expect(quorum.answer(A1, 'value')).toBe('waiting');
    expect(() => quorum.answer(D1, 'value')).toThrow('no replica');
  });

  it('[Q4] agrees at every step with counting over the history of what was asked and answered', () => {
    const answer = fc.constantFrom<ReadAnswer>('value', 'value', 'no-vote', 'failed');
    const script = fc.record({
      required: fc.integer({ min: 1, max: 5 }),
      down: fc.subarray([A1, B1, C1, D1, E1]),
      events: fc.array(fc.oneof(fc.constant('hedge' as const), fc.record({ which: fc.nat(4), answer })), { maxLength: 14 }),
    });
    fc.assert(
      fc.property(script, ({ required, down, events }) => {
        const replicas = [A1, B1, C1, D1, E1];
        const quorum = new ReadQuorum(replicas, required, new Set(down));
        const asked = new Set(quorum.toAsk());
        const history: [NodeId, ReadAnswer][] = [];
        for (const event of events) {
          if (event === 'hedge') {
            const one = quorum.hedge();
            expect(one).toBe(replicas.find((replica) => !down.includes(replica) && !asked.has(replica)));
            if (one !== undefined) asked.add(one);
            continue;
          }
          const replica = [...asked][event.which];
          if (replica === undefined) continue;
          history.push([replica, event.answer]);
          const outcome = quorum.answer(replica, event.answer);

          const voted = replicas.filter((each) => history.some(([who, what]) => who === each && what === 'value'));
          const lost = replicas.filter(
            (each) => !voted.includes(each) && (down.includes(each) || history.some(([who]) => who === each)),
          );
          const possible = replicas.length - lost.length;
          expect(outcome).toBe(voted.length >= required ? 'satisfied' : possible >= required ? 'waiting' : 'unreachable');
          expect(quorum.voters).toEqual(voted);
          expect(quorum.alive).toBe(possible);
          for (const next of quorum.toAsk()) asked.add(next);
          const waitingFor = [...asked].filter((each) => !voted.includes(each) && !lost.includes(each));
          const isEnough = voted.length + waitingFor.length >= required;
          expect(isEnough).toBe(outcome !== 'unreachable');
        }
      }),
      { numRuns: 500 },
    );
  });
});
