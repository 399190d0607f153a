import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zstdCompressor } from './zstd-compressor.js';

const compress = (bytes: Uint8Array) => zstdCompressor.compress(bytes);
const expand = (bytes: Uint8Array, byteCount: number) => zstdCompressor.expand(bytes, byteCount);

describe('the compressor', () => {
  it('gives back what it was given, up to the largest group', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 5_000 }), (bytes) => {
      expect(Buffer.from(expand(compress(bytes), bytes.length)!)).toEqual(Buffer.from(bytes));
    }));
    const large = Buffer.alloc(2 * 1024 * 1024, Buffer.from('favorites\0user-7\0film:42'));
    expect(Buffer.compare(expand(compress(large), large.length)!, large)).toBe(0);
  });

  it('says null to any other bytes, and never throws', () => {
    const good = compress(Buffer.from('a record and a record and a record'));
    for (let length = 0; length < good.length; length++) expect(expand(good.subarray(0, length), 34)).toBeNull();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 1_000 }), (bytes, byteCount) => {
      const expanded = expand(bytes, byteCount);
      expect(expanded === null || expanded.length === byteCount).toBe(true);
    }));
  });

  it('expands to the bytes asked for, and to no more', () => {
    const bomb = compress(Buffer.alloc(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(10_000);
    for (const byteCount of [0, 1, 1_000, 2 * 1024 * 1024]) expect(expand(bomb, byteCount)).toBeNull();
    expect(expand(compress(Buffer.from('abc')), 4)).toBeNull();
    expect(expand(zstdCompressSync(Buffer.alloc(0)), 1)).toBeNull();
  });
});
