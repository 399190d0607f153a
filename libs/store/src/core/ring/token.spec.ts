import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenOf } from './token.js';

const golden = JSON.parse(
  readFileSync(new URL('../../../../../test/golden/ring/tokens.json', import.meta.url), 'utf8'),
) as { table: string; row: string; token: string }[];

describe('a token', () => {
  it('[P1] is the same for ever, on every node and client', () => {
    expect(golden.length).toBeGreaterThan(10);
    for (const { table, row, token } of golden) expect(tokenOf(table, row).toString(16).padStart(16, '0')).toBe(token);
  });

  it('[P1] tells apart keys that run together the same, and fits in 64 bits', () => {
    const text = fc.stringMatching(/^[ab]{0,4}$/);
    fc.assert(
      fc.property(text, text, text, text, (table, row, otherTable, otherRow) => {
        const token = tokenOf(table, row);
        expect(token >= 0n && token < 1n << 64n).toBe(true);
        expect(token === tokenOf(otherTable, otherRow)).toBe(table === otherTable && row === otherRow);
      }),
    );
  });
});
