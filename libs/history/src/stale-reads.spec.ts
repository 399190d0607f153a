import { expect, it } from 'vitest';
import type { Operation } from './history.js';
import { staleReads } from './stale-reads.js';
import { read, write } from './testing/histories.js';

const at = (level: 'ONE' | 'QUORUM', ...history: Operation[]) => staleReads(history).get(level);

it('a read that misses an acknowledged add is stale, and by how long', () => {
  expect(at('ONE', write('add', 0, 1), read(5, 6, [], { level: 'ONE' }), read(7, 8, ['x'], { level: 'ONE' }))).toEqual({ reads: 2, stale: 1, worstMs: 4 });
  expect(at('QUORUM', write('add', 0, 1), read(3, 4, []))).toEqual({ reads: 1, stale: 1, worstMs: 2 });
});

it('so is one that shows a removed film', () => {
  expect(at('ONE', write('add', 0, 1), write('remove', 2, 3), read(5, 6, ['x'], { level: 'ONE' }))).toEqual({ reads: 1, stale: 1, worstMs: 2 });
});

it('what may have come between explains it, and what was not acknowledged at a quorum is owed to nobody', () => {
  const one = { level: 'ONE' } as const;
  expect(at('ONE', write('add', 0, 1), write('remove', 2, 3, { outcome: 'unknown' }), read(5, 6, [], one))).toMatchObject({ stale: 0 });
  expect(at('ONE', write('add', 0, 1), write('remove', 2, 9), read(5, 6, [], one))).toMatchObject({ stale: 0 });
  expect(at('ONE', write('add', 0, 5), read(4, 6, [], one))).toMatchObject({ stale: 0 });
  expect(at('ONE', write('add', 0, 1, one), read(5, 6, [], one))).toMatchObject({ stale: 0 });
  expect(at('ONE', write('move', 0, 1), read(5, 6, [], one))).toMatchObject({ stale: 0 });
});
