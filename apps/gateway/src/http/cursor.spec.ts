import fc from 'fast-check';
import { TriptychError } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { golden } from '../testing/golden.js';
import { openCursor, sealCursor } from './cursor.js';

const SECRETS = [{ id: 'k1', key: Buffer.alloc(32, 1) }];
const row = { table: 'favorites', row: 'ada' };
const end = { position: 'a0V', item: 'alien-1979' };
const code = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return (error as TriptychError).code;
  }
  return 'none';
};

describe('a cursor', () => {
  it('is these characters, since devices hold them across our releases', () => {
    expect(sealCursor(end, row, SECRETS)).toBe(golden('cursor-v1.txt'));
  });

  it('gives back where the page ended, under any key still known', () => {
    const next = [{ id: 'k2', key: Buffer.alloc(32, 2) }, ...SECRETS];
    expect(openCursor(sealCursor(end, row, SECRETS), row, next)).toEqual(end);
  });

  it('is of its row alone', () => {
    const cursor = sealCursor(end, row, SECRETS);
    for (const other of [{ table: 'favorites', row: 'bob' }, { table: 'catalog', row: 'ada' }]) {
      expect(code(() => openCursor(cursor, other, SECRETS))).toBe('CURSOR_INVALID');
    }
  });

  it('refuses whatever was not sealed: a changed character anywhere, or any other text', () => {
    const cursor = sealCursor(end, row, SECRETS);
    for (let at = 0; at < cursor.length; at++) {
      const changed = cursor.slice(0, at) + (cursor[at] === 'A' ? 'B' : 'A') + cursor.slice(at + 1);
      expect(code(() => openCursor(changed, row, SECRETS))).toBe('CURSOR_INVALID');
    }
    fc.assert(fc.property(fc.string(), (text) => code(() => openCursor(text, row, SECRETS)) === 'CURSOR_INVALID'));
  });
});
