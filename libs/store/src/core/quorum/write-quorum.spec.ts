import { nodeId, type NodeId } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { WriteQuorum } from './write-quorum.js';

const [A1, B1, C1] = ['a1', 'b1', 'c1'].map(nodeId) as [NodeId, NodeId, NodeId];
const THREE = [A1, B1, C1];
const NONE = new Set<NodeId>();

describe('a write at a quorum', () => {
  it('[Q10] goes to all replicas, whatever its level', () => {
    for (const required of [1, 2, 3]) {
      const quorum = new WriteQuorum(THREE, required, NONE);
      expect(quorum.toSend()).toEqual(THREE);
      expect(quorum.toSend()).toEqual([]);
    }
  });

  it('[Q11] is satisfied once enough have stored it, and goes on learning who else did', () => {
    const quorum = new WriteQuorum(THREE, 2, NONE);
    quorum.toSend();
    expect(quorum.answer(C1, 'stored')).toBe('waiting');
    expect(quorum.answer(A1, 'stored')).toBe('satisfied');
    expect(quorum.missing).toEqual([B1]);
    expect(quorum.answer(B1, 'failed')).toBe('satisfied');
    expect(quorum.missing).toEqual([B1]);
    quorum.answer(B1, 'stored');
    expect(quorum.missing).toEqual([]);
  });

  it('[Q12] does without a replica that is known to be down, and remembers that it misses the write', () => {
    const quorum = new WriteQuorum(THREE, 2, new Set([B1]));
    expect(quorum.toSend()).toEqual([A1, C1]);
    quorum.answer(A1, 'stored');
    expect(quorum.answer(C1, 'stored')).toBe('satisfied');
    expect(quorum.missing).toEqual([B1]);
  });

  it('[Q7] is sent to nobody when too few are up, and says how many were needed and alive', () => {
    const quorum = new WriteQuorum(THREE, 3, new Set([B1]));
    expect(quorum.toSend()).toEqual([]);
    expect(quorum.outcome).toBe('unreachable');
    expect([quorum.required, quorum.alive]).toEqual([3, 2]);
  });

  it('[Q7] is unreachable with the failure that puts it out of reach', () => {
    const quorum = new WriteQuorum(THREE, 2, NONE);
    quorum.toSend();
    expect(quorum.answer(A1, 'failed')).toBe('waiting');
    expect(quorum.answer(B1, 'failed')).toBe('unreachable');
    expect(quorum.answer(B1, 'stored')).toBe('waiting');
  });
});
