import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Delta } from '../row/delta.js';
import { CausalContext } from './causal-context.js';
import { actorIdFrom, type Dot } from './dot.js';
import { decodeSeen, encodeSeen, NOTHING_SEEN, seenAfterPrepare, seenAfterRead, seenAfterWrite, type SeenRow } from './seen-row.js';

const actor = (n: number) => actorIdFrom(Buffer.alloc(8, n));
const dot = (n: number, counter = 1): Dot => ({ actor: actor(n), counter });
const delta = (item: string, own: Dot, supersedes: readonly Dot[] = []): Delta => ({ item, dot: own, hlc: 900, supersedes, version: null });
const row = (applied: readonly Dot[], voided: readonly Dot[] = []) => ({ context: CausalContext.of(applied), voided: CausalContext.of(voided) });

describe('what a session has seen of a row', () => {
  it('survives its bytes, which are the same for the same', () => {
    const dots = fc.record({ n: fc.integer({ min: 0, max: 5 }), counter: fc.integer({ min: 1, max: 9 }) }).map(({ n, counter }) => dot(n, counter));
    const seenRow: fc.Arbitrary<SeenRow> = fc.record({
      context: fc.array(dots).map((each) => CausalContext.of(each)),
      isOnQuorum: fc.boolean(),
      hlc: fc.nat({ max: 2 ** 52 }),
      pending: fc.array(fc.record({ item: fc.string({ unit: 'grapheme', maxLength: 12 }), dot: dots }), { maxLength: 4 }),
      forgotten: fc.constantFrom('nothing', 'on-quorum', 'anywhere'),
    });
    fc.assert(
      fc.property(seenRow, (seen) => {
        const bytes = encodeSeen(seen);
        const back = decodeSeen(bytes);
        expect({ ...back, context: null }).toEqual({ ...seen, context: null });
        expect(back.context.equals(seen.context)).toBe(true);
        expect(encodeSeen(back)).toEqual(bytes);
      }),
    );
    expect(() => decodeSeen(Uint8Array.of(9, 0, 0, 0, 0))).toThrow('format 9');
    expect(() => decodeSeen(Uint8Array.of(1, 6, 0, 0, 0))).toThrow('flags');
  });

  it('after a read is what the answer rests on, known to a quorum if that voted or if nothing is new', () => {
    const seen = seenAfterRead(NOTHING_SEEN, row([dot(1)]), false, 5);
    expect([seen.context.has(dot(1)), seen.isOnQuorum, seen.hlc]).toEqual([true, false, 5]);
    const onQuorum = seenAfterRead(seen, row([dot(1), dot(2)]), true, 6);
    expect(onQuorum.isOnQuorum).toBe(true);
    expect(seenAfterRead(onQuorum, row([dot(2), dot(1)]), false, 7).isOnQuorum).toBe(true);
    expect(seenAfterRead(onQuorum, row([dot(1), dot(2), dot(3)]), false, 7).isOnQuorum).toBe(false);
  });

  it('[F14] has a prepared write as pending until the session is told of it, superseded it, or sees it', () => {
    const prepared = seenAfterPrepare(NOTHING_SEEN, delta('x', dot(1)));
    expect(prepared.pending).toEqual([{ item: 'x', dot: dot(1) }]);
    expect(seenAfterPrepare(prepared, delta('x', dot(1))).pending).toHaveLength(1);
    expect(seenAfterWrite(prepared, delta('x', dot(1)), true, 5).pending).toEqual([]);
    expect(seenAfterWrite(prepared, delta('x', dot(2), [dot(1)]), true, 5).pending).toEqual([]);
    expect(seenAfterWrite(prepared, delta('y', dot(2)), true, 5).pending).toHaveLength(1);
    expect(seenAfterWrite(prepared, delta('y', dot(2), [dot(1)]), true, 5).pending).toHaveLength(1);
    expect(seenAfterRead(prepared, row([dot(1)]), true, 5).pending).toEqual([]);
    expect(seenAfterRead(prepared, row([dot(2)], [dot(1)]), true, 5).pending).toEqual([]);
    expect(seenAfterRead(prepared, row([dot(2)]), true, 5).pending).toHaveLength(1);
  });

  it('after a write has its dot, and only a quorum write leaves it known to a quorum', () => {
    const seen = seenAfterWrite(NOTHING_SEEN, delta('x', dot(1)), false, 5);
    expect([seen.context.has(dot(1)), seen.isOnQuorum]).toEqual([true, false]);
    expect(seenAfterWrite(seen, delta('x', dot(2)), true, 5).isOnQuorum).toBe(false);
    expect(seenAfterWrite(NOTHING_SEEN, delta('x', dot(2)), true, 5).isOnQuorum).toBe(true);
  });
});
