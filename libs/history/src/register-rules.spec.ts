/** Histories of values that are set: those that keep the rules, one for each way to break them, and the rules against a search. */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '@app/time';
import type { Operation, ReadOperation, WriteOperation } from './history.js';
import { checkRegisters } from './register-rules.js';
import { each, read, write } from './testing/histories.js';

const rules = (...history: Operation[]): string[] => [...new Set(checkRegisters(history).map(({ rule }) => rule))];
const set = (value: string, startMs: number, endMs: number, more: Partial<WriteOperation> = {}): WriteOperation => write('add', startMs, endMs, { id: `set-${value}`, value, ...more });
const sees = (value: string | null, startMs: number, endMs: number, more: Partial<ReadOperation> = {}): ReadOperation =>
  read(startMs, endMs, value === null ? [] : ['x'], { values: value === null ? {} : { x: value }, ...more });

describe('what was overwritten stays away', () => {
  it('once the next set is acknowledged', () => {
    expect(rules(set('1', 0, 1), set('2', 2, 3), sees('1', 4, 5))).toContain('overwritten-came-back');
    expect(rules(set('1', 0, 1), set('2', 2, 3), sees('2', 4, 5))).toEqual([]);
    expect(rules(set('1', 0, 1), set('2', 2, 6), sees('1', 4, 5))).toEqual([]);
  });
  it('also one of unknown outcome that a read had shown before', () => {
    const half = set('1', 0, 0, { outcome: 'unknown', endMs: null });
    expect(rules(half, sees('1', 1, 2), set('2', 3, 4), sees('1', 5, 6))).toContain('overwritten-came-back');
    expect(rules(half, set('2', 3, 4), sees('1', 5, 6))).toEqual([]);
  });
  it('by a remove too; a value set beside the remove may stay', () => {
    expect(rules(set('1', 0, 1), write('remove', 2, 3), sees('1', 4, 5))).toEqual(['overwritten-came-back']);
    expect(rules(set('1', 0, 4), write('remove', 2, 3), sees('1', 5, 6))).toEqual([]);
  });
  it('of sets at the same time either may be the last', () => {
    for (const value of ['1', '2']) expect(rules(set('1', 0, 5), set('2', 1, 4), sees(value, 6, 7))).toEqual([]);
  });
  it('a read at ONE may miss what others set, and not what its own session did', () => {
    const [first, second] = [set('1', 0, 1), set('2', 2, 3, { session: 't', keptToken: true })];
    expect(rules(first, second, sees('1', 4, 5, { level: 'ONE' }))).toEqual([]);
    expect(rules(first, second, sees('1', 4, 5, { level: 'ONE', session: 't', keptToken: true }))).toEqual(['overwritten-came-back']);
    expect(rules(first, second, sees('1', 4, 5, { level: 'ONE', session: 't' }))).toEqual([]);
  });
  it('a set acknowledged by one replica overwrites nothing for certain', () => {
    expect(rules(set('1', 0, 1), set('2', 2, 3, { level: 'ONE' }), sees('1', 4, 5))).toEqual([]);
  });
});

describe('what is set at a quorum and never removed is one register', () => {
  it('which does not go back from one of two concurrent values to the other', () => {
    const [one, two] = [set('1', 0, 20), set('2', 0, 20)];
    expect(rules(one, two, sees('1', 1, 2), sees('2', 3, 4))).toEqual([]);
    expect(rules(one, two, sees('1', 1, 2), sees('2', 3, 4), sees('1', 5, 6))).toEqual(['not-a-register']);
    expect(rules(one, two, sees('1', 1, 8), sees('2', 3, 4), sees('1', 5, 6))).toEqual([]);
  });
  it('nor to nothing', () => {
    expect(rules(set('1', 0, 9, { outcome: 'unknown' }), sees('1', 1, 2), sees(null, 3, 4))).toEqual(['not-a-register']);
    expect(rules(set('1', 0, 1), sees(null, 2, 3))).toEqual(['not-a-register']);
    expect(rules(set('1', 0, 3), sees(null, 1, 4))).toEqual([]);
  });
  it('and has no room for a set within the time of another value', () => {
    expect(rules(set('1', 0, 1), sees('1', 2, 3), set('2', 4, 5), sees('1', 6, 7))).toContain('not-a-register');
    expect(rules(set('1', 0, 1), set('2', 4, 9), sees('1', 6, 7))).toEqual([]);
  });
  it('where it is removed now and then, or set below a quorum, that is not promised', () => {
    const [one, two] = [set('1', 0, 20), set('2', 0, 20)];
    const back = [sees('1', 1, 2), sees('2', 3, 4), sees('1', 5, 6)];
    expect(rules(one, two, ...back, write('remove', 0, 20))).toEqual([]);
    expect(rules(one, { ...two, level: 'ONE' }, ...back)).toEqual([]);
  });
});

describe('the rest', () => {
  it('a value comes from somewhere', () => expect(rules(set('1', 0, 1), sees('3', 2, 3, { level: 'ONE' }))).toEqual(['from-nowhere']));
  it('a session with a token does not see again what it has seen replaced, at any level', () => {
    const history = [set('1', 0, 20), set('2', 0, 20), sees('1', 1, 2), sees('2', 3, 4), sees('1', 5, 6)];
    expect(rules(...each({ level: 'ONE' }, ...history.slice(2)).map((each) => ({ ...each, keptToken: true })), ...history.slice(0, 2))).toEqual(['session-went-back']);
    expect(rules(...each({ level: 'ONE' }, ...history.slice(2)), ...history.slice(0, 2))).toEqual([]);
  });
  it('lists without values are not judged', () => expect(rules(write('add', 0, 1), read(2, 3, []))).toEqual([]));

  it('judges short histories of one register as trying every order does', () => {
    const seen = { good: 0, bad: 0 };
    for (let seed = 1; seed <= 4_000; seed++) {
      const random = new SeededRandom(seed);
      const moments = (): [number, number] => {
        const startMs = random.below(8);
        return [startMs, startMs + 1 + random.below(6)];
      };
      const sets = ['1', '2', '3'].slice(0, 1 + random.below(3)).map((value) => set(value, ...moments(), random.fraction() < 0.25 ? { outcome: 'unknown', endMs: null } : {}));
      const reads = Array.from({ length: 1 + random.below(4) }, (_, at) => sees(random.pick([null, ...sets.map(({ value }) => value!)]), ...moments(), { id: `read-${at}` }));
      const isGood = hasOrder([], [...sets, ...reads]);
      seen[isGood ? 'good' : 'bad']++;
      expect([seed, checkRegisters([...sets, ...reads]).length === 0]).toEqual([seed, isGood]);
    }
    expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(500);
  });
});

/** Whether some order of all that was answered, and any of the rest, respects time and gives each read what was set last. */
function hasOrder(done: readonly Operation[], left: readonly Operation[]): boolean {
  if (left.every(({ outcome }) => outcome === 'unknown')) return true;
  return left.some((next) => {
    // It goes next unless another one that is left was over before it began.
    if (left.some((other) => other !== next && other.endMs !== null && other.endMs < next.startMs)) return false;
    const last = done.findLast((operation) => operation.kind !== 'read') as WriteOperation | undefined;
    if (next.kind === 'read' && (next.values!['x'] ?? undefined) !== last?.value) return false;
    return hasOrder([...done, next], left.filter((other) => other !== next));
  });
}
