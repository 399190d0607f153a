import type { ConsistencyLevel } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { CausalContext } from '../causality/causal-context.js';
import { actorIdFrom } from '../causality/dot.js';
import { NOTHING_SEEN } from '../causality/seen-row.js';
import { replicasRequired, votesBeyond, votesToRead } from './consistency-level.js';

const SEEN = { ...NOTHING_SEEN, context: CausalContext.of([{ actor: actorIdFrom(Buffer.alloc(8)), counter: 1 }]) };

describe('a consistency level', () => {
  it('[Q1] asks for one replica, two, a majority of the copies, or all of them', () => {
    const levels: ConsistencyLevel[] = ['ANY', 'ONE', 'TWO', 'SESSION', 'QUORUM', 'LINEARIZABLE', 'ALL'];
    const rows = [1, 2, 3, 4, 5, 6, 7].map((n) => [n, ...levels.map((level) => replicasRequired(level, n))]);
    expect(rows).toEqual([
      [1, 1, 1, 2, 1, 1, 1, 1],
      [2, 1, 1, 2, 2, 2, 2, 2],
      [3, 1, 1, 2, 2, 2, 2, 3],
      [4, 1, 1, 2, 3, 3, 3, 4],
      [5, 1, 1, 2, 3, 3, 3, 5],
      [6, 1, 1, 2, 4, 4, 4, 6],
      [7, 1, 1, 2, 4, 4, 4, 7],
    ]);
    expect(() => replicasRequired('ONE', 0)).toThrow('at least one copy');
  });

  it('[Q2] makes a read at QUORUM meet every write at QUORUM, and one at ONE only a write at ALL', () => {
    const meets = (read: ConsistencyLevel, write: ConsistencyLevel, n: number): boolean =>
      replicasRequired(read, n) + replicasRequired(write, n) > n;
    for (let n = 2; n <= 9; n++) {
      expect([meets('QUORUM', 'QUORUM', n), meets('ONE', 'ALL', n), meets('ALL', 'ONE', n), meets('LINEARIZABLE', 'SESSION', n)]).toEqual([true, true, true, true]);
      expect(meets('ONE', 'ONE', n)).toBe(false);
    }
    for (let n = 3; n <= 9; n++) expect([meets('ONE', 'QUORUM', n), meets('QUORUM', 'ONE', n)]).toEqual([false, false]);
    expect([meets('TWO', 'TWO', 3), meets('TWO', 'TWO', 4)]).toEqual([true, false]);
  });

  it('[Q14] begins a SESSION read at one replica if the session knows the row, and at as many as what it has forgotten calls for', () => {
    expect([votesToRead('SESSION', 5, SEEN), votesToRead('SESSION', 5, NOTHING_SEEN)]).toEqual([1, 3]);
    const votes = (level: ConsistencyLevel, forgotten: 'nothing' | 'on-quorum' | 'anywhere'): number => votesToRead(level, 5, { ...SEEN, forgotten });
    expect(['nothing', 'on-quorum', 'anywhere'].map((forgotten) => votes('SESSION', forgotten as 'nothing'))).toEqual([1, 3, 5]);
    expect(['nothing', 'on-quorum', 'anywhere'].map((forgotten) => votes('ONE', forgotten as 'nothing'))).toEqual([1, 3, 5]);
    expect(['nothing', 'on-quorum', 'anywhere'].map((forgotten) => votes('ALL', forgotten as 'nothing'))).toEqual([5, 5, 5]);
  });

  it('[Q15] goes on to a quorum, then to one more each time, and ends when all have voted', () => {
    const steps = (from: number, n: number): number[] => {
      const votes: number[] = [];
      for (let at: number | null = from; at !== null; at = votesBeyond(at, n)) votes.push(at);
      return votes;
    };
    expect([steps(1, 3), steps(2, 3), steps(3, 3), steps(1, 5), steps(1, 1)]).toEqual([[1, 2, 3], [2, 3], [3], [1, 3, 4, 5], [1]]);
  });
});
