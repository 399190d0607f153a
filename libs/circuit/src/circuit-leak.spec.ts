import { afterEach, describe, expect, it } from 'vitest';
import { leaveAtRandom } from './testing/leave-at-random.js';
import { opossumWorld, ownWorld } from './testing/worlds.js';

describe('callers who leave at random', () => {
  let end = () => {};
  afterEach(() => end());

  it.each([
    ['our own circuit in virtual time', ownWorld],
    ['opossum under fake timers', opossumWorld],
  ])('leave no permit, timer, subscription or memory behind: %s', async (_, makeWorld) => {
    const world = makeWorld();
    end = () => world.end();
    const { leavers, heapGrowthBytes, ...held } = await leaveAtRandom(world, 60_000);
    expect(leavers).toBeGreaterThan(30_000);
    expect(held).toEqual({ subscriptions: 0, permits: 0, timers: 0 });
    expect(heapGrowthBytes).toBeLessThan(500_000);
  });
});
