import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAddedFrom, encodeAddedFrom, favoriteOf } from './favorite-value.js';

/** Bytes that disks of earlier releases hold: a change of them is a new format version. */
const GOLDEN = new URL('../../../../test/golden/gateway/favorite-v1.hex', import.meta.url);
const item = { item: 'alien-1979', position: 'm', writtenAtMs: 1_700_000_000_123 };

describe('the bytes kept with a favorite', () => {
  it('are these, as lists on disk hold them', () => {
    const bytes = encodeAddedFrom({ zone: 'zone-a', device: 'TV "é"' });
    expect(Buffer.from(bytes).toString('hex')).toBe(readFileSync(GOLDEN, 'utf8').trim());
    expect(Buffer.from(encodeAddedFrom({ zone: 'b', device: null })).toString()).toBe('\u0001{"zone":"b","device":null}');
    expect(Buffer.from(encodeAddedFrom({ zone: 'b', device: 'tv' }, 'horror')).toString()).toBe('\u0001{"zone":"b","device":"tv","genre":"horror"}');
  });

  it('give back what was put in', () => {
    for (const device of [null, 'tv', '📺', '\u0000"\\']) {
      expect(decodeAddedFrom(encodeAddedFrom({ zone: 'zone-a', device }))).toEqual({ zone: 'zone-a', device });
    }
  });

  it('hide the origin and never the film, when they are of a later version or damaged', () => {
    const unreadable = [new Uint8Array(0), Uint8Array.of(1), Uint8Array.of(2, 0x7b, 0x7d), Buffer.from('\u0001null'), Buffer.from('\u0001{"zone":')];
    for (const value of unreadable) {
      expect(favoriteOf({ ...item, value })).toMatchObject({ film: 'alien-1979', addedFrom: { zone: null, device: null } });
    }
  });
});

describe('the view of a favorite', () => {
  it('shows the date of the store as ISO 8601 in UTC, whatever a lying clock made of it', () => {
    const at = (writtenAtMs: number): string => favoriteOf({ ...item, writtenAtMs, value: encodeAddedFrom({ zone: 'a', device: null }) }).addedAt;
    expect(at(1_700_000_000_123)).toBe('2023-11-14T22:13:20.123Z');
    expect(at(-1)).toBe('1970-01-01T00:00:00.000Z');
    expect(at(Number.MAX_VALUE)).toBe('9999-12-31T23:59:59.999Z');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
        expect(at(ms)).toBe(new Date(ms).toISOString());
      }),
    );
  });
});
