import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeGroup,
  decodeFileHeader,
  encodeFileHeader,
  findGroup,
  GroupWriter,
  FILE_HEADER_BYTES,
  unseal,
  type Mutation,
  type WriteBatch,
} from './log-record.js';

const mutation = fc.record({ key: fc.uint8Array({ minLength: 1, maxLength: 20 }), value: fc.option(fc.uint8Array({ maxLength: 40 })) });
const batches = fc.array(fc.array(mutation, { maxLength: 4 }), { minLength: 1, maxLength: 5 });

function groupOf(written: readonly WriteBatch[], firstLsn = 1): Uint8Array {
  const writer = new GroupWriter();
  writer.open(firstLsn, 1_700_000_000_000);
  for (const batch of written) writer.add(batch);
  return new Uint8Array(writer.finish());
}

describe('the header of a file', () => {
  it('names its LSN', () => {
    for (const lsn of [1, 2 ** 32, Number.MAX_SAFE_INTEGER]) expect(decodeFileHeader('log', encodeFileHeader('log', lsn))).toBe(lsn);
  });

  it('is none when any bit of it has flipped, or a part of it is missing', () => {
    const header = new Uint8Array(encodeFileHeader('log', 77));
    for (let bit = 0; bit < 8 * FILE_HEADER_BYTES; bit++) {
      const damaged = header.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeFileHeader('log', damaged), `bit ${bit}`).toBeNull();
    }
    expect(decodeFileHeader('checkpoint', header)).toBeNull();
    for (let length = 0; length < header.length; length++) expect(decodeFileHeader('log', header.subarray(0, length))).toBeNull();
  });
});

describe('a group', () => {
  it('comes back as it was written, values sealed', () => {
    fc.assert(
      fc.property(batches, fc.nat(), (written, firstLsn) => {
        const bytes = groupOf(written, firstLsn);
        const group = decodeGroup(Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(3)]), 3);
        expect(group).toMatchObject({ firstLsn, batchCount: written.length, wallMs: 1_700_000_000_000, byteLength: bytes.length });
        const read = group!.mutations.map(({ key, value }): Mutation => ({ key, value: value === null ? null : unseal(key, value) }));
        expect(read.map(plain)).toEqual(written.flat().map(plain));
      }),
    );
  });

  it('is none when any bit of it has flipped, or its end is missing', () => {
    const bytes = groupOf([[{ key: Buffer.from('key'), value: Buffer.from('value') }], [{ key: Buffer.from('gone'), value: null }]]);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeGroup(damaged, 0), `bit ${bit}`).toBeNull();
    }
    for (let length = 0; length < bytes.length; length++) expect(decodeGroup(bytes.subarray(0, length), 0)).toBeNull();
  });

  it('is found behind anything', () => {
    const bytes = groupOf([[{ key: Buffer.from('key'), value: Buffer.from('value') }]]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (before) => {
        const damagedTwin = bytes.slice();
        damagedTwin[20]! ^= 1;
        expect(findGroup(Buffer.concat([before, damagedTwin, bytes]), 0)).toBe(before.length + bytes.length);
        expect(findGroup(Buffer.concat([before, damagedTwin]), 0)).toBe(-1);
      }),
    );
  });
});

describe('a sealed value', () => {
  const sealOf = (key: Uint8Array, value: Uint8Array) => new Uint8Array(decodeGroup(groupOf([[{ key, value }]]), 0)!.mutations[0]!.value!);

  it('opens for its own key alone, and not when a bit of key or value has flipped', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.uint8Array({ maxLength: 40 }), fc.nat(), (key, value, draw) => {
        const sealed = sealOf(key, value);
        expect(unseal(key, sealed)).toEqual(value);
        const bit = draw % (8 * (key.length + sealed.length));
        const damaged = Buffer.concat([key, sealed]);
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        expect(unseal(damaged.subarray(0, key.length), damaged.subarray(key.length))).toBeNull();
      }),
    );
  });

  it('does not open when a byte has moved between key and value', () => {
    const sealed = sealOf(Buffer.from('key'), Buffer.from('value'));
    expect(unseal(Buffer.from('keyv'), sealed.subarray(1))).toBeNull();
    expect(unseal(Buffer.from('ke'), Buffer.concat([Buffer.from('y'), sealed]))).toBeNull();
    expect(unseal(Buffer.from('key'), sealed.subarray(0, 3))).toBeNull();
  });

  it('is not what an empty page looks like', () => {
    expect(unseal(Buffer.alloc(3), Buffer.alloc(10))).toBeNull();
  });
});

function plain({ key, value }: Mutation): [string, string | null] {
  return [Buffer.from(key).toString('hex'), value === null ? null : Buffer.from(value).toString('hex')];
}
