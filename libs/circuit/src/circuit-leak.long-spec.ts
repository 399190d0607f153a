import { describe, expect, it } from 'vitest';
import { leaveAtRandom, remainsOf } from './testing/leave-at-random.js';
import { wholeStack } from './testing/whole-stack.js';
import { ownWorld } from './testing/worlds.js';

describe('a million callers who leave at random', () => {
  it('leave no permit, timer, subscription or memory behind', async () => {
    const { leavers, heapGrowthBytes, ...held } = await leaveAtRandom(ownWorld(), 1_500_000);
    expect(leavers).toBeGreaterThan(1_000_000);
    expect(held).toEqual({ subscriptions: 0, permits: 0, timers: 0 });
    expect(heapGrowthBytes).toBeLessThan(500_000);
  });

  it('leave nothing behind in the whole stack of operators either', async () => {
    const { leavers, heapGrowthBytes, ...held } = await remainsOf(1_500_000, wholeStack());
    expect(leavers).toBeGreaterThan(1_000_000);
    expect(held).toEqual({ subscriptions: 0, permits: 0, timers: 0 });
    expect(heapGrowthBytes).toBeLessThan(1_000_000);
  });
});
