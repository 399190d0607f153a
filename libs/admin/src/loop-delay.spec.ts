import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type LoopDelay, loopDelayRoute } from './loop-delay.js';

describe('the delay of the event loop', () => {
  it('is told since it was last asked, and begun anew', async () => {
    const route = loopDelayRoute();
    const ask = (): LoopDelay => route.handle(undefined, {}) as LoopDelay;
    expect(ask()).toEqual({ p50Ms: 0, p99Ms: 0, maxMs: 0 });
    await delay(50);
    for (const untilMs = performance.now() + 300; performance.now() < untilMs; );
    await delay(50);
    expect(ask().maxMs).toBeGreaterThan(200);
    await delay(100);
    expect(ask().p50Ms).toBeLessThan(200);
  });
});
