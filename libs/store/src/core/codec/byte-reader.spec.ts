import { TriptychError } from '@app/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';

const isRefusal = (error: unknown): error is TriptychError =>
  error instanceof TriptychError && error.code === 'STORE_RECORD_CORRUPT';

/** The refusal's offset; anything but a refusal fails the test. */
function refusedAt(bytes: ArrayLike<number>, read: (reader: ByteReader) => unknown): number {
  try {
    read(new ByteReader(Uint8Array.from(bytes)));
  } catch (error) {
    if (isRefusal(error)) return error.details.offset as number;
    throw error;
  }
  throw new Error('read without complaint');
}

describe('a reader of damaged bytes', () => {
  it('refuses every cut of a record, at the field that is cut', () => {
    const writer = new ByteWriter();
    writer.u8(1);
    writer.u32(2);
    writer.u64(3n);
    writer.varint(300);
    writer.bytes(Uint8Array.of(1, 2, 3));
    writer.string('film');
    writer.ordered('row');
    const whole = writer.finish();
    const readAll = (reader: ByteReader): void => {
      reader.u8();
      reader.u32();
      reader.u64();
      reader.varint();
      reader.bytes();
      reader.string();
      reader.ordered();
      reader.end();
    };
    readAll(new ByteReader(whole));
    for (let length = 0; length < whole.length; length++) {
      expect(refusedAt(whole.subarray(0, length), readAll)).toBeLessThanOrEqual(length);
    }
    expect(refusedAt([...whole, 0], readAll)).toBe(whole.length);
  });

  it('refuses a varint that has a shorter spelling, no end, or a value beyond 2^53 - 1', () => {
    const varint = (reader: ByteReader): number => reader.varint();
    expect(refusedAt([0x80, 0x00], varint)).toBe(2);
    expect(refusedAt([0xff, 0x80, 0x00], varint)).toBe(3);
    expect(refusedAt([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10], varint)).toBe(8);
    expect(refusedAt([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], varint)).toBe(8);
    expect(refusedAt([0x80], varint)).toBe(1);
  });

  it('reads a name as it reads a string, whichever were met before', () => {
    const names = fc.array(fc.oneof(fc.constantFrom('a1', 'b1', 'c1', 'zone-a', 'zone-b', ''), fc.string({ unit: 'binary', maxLength: 3 }), fc.string({ maxLength: 200 })), { maxLength: 40 });
    fc.assert(
      fc.property(names, (written) => {
        const writer = new ByteWriter();
        for (const name of written) writer.string(name);
        const reader = new ByteReader(writer.finish());
        expect(written.map(() => reader.name())).toEqual(written);
        reader.end();
      }),
    );
    for (const cut of [[], [1], [3, 97, 98], [0x80], [0x80, 0x01, 97]]) refusedAt(cut, (reader) => reader.name());
    refusedAt([1, 0xff], (reader) => reader.name());
  });

  it('refuses a length beyond the end without reading it', () => {
    expect(refusedAt([0x05, 1, 2, 3, 4], (reader) => reader.bytes())).toBe(1);
    expect(refusedAt([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f], (reader) => reader.string())).toBe(8);
  });

  it('refuses text that is not UTF-8 and keys that are not ASCII', () => {
    expect(refusedAt([0x01, 0xff], (reader) => reader.string())).toBe(2);
    expect(refusedAt([0x03, 0xed, 0xa0, 0x80], (reader) => reader.string())).toBe(4);
    expect(refusedAt([0xc3, 0xa9, 0x00], (reader) => reader.ordered())).toBe(3);
    expect(refusedAt([0x61, 0x62], (reader) => reader.ordered())).toBe(0);
  });

  it('throws nothing but a refusal on any bytes, stays inside them, and what it accepts writes back to the same bytes', () => {
    const kinds = ['u8', 'u32', 'u64', 'varint', 'bytes', 'string', 'ordered'] as const;
    const bytes = fc.array(fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 0x80)), { maxLength: 24 });
    fc.assert(
      fc.property(bytes, fc.array(fc.constantFrom(...kinds), { maxLength: 8 }), (input, fields) => {
        // The bytes lie in the middle of a larger array: reading beyond either end would show.
        const around = new Uint8Array(input.length + 16).fill(0x61);
        around.set(input, 8);
        const reader = new ByteReader(around.subarray(8, 8 + input.length));
        const writer = new ByteWriter();
        let accepted = 0;
        try {
          for (const field of fields) {
            (writer[field] as (value: unknown) => void)(reader[field]());
            accepted = reader.offset;
          }
        } catch (error) {
          if (!isRefusal(error)) throw error;
        }
        expect(accepted).toBeLessThanOrEqual(input.length);
        expect([...writer.finish()]).toEqual(input.slice(0, accepted));
      }),
      { numRuns: 500 },
    );
  });
});
