import { describe, expect, it } from 'vitest';
import { replicasRequired } from './consistency-level.js';

describe('a consistency level', () => {
  it('[Q1] asks for one replica, a majority of the copies, or all of them', () => {
    const rows = [1, 2, 3, 4, 5, 6, 7].map((n) => [n, replicasRequired('ONE', n), replicasRequired('QUORUM', n), replicasRequired('ALL', n)]);
    expect(rows).toEqual([
      [1, 1, 1, 1],
      [2, 1, 2, 2],
      [3, 1, 2, 3],
      [4, 1, 3, 4],
      [5, 1, 3, 5],
      [6, 1, 4, 6],
      [7, 1, 4, 7],
    ]);
    expect(() => replicasRequired('ONE', 0)).toThrow('at least one copy');
  });

  it('[Q2] makes a read at QUORUM meet every write at QUORUM, and one at ONE only a write at ALL', () => {
    const meets = (read: 'ONE' | 'QUORUM' | 'ALL', write: 'ONE' | 'QUORUM' | 'ALL', n: number): boolean =>
      replicasRequired(read, n) + replicasRequired(write, n) > n;
    for (let n = 2; n <= 9; n++) {
      expect([meets('QUORUM', 'QUORUM', n), meets('ONE', 'ALL', n), meets('ALL', 'ONE', n)]).toEqual([true, true, true]);
      expect(meets('ONE', 'ONE', n)).toBe(false);
    }
    for (let n = 3; n <= 9; n++) expect([meets('ONE', 'QUORUM', n), meets('QUORUM', 'ONE', n)]).toEqual([false, false]);
  });
});
