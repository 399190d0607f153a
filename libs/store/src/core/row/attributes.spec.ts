import { describe, expect, it } from 'vitest';
import { attributesOf, matches } from './attributes.js';

const value = (text: string): Uint8Array => Buffer.from(`\u0001${text}`);

describe('[T6] the attributes of a value', () => {
  it('are the members of its object', () => {
    expect(attributesOf(value('{"device":"tv","genre":"drama","year":1979}'))).toMatchObject({ device: 'tv', genre: 'drama' });
  });

  it('are none where the value is of another form: such an item matches nothing, and harms nobody', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('{"device":"tv"}'), Buffer.from('\u0002{"device":"tv"}'), value('{"device":'), value('null'), value('"tv"'), value('[]')]) {
      expect(matches(bytes, { device: 'tv' })).toBe(false);
    }
  });

  it('match when all that are asked for are equal, as they are, and texts', () => {
    const tv = value('{"device":"TV","genre":"drama","year":1979,"none":null}');
    expect(matches(tv, { device: 'TV' })).toBe(true);
    expect(matches(tv, { device: 'TV', genre: 'drama' })).toBe(true);
    expect(matches(tv, { device: 'TV', genre: 'comedy' })).toBe(false);
    expect(matches(tv, { device: 'tv' })).toBe(false);
    expect(matches(tv, { year: '1979' })).toBe(false);
    expect(matches(tv, { none: 'null' })).toBe(false);
    expect(matches(tv, { toString: 'x' })).toBe(false);
  });
});
