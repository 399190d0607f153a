import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HybridLogicalClock, MAX_PHYSICAL_MS, physicalMs } from './hybrid-logical-clock.js';

const NOW_MS = 1_700_000_000_000;
const jumpingWallMs = fc.integer({ min: NOW_MS - 500, max: NOW_MS + 500 });

describe('a hybrid logical clock', () => {
  it('never gives a reading twice nor a lower one, and follows the wall clock whenever that is ahead', () => {
    fc.assert(
      fc.property(fc.array(jumpingWallMs, { maxLength: 50 }), (walls) => {
        const clock = new HybridLogicalClock();
        let last = 0;
        for (const wallMs of walls) {
          const reading = clock.next(wallMs);
          expect(reading).toBeGreaterThan(last);
          expect(physicalMs(reading)).toBe(Math.max(wallMs, physicalMs(last + 1)));
          last = reading;
        }
      }),
    );
  });

  it('dates an operation after every other that its replica had heard of, whatever the machines’ clocks say', () => {
    const step = fc.record({ at: fc.nat(2), skewMs: fc.integer({ min: -30_000, max: 30_000 }), hears: fc.option(fc.nat(99)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const clocks = [0, 1, 2].map(() => new HybridLogicalClock());
        const readings: number[] = [];
        for (const { at, skewMs, hears } of steps) {
          const clock = clocks[at]!;
          const before = clock.last;
          const heard = hears === null ? undefined : readings[hears];
          if (heard !== undefined) expect(clock.observe(heard, NOW_MS + skewMs)).toBe(true);
          const reading = clock.next(NOW_MS + skewMs);
          expect(reading).toBeGreaterThan(Math.max(before, heard ?? 0));
          readings.push(reading);
        }
      }),
    );
  });

  it('carries a full count into the milliseconds', () => {
    const clock = new HybridLogicalClock();
    const first = clock.next(NOW_MS);
    let reading = first;
    for (let i = 0; i < 256; i++) reading = clock.next(NOW_MS);
    expect(reading).toBe(first + 256);
    expect([physicalMs(first), physicalMs(reading)]).toEqual([NOW_MS, NOW_MS + 1]);
  });

  it('does not adopt a reading more than 60 s ahead, and adopts one that is just within', () => {
    const clock = new HybridLogicalClock();
    const mine = clock.next(NOW_MS);
    expect(clock.observe((NOW_MS + 60_001) * 256, NOW_MS)).toBe(false);
    expect(clock.next(NOW_MS)).toBe(mine + 1);
    expect(clock.observe((NOW_MS + 60_000) * 256 + 255, NOW_MS)).toBe(true);
    expect(physicalMs(clock.next(NOW_MS))).toBe(NOW_MS + 60_001);
  });

  it('takes no notice of what is no reading', () => {
    const clock = new HybridLogicalClock();
    const mine = clock.next(NOW_MS);
    for (const junk of [Number.NaN, -1, 0.5, Infinity, 2 ** 53]) expect(clock.observe(junk, NOW_MS)).toBe(false);
    expect(clock.last).toBe(mine);
  });

  it('starts above what it is told, and holds dates until the year 3084', () => {
    expect(new HybridLogicalClock(60_000, 1_000_000).next(0)).toBe(1_000_001);
    expect(new Date(MAX_PHYSICAL_MS).getUTCFullYear()).toBe(3084);
    expect(physicalMs(new HybridLogicalClock().next(MAX_PHYSICAL_MS))).toBe(MAX_PHYSICAL_MS);
    expect(() => new HybridLogicalClock().next(MAX_PHYSICAL_MS + 1)).toThrow('out of range');
    expect(() => new HybridLogicalClock().next(0.5)).toThrow('out of range');
  });
});
