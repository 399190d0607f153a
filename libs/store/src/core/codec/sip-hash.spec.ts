import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sipHash128, sipHash64, sipHashWords } from './sip-hash.js';

const PUBLISHED_KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const published = JSON.parse(
  readFileSync(new URL('../../../../../test/golden/ring/siphash-2-4-128.json', import.meta.url), 'utf8'),
) as string[];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The paper, line by line, in 64-bit arithmetic. */
function plainSipHash(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const word = (from: Uint8Array, at: number): bigint => Buffer.from(from).readBigUInt64LE(at);
  const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
  const rotate = (value: bigint, by: bigint): bigint => u64((value << by) | (value >> (64n - by)));
  let v0 = word(key, 0) ^ 0x736f6d6570736575n;
  let v1 = word(key, 8) ^ 0x646f72616e646f6dn ^ 0xeen;
  let v2 = word(key, 0) ^ 0x6c7967656e657261n;
  let v3 = word(key, 8) ^ 0x7465646279746573n;
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = u64(v0 + v1);
      v1 = rotate(v1, 13n) ^ v0;
      v0 = rotate(v0, 32n);
      v2 = u64(v2 + v3);
      v3 = rotate(v3, 16n) ^ v2;
      v0 = u64(v0 + v3);
      v3 = rotate(v3, 21n) ^ v0;
      v2 = u64(v2 + v1);
      v1 = rotate(v1, 17n) ^ v2;
      v2 = rotate(v2, 32n);
    }
  };
  const padded = Buffer.alloc(8 * (Math.floor(bytes.length / 8) + 1));
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length;
  for (let at = 0; at < padded.length; at += 8) {
    v3 ^= word(padded, at);
    rounds(2);
    v0 ^= word(padded, at);
  }
  const result = Buffer.alloc(16);
  v2 ^= 0xeen;
  rounds(4);
  result.writeBigUInt64LE(v0 ^ v1 ^ v2 ^ v3, 0);
  v1 ^= 0xddn;
  rounds(4);
  result.writeBigUInt64LE(v0 ^ v1 ^ v2 ^ v3, 8);
  return result;
}

describe('SipHash-2-4-128', () => {
  it("gives the authors' 64 published results", () => {
    expect(published).toHaveLength(64);
    for (let length = 0; length < 64; length++) {
      const input = Uint8Array.from({ length }, (_, i) => i);
      expect(hex(sipHash128(PUBLISHED_KEY, input))).toBe(published[length]);
    }
  });

  it('equals the paper in 64-bit arithmetic on any key and input', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ maxLength: 300 }), (key, input) => {
        expect(hex(sipHash128(key, input))).toBe(hex(plainSipHash(key, input)));
      }),
    );
  });

  it('gives the same hash as words, as bytes at an offset, as a number, and of a part of an array', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(9), (input, margin) => {
        const bytes = Buffer.from(sipHash128(PUBLISHED_KEY, input));
        const words = new Uint32Array(4);
        const framed = new Uint8Array(input.length + 2 * margin).fill(0xaa);
        framed.set(input, margin);
        sipHashWords(PUBLISHED_KEY, framed, words, margin, margin + input.length);
        expect([...words]).toEqual([0, 4, 8, 12].map((at) => bytes.readUInt32LE(at)));
        expect(sipHash64(PUBLISHED_KEY, framed, margin, margin + input.length)).toBe(bytes.readBigUInt64BE(0));
        const target = new Uint8Array(16 + margin);
        expect(hex(sipHash128(PUBLISHED_KEY, input, target, margin))).toBe('00'.repeat(margin) + bytes.toString('hex'));
      }),
    );
  });

  it('refuses a key of another length and a target that is too short', () => {
    expect(() => sipHash128(new Uint8Array(8), new Uint8Array(1))).toThrow('16 bytes');
    expect(() => sipHash128(PUBLISHED_KEY, new Uint8Array(1), new Uint8Array(16), 1)).toThrow('16 bytes');
  });
});
