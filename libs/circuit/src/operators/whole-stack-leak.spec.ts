import { describe, expect, it } from 'vitest';
import { remainsOf } from '../testing/leave-at-random.js';
import { wholeStack } from '../testing/whole-stack.js';

describe('callers who leave the whole stack of operators at random', () => {
  it('leave no permit, place, timer, subscription or memory behind', async () => {
    const stack = wholeStack();
    const { leavers, heapGrowthBytes, ...held } = await remainsOf(12_000, stack);
    expect(leavers).toBeGreaterThan(6_000);
    expect(held).toEqual({ subscriptions: 0, permits: 0, timers: 0 });
    expect(heapGrowthBytes).toBeLessThan(1_000_000);
    const visited = stack.visited();
    const unvisited = Object.keys(visited).filter((what) => visited[what] === 0);
    expect(unvisited).toEqual(['mistake']);
    expect(visited.retries! + visited.hedges!).toBeLessThanOrEqual(20 + 0.1 * visited.calls!);
  });
});
