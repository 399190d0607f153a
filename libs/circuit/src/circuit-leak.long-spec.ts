import { describe, expect, it } from 'vitest';
import { leaveAtRandom } from './testing/leave-at-random.js';
import { ownWorld } from './testing/worlds.js';

describe('a million callers who leave at random', () => {
  it('leave no permit, timer, subscription or memory behind', async () => {
    const { leavers, heapGrowthBytes, ...held } = await leaveAtRandom(ownWorld(), 1_500_000);
    expect(leavers).toBeGreaterThan(1_000_000);
    expect(held).toEqual({ subscriptions: 0, permits: 0, timers: 0 });
    expect(heapGrowthBytes).toBeLessThan(500_000);
  });
});
