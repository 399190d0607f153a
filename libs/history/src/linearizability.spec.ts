import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Operation, ReadOperation, WriteOperation } from './history.js';
import { findNonLinearizable, HistoryTooLarge, MAX_FILMS, MAX_OPEN } from './linearizability.js';
import { read, write } from './testing/histories.js';

const isLinearizable = (...operations: Operation[]): boolean => findNonLinearizable(operations) === null;
const addY = (startMs: number, endMs: number): WriteOperation => write('add', startMs, endMs, { id: `y-${startMs}`, film: 'y' });

describe('a list is linearizable', () => {
  it('when every read shows what was left by what came before, in some order of what overlapped', () => {
    expect(isLinearizable(write('add', 0, 1), read(2, 3, ['x']), write('remove', 4, 5), read(6, 7, []))).toBe(true);
    expect(isLinearizable(write('add', 0, 9), read(1, 2, []), read(3, 4, ['x']))).toBe(true);
    expect(isLinearizable(write('add', 0, 3), write('remove', 0, 3), read(4, 5, ['x']))).toBe(true);
    expect(isLinearizable(write('add', 0, 3), write('remove', 0, 3), read(4, 5, []))).toBe(true);
  });
  it('not when a later read forgets, foresees, or finds what only a refused write could have left', () => {
    expect(isLinearizable(write('add', 0, 1), read(2, 3, []))).toBe(false);
    expect(isLinearizable(write('add', 0, 9), read(1, 2, ['x']), read(3, 4, []))).toBe(false);
    expect(isLinearizable(read(0, 1, ['x']), write('add', 2, 3))).toBe(false);
    expect(isLinearizable(write('add', 0, 1, { outcome: 'refused' }), read(2, 3, ['x']))).toBe(false);
  });
  it('not when each film alone is right and the list is not: {x}, then {y}, while both are being added (F15)', () => {
    const adds = [write('add', 0, 9), addY(0, 9)];
    expect(isLinearizable(...adds, read(1, 4, ['x']), read(5, 8, ['y']))).toBe(false);
    expect(isLinearizable(...adds, read(1, 4, ['x']), read(1, 8, ['y']))).toBe(false);
    expect(isLinearizable(...adds, read(1, 4, ['x']), read(5, 8, ['x', 'y']))).toBe(true);
  });
  it('a no-op that overlaps what it depends on has its moment while it was one', () => {
    // x is there; it is added again while it is being removed: the second add may have found it, and left nothing.
    expect(isLinearizable(write('add', 0, 1), write('add', 2, 6, { id: 'again' }), write('remove', 3, 5), read(7, 8, []))).toBe(true);
  });
  it('a write of unknown outcome may have its moment late, once, or never', () => {
    const add = write('add', 0, 1, { outcome: 'unknown' });
    expect(isLinearizable(add, read(2, 3, []), read(4, 5, ['x']))).toBe(true);
    expect(isLinearizable(add, read(2, 3, []))).toBe(true);
    expect(isLinearizable(add, read(2, 3, ['x']), write('remove', 4, 5), read(6, 7, ['x']))).toBe(false);
    expect(isLinearizable(add, read(2, 3, ['x']), read(4, 5, []), read(6, 7, ['x']))).toBe(false);
    expect(isLinearizable({ ...add, endMs: null }, read(2, 3, ['x']))).toBe(true);
  });
  it('a move that was acknowledged found its film', () => {
    expect(isLinearizable(write('add', 0, 1), write('move', 2, 3))).toBe(true);
    expect(isLinearizable(write('move', 2, 3))).toBe(false);
    expect(isLinearizable(write('add', 0, 1), write('remove', 2, 3), write('move', 4, 5))).toBe(false);
  });
  it('moments that are equal prove no order', () => expect(isLinearizable(write('add', 0, 1), read(1, 2, []))).toBe(true));
  it('names the first answer that does not fit, and what the list could have held', () => {
    expect(findNonLinearizable([write('add', 0, 1), read(2, 3, []), read(4, 5, ['x'])])).toEqual({ operation: expect.objectContaining({ id: 'read-2' }), possible: [['x']] });
  });
});

describe('a history that is too large', () => {
  it('is refused, not called good: films, operations open at once, orders', () => {
    const films = Array.from({ length: MAX_FILMS + 1 }, (_, i) => write('add', i, i, { id: `${i}`, film: `f${i}` }));
    expect(() => findNonLinearizable(films)).toThrow(HistoryTooLarge);
    const open = Array.from({ length: MAX_OPEN + 1 }, (_, i) => write('add', 0, 1, { id: `${i}` }));
    expect(() => findNonLinearizable(open)).toThrow(HistoryTooLarge);
    const unknown = Array.from({ length: 12 }, (_, i) => write('add', 0, 1, { id: `${i}`, film: `f${i}`, outcome: 'unknown' }));
    expect(() => findNonLinearizable([...unknown, read(2, 3, ['f0', 'f1', 'f2', 'f3', 'f4', 'f5', 'f6'])], 100)).toThrow(HistoryTooLarge);
    expect(findNonLinearizable([...unknown, write('add', 2, 3), read(4, 5, ['x', 'f5'])], 10)).toBe(null);
  });
});

/** Every order of a few operations, tried one by one: slow, and too simple to be wrong. */
function hasSomeOrder(left: readonly Operation[], state: ReadonlySet<string> = new Set()): boolean {
  if (left.every(({ outcome }) => outcome === 'unknown')) return true;
  return left.some((next) => {
    if (left.some((other) => other !== next && other.outcome === 'acknowledged' && other.endMs! < next.startMs)) return false;
    const after = new Set(state);
    if (next.kind === 'read' && [...next.films].sort().join() !== [...state].sort().join()) return false;
    if (next.kind === 'move' && next.outcome === 'acknowledged' && !state.has(next.film)) return false;
    if (next.kind === 'add') after.add(next.film);
    if (next.kind === 'remove') after.delete(next.film);
    return hasSomeOrder(left.filter((other) => other !== next), after);
  });
}

describe('against every order of the operations', () => {
  const film = fc.constantFrom('x', 'y');
  const common = { startMs: fc.integer({ min: 0, max: 9 }), lastsMs: fc.integer({ min: 1, max: 6 }) };
  const anyWrite = fc
    .record({ ...common, film, kind: fc.constantFrom('add', 'remove', 'add', 'remove', 'move'), isKnown: fc.integer({ min: 0, max: 3 }) })
    .map(({ startMs, lastsMs, film: of, kind, isKnown }): WriteOperation => write(kind as 'add', startMs, startMs + lastsMs, { film: of, outcome: isKnown > 0 ? 'acknowledged' : 'unknown' }));
  const anyRead = fc.record({ ...common, films: fc.subarray(['x', 'y']) }).map(({ startMs, lastsMs, films }): ReadOperation => read(startMs, startMs + lastsMs, films));
  const history = fc.array(fc.oneof(anyWrite, anyRead), { maxLength: 6 }).map((operations) => operations.map((operation, i) => ({ ...operation, id: `${i}` })));

  it('says the same of any small history', () => {
    let good = 0;
    let bad = 0;
    fc.assert(
      fc.property(history, (operations) => {
        const expected = hasSomeOrder(operations);
        if (expected) good++;
        else bad++;
        expect(findNonLinearizable(operations) === null).toBe(expected);
      }),
      { numRuns: 3_000 },
    );
    expect(Math.min(good, bad)).toBeGreaterThan(300); // both answers were really compared
  });
});
