import { TriptychError } from '@app/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';

const written = (write: (writer: ByteWriter) => void): Uint8Array => {
  const writer = new ByteWriter(1);
  write(writer);
  return writer.finish();
};
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const safeInteger = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(300),
  fc.nat(53).chain((bits) => fc.constantFrom(2 ** bits - 1, Math.min(2 ** bits, Number.MAX_SAFE_INTEGER))),
);
const asciiKey = fc.string({ unit: fc.integer({ min: 1, max: 127 }).map((code) => String.fromCharCode(code)) });

type Field = keyof typeof fields;
const fields = {
  u8: fc.nat(255),
  u32: fc.nat(0xffffffff),
  u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  varint: safeInteger,
  bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  string: fc.string({ unit: 'binary', maxLength: 200 }),
  ordered: asciiKey,
};
const anyFields = fc.array(
  fc.constantFrom(...(Object.keys(fields) as Field[])).chain((field) => fields[field].map((value) => ({ field, value }))),
);

describe('what a writer writes', () => {
  it('is read back field by field, and nothing is left', () => {
    fc.assert(
      fc.property(anyFields, (values) => {
        const bytes = written((writer) => {
          for (const { field, value } of values) (writer[field] as (value: unknown) => void)(value);
        });
        const reader = new ByteReader(bytes);
        for (const { field, value } of values) expect(reader[field]()).toEqual(value);
        reader.end();
      }),
    );
  });

  it('is laid out as the format says', () => {
    const bytes = written((writer) => {
      writer.u8(7);
      writer.u32(0x01020304);
      writer.u64(0x0102030405060708n);
      writer.varint(300);
      writer.fixed(Uint8Array.of(0xaa, 0xbb));
      writer.hex('00ff');
      writer.bytes(Uint8Array.of(0xcc));
      writer.string('é');
      writer.ordered('ab');
    });
    expect(hex(bytes)).toBe('07' + '01020304' + '0102030405060708' + 'ac02' + 'aabb' + '00ff' + '01cc' + '02c3a9' + '616200');
    const reader = new ByteReader(bytes.subarray(17));
    expect(hex(reader.fixed(2))).toBe('00ff');
    expect(reader.offset).toBe(2);
    expect(new ByteReader(Uint8Array.of(0x0a, 0xf0)).hex(2)).toBe('0af0');
  });

  it('takes every safe integer as a varint and no other number', () => {
    expect(hex(written((writer) => writer.varint(Number.MAX_SAFE_INTEGER)))).toBe('ffffffffffffff0f');
    for (const value of [-1, 0.5, 2 ** 53, Number.NaN, Infinity]) {
      expect(() => written((writer) => writer.varint(value))).toThrow('varint out of range');
    }
  });

  it('refuses numbers that do not fit, and digits that are not hex', () => {
    expect(() => written((writer) => writer.u8(256))).toThrow('out of range');
    expect(() => written((writer) => writer.u32(2 ** 32))).toThrow('out of range');
    expect(() => written((writer) => writer.u64(2n ** 64n))).toThrow('out of range');
    expect(() => written((writer) => writer.u64(-1n))).toThrow('out of range');
    expect(() => written((writer) => writer.hex('0g'))).toThrow('not hex');
    expect(() => written((writer) => writer.hex('abc'))).toThrow('not hex');
  });

  it('refuses text that could not be read back', () => {
    const refusal = (write: (writer: ByteWriter) => void): string => {
      try {
        written(write);
        return 'written';
      } catch (error) {
        return (error as TriptychError).code;
      }
    };
    expect(refusal((writer) => writer.string('\ud800'))).toBe('REQUEST_INVALID');
    expect(refusal((writer) => writer.ordered('a\0b'))).toBe('REQUEST_INVALID');
    expect(refusal((writer) => writer.ordered('é'))).toBe('REQUEST_INVALID');
    expect(refusal((writer) => writer.string('\ufeff😀'))).toBe('written');
  });

  it('sorts as bytes as the tuples of strings sort', () => {
    const tuple = fc.tuple(asciiKey, asciiKey);
    const key = ([table, row]: readonly [string, string]): Uint8Array =>
      written((writer) => {
        writer.ordered(table);
        writer.ordered(row);
      });
    const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
    fc.assert(
      fc.property(tuple, tuple, (a, b) => {
        expect(Math.sign(Buffer.compare(key(a), key(b)))).toBe(compare(a[0], b[0]) || compare(a[1], b[1]));
      }),
    );
  });

  it('starts over when cleared', () => {
    const writer = new ByteWriter();
    writer.string('first');
    writer.clear();
    writer.u8(1);
    expect(writer.length).toBe(1);
    expect(hex(writer.finish())).toBe('01');
  });
});
