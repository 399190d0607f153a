import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActorId, Dot } from '../causality/dot.js';
import { dotDigits, firstPosition, lastPosition, MAX_POSITION_LENGTH, positionBetween } from './position.js';

const NOW = 1_700_000_000_000 * 256;
const ACTORS = ['00000000a1b2c3d4', 'ffffffff00000001', '3c91d07e55aa55aa'] as ActorId[];
const dot = (counter: number, actor = 2): Dot => ({ actor: ACTORS[actor]!, counter });
const ascending = (a: string, b: string): number => (a < b ? -1 : 1);

const anyDot = fc.record({
  actor: fc.integer({ min: 0, max: 0xffffffff }).map((bits) => (bits.toString(16).padStart(8, '0') + '00c0ffee') as ActorId),
  counter: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
});

describe('positions', () => {
  it('are never out of place and never equal, over random insertions of which many are concurrent', () => {
    let inserted = 0;
    let longest = 0;
    fc.assert(
      fc.property(fc.array(fc.record({ at: fc.nat(), writers: fc.constantFrom(1, 1, 2, 3) }), { minLength: 100, maxLength: 200 }), (steps) => {
        const list: string[] = [];
        const counters = [0, 0, 0];
        let hlc = NOW;
        for (const { at, writers } of steps) {
          const index = at % (list.length + 1);
          const [a, b] = [list[index - 1] ?? '', list[index] ?? null];
          const added: string[] = [];
          for (let writer = 0; writer < writers; writer++) {
            const position = positionBetween(a, b, (hlc += 300), dot(++counters[writer]!, writer));
            if (position === null || position <= a || (b !== null && position >= b)) throw new Error(`${a} < ${position} < ${b}`);
            added.push(position);
          }
          list.splice(index, 0, ...added.sort(ascending));
        }
        expect(new Set(list).size).toBe(list.length);
        expect(list).toEqual(list.toSorted(ascending));
        inserted += list.length;
        longest = Math.max(longest, ...list.map((position) => position.length));
      }),
      { numRuns: 300, seed: 7 },
    );
    expect(inserted).toBeGreaterThan(50_000);
    expect(longest).toBeLessThan(40);
  });

  it('stay at one length when items are always put first, or always last, and the latest goes furthest', () => {
    const heads: string[] = [];
    const tails: string[] = [];
    for (let i = 1; i <= 1000; i++) {
      heads.push(positionBetween('', heads.at(-1) ?? null, NOW + i, dot(i))!);
      tails.push(positionBetween(tails.at(-1) ?? '', null, NOW + i, dot(i))!);
    }
    // The first of all has neither neighbour: it goes to the tail, as 'last' would put it.
    const ends = [...heads.slice(1).toReversed(), ...tails];
    expect(ends).toEqual(ends.toSorted(ascending));
    expect(Math.max(...ends.map((position) => position.length))).toBe(19);
    expect(heads.slice(1)).toEqual(heads.slice(1).map((_, i) => firstPosition(NOW + i + 2, dot(i + 2))));
    expect(tails).toEqual(tails.map((_, i) => lastPosition(NOW + i + 1, dot(i + 1))));
  });

  it('leave room for what is put first or last later, also beside an item dated by a clock that is ahead', () => {
    const AHEAD = NOW + 50_000 * 256;
    let [front, back] = [firstPosition(AHEAD, dot(1)), lastPosition(AHEAD, dot(1))];
    for (let i = 2; i < 500; i++) {
      const [before, after] = [positionBetween('', front, NOW, dot(i))!, positionBetween(back, null, NOW, dot(i))!];
      expect(before < front && after > back).toBe(true);
      [front, back] = [before, after];
    }
    expect([front.length, back.length]).toEqual([19, 19]);
    const LATER = AHEAD + 1000 * 256;
    expect(firstPosition(LATER, dot(501)) < front).toBe(true);
    expect(lastPosition(LATER, dot(501)) > back).toBe(true);
  });

  it('are refused, not bent, once 256 characters are not enough, which takes more than a thousand at one place', () => {
    const [start, end] = [lastPosition(NOW, dot(1)), lastPosition(NOW + 1, dot(2))];
    for (const [move, keep] of [[0, 1], [1, 0]] as const) {
      const bounds = [start, end];
      let count = 0;
      for (;;) {
        const position = positionBetween(bounds[0]!, bounds[1]!, NOW, dot(count + 3));
        if (position === null) break;
        expect(position > bounds[0]! && position < bounds[1]!).toBe(true);
        expect(position.length).toBeLessThanOrEqual(MAX_POSITION_LENGTH);
        bounds[move] = position;
        expect(bounds[keep]).toBe([start, end][keep]);
        count++;
      }
      expect(count).toBeGreaterThan(1000);
    }
  });

  it('have no place between two that are equal, nor beside one that we cannot have made and that leaves none', () => {
    const position = lastPosition(NOW, dot(1));
    expect(positionBetween(position, position, NOW, dot(2))).toBeNull();
    for (const [a, b] of [['a/b', 'a0'], ['~A', '~C'], ['-A', '-C'], ['V', 'V0'], ['', '00'], ['', 'H00000000000'], ['z', null], ['Tzzzzzzzzzz', null]] as const) {
      expect(positionBetween(a, b, NOW, dot(2))).toBeNull();
    }
    expect(() => positionBetween('b', 'a', NOW, dot(2))).toThrow('out of order');
  });

  it('end in digits from which the dot can be read back, and never in 0', () => {
    const read = (position: string): { actor: number; counter: number } => {
      const value = (digits: string): number =>
        digits.split('').reduce((sum, digit) => sum * 62 + '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'.indexOf(digit), 0);
      const counterDigits = value(position.at(-1)!);
      return { actor: value(position.slice(-7, -1)), counter: value(position.slice(-7 - counterDigits, -7)) };
    };
    fc.assert(
      fc.property(anyDot, fc.stringMatching(/^[0-9A-Za-z]{0,20}$/), (one, before) => {
        const digits = dotDigits(one);
        expect(digits.at(-1)).not.toBe('0');
        expect(read(before + digits)).toEqual({ actor: parseInt(one.actor.slice(0, 8), 16), counter: one.counter });
      }),
    );
  });

  it('lie between any two others, however close those are', () => {
    const anyPosition = fc
      .tuple(fc.stringMatching(/^[0-9A-Za-z]{0,4}$/), fc.stringMatching(/^(0|z){0,6}$/), anyDot)
      .map(([start, middle, one]) => start + middle + dotDigits(one));
    fc.assert(
      fc.property(fc.uniqueArray(anyPosition, { minLength: 2, maxLength: 2 }), anyDot, (pair, one) => {
        const [a, b] = pair.toSorted(ascending) as [string, string];
        const position = positionBetween(a, b, NOW, one)!;
        expect(a < position && position < b).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
