import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import { CausalContext } from './causal-context.js';
import { actorIdFrom, dotText, type Dot } from './dot.js';

const ACTORS = [1, 2, 3].map((byte) => actorIdFrom(new Uint8Array(8).fill(byte)));
const dots = fc.array(fc.record({ actor: fc.constantFrom(...ACTORS), counter: fc.integer({ min: 1, max: 30 }) }), { maxLength: 40 });
const names = (context: CausalContext): string[] => [...context.dots()].map(dotText);
const sorted = (set: Iterable<Dot>): string[] => [...new Set([...set].map(dotText))].sort();

function encoded(context: CausalContext): Uint8Array {
  const writer = new ByteWriter();
  context.encode(writer);
  return writer.finish();
}

describe('[C1] a context is a set of dots', () => {
  it('holds what a plain set would, whatever is added, removed, united and subtracted', () => {
    fc.assert(
      fc.property(dots, dots, dots, (first, second, removed) => {
        const gone = new Set(removed.map(dotText));
        let grown = CausalContext.EMPTY;
        for (const dot of first) grown = grown.with(dot);
        expect(grown.equals(CausalContext.of(first))).toBe(true);
        expect(names(grown).sort()).toEqual(sorted(first));
        expect(names(grown.union(CausalContext.of(second))).sort()).toEqual(sorted([...first, ...second]));
        const less = grown.minus(CausalContext.of(removed));
        expect(names(less).sort()).toEqual(sorted(first).filter((name) => !gone.has(name)));
        let without = grown;
        for (const dot of removed) without = without.without(dot);
        expect(without.equals(less)).toBe(true);
        expect(grown.dotCount).toBe(sorted(first).length);
        for (const dot of [...first, ...second]) expect(grown.has(dot)).toBe(first.some((each) => dotText(each) === dotText(dot)));
        for (const actor of ACTORS) expect(grown.highest(actor)).toBe(Math.max(0, ...first.filter((dot) => dot.actor === actor).map((dot) => dot.counter)));
        expect(grown.covers(CausalContext.of(second))).toBe(sorted(second).every((name) => names(grown).includes(name)));
      }),
    );
  });

  it('has one spelling in bytes, whatever the order of adding, and reads back', () => {
    fc.assert(
      fc.property(dots, (some) => {
        const context = CausalContext.of(some);
        expect(encoded(CausalContext.of([...some].reverse()))).toEqual(encoded(context));
        const reader = new ByteReader(encoded(context));
        expect(CausalContext.decode(reader).equals(context)).toBe(true);
        reader.end();
      }),
    );
  });

  it('[C2] pays for a hole once, not for each dot after it', () => {
    const [actor] = ACTORS;
    const whole = CausalContext.of(Array.from({ length: 100_000 }, (_, i) => ({ actor: actor!, counter: i + 1 })));
    const holed = whole.without({ actor: actor!, counter: 2 });
    expect(encoded(whole).length).toBeLessThanOrEqual(14);
    expect(encoded(holed).length - encoded(whole).length).toBeLessThanOrEqual(4);
  });
});
