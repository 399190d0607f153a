import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from './checksum.js';

describe('crc32', () => {
  it('gives the check value of the standard', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  });

  it("equals zlib's, for any bytes, any part of them, and any seed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(100), fc.nat(0xffffffff), (bytes, a, b, seed) => {
        const [start, end] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)];
        expect(crc32(bytes, seed, start, end)).toBe(zlibCrc32(bytes.subarray(start, end), seed));
      }),
    );
  });

  it('goes on where another left off', () => {
    const [first, second] = [Buffer.from('a favorites queue '), Buffer.from('that survives losing a zone')];
    expect(crc32(second, crc32(first))).toBe(crc32(Buffer.concat([first, second])));
  });
});
