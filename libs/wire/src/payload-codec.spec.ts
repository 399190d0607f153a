import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeSelfContained, PayloadDecoder, PayloadEncoder, PayloadFormat, type EncodedPayload } from './payload-codec.js';

const onWire = ({ format, bytes, start, end }: EncodedPayload) => Buffer.concat([Buffer.from([format]), bytes.subarray(start, end)]);
const through = (encoder: PayloadEncoder, decoder: PayloadDecoder, value: unknown) => {
  const bytes = onWire(encoder.encode(value));
  return decoder.decode(bytes, 0, bytes.length);
};

/** Message-like values: few keys, so that shapes recur, and enough of them that the table of shapes overflows. */
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'binary' }),
    fc.integer(),
    // As in JSON, -0 arrives as 0.
    fc.double({ noNaN: true }).map((number) => number + 0),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));

describe('payloads', () => {
  it('come out as they went in, whatever was sent before on the connection', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyValue, fc.integer({ min: 0, max: 9 })), { maxLength: 120 }), (values) => {
        const encoder = new PayloadEncoder();
        const decoder = new PayloadDecoder();
        for (const [value, chance] of values) {
          if (chance === 0) {
            encoder.encode(value);
            encoder.discard();
          } else if (chance === 1) {
            const bytes = onWire(encodeSelfContained(value));
            expect(decoder.decode(bytes, 0, bytes.length)).toEqual(value);
          } else {
            expect(through(encoder, decoder, value)).toEqual(value);
          }
        }
      }),
    );
  });

  it('that are bytes are sent as they are and received as a view', () => {
    const encoder = new PayloadEncoder();
    const value = Uint8Array.of(0, 255, 7);
    const encoded = encoder.encode(value);
    expect(encoded).toMatchObject({ format: PayloadFormat.bytes, bytes: value });
    const received = onWire(encoded);
    const decoded = new PayloadDecoder().decode(received, 0, received.length) as Uint8Array;
    expect([...decoded]).toEqual([0, 255, 7]);
    expect(decoded.buffer).toBe(received.buffer);
  });

  it('carry bytes in a field as bytes, not as text', () => {
    const encoder = new PayloadEncoder();
    const message = { row: 'user:1', delta: new Uint8Array(1000).fill(200) };
    const bytes = onWire(encoder.encode(message));
    expect(bytes.length).toBeLessThan(1040);
    const decoded = new PayloadDecoder().decode(bytes, 0, bytes.length) as typeof message;
    expect(decoded.delta).toBeInstanceOf(Uint8Array);
    expect([...decoded.delta]).toEqual([...message.delta]);
  });

  it('of a shape sent before do not name their keys again', () => {
    const encoder = new PayloadEncoder();
    const first = onWire(encoder.encode({ consistencyLevel: 'ONE', replicationFactor: 3 }));
    const second = onWire(encoder.encode({ consistencyLevel: 'ALL', replicationFactor: 5 }));
    expect(first.includes('replicationFactor')).toBe(true);
    expect(second.includes('replicationFactor')).toBe(false);
  });

  it('that were encoded and not sent leave no shape behind that the peer would not know', () => {
    const encoder = new PayloadEncoder();
    const decoder = new PayloadDecoder();
    expect(through(encoder, decoder, { a: 1 })).toEqual({ a: 1 });
    encoder.encode({ b: 1, c: 2 });
    encoder.discard();
    expect(through(encoder, decoder, { b: 3, c: 4 })).toEqual({ b: 3, c: 4 });
    expect(() => encoder.encode({ d: { e: 1 }, f: Symbol('no') })).toThrow(/symbol/i);
    expect(through(encoder, decoder, { d: { e: 2 }, f: 3 })).toEqual({ d: { e: 2 }, f: 3 });
  });

  it('that cannot be decoded are WIRE_PROTOCOL, never a crash or a polluted prototype', () => {
    const decoder = new PayloadDecoder();
    const bad = (...bytes: number[]) => () => decoder.decode(Buffer.from(bytes), 0, bytes.length);
    for (const decode of [bad(), bad(9, 1), bad(3, 1), bad(2), bad(2, 0xdc, 255, 255), bad(2, 0xc6, 255, 255, 255, 255), bad(2, 1, 2)]) {
      expect(decode).toThrow(expect.objectContaining({ code: 'WIRE_PROTOCOL' }) as Error);
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.integer({ min: 0, max: 5 }), (noise, format) => {
        try {
          new PayloadDecoder().decode(Buffer.from([format, ...noise]), 0, noise.length + 1);
        } catch (error) {
          expect(error).toMatchObject({ code: 'WIRE_PROTOCOL' });
        }
      }),
    );
    const hostile = onWire(encodeSelfContained(JSON.parse('{"__proto__": {"admin": true}, "x": 1}')));
    const decoded = decoder.decode(hostile, 0, hostile.length) as Record<string, unknown>;
    expect(decoded['admin']).toBeUndefined();
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });
});
