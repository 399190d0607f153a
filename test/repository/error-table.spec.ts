import { PROBLEMS } from '@app/admin';
import { ERRORS, type ErrorCode } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { disagreements, readErrorTable, type ErrorRow } from './error-table.js';
import { readSource } from './source-tree.js';

const document = readSource('docs/ERRORS.md').text;
const code = Object.fromEntries(
  Object.entries(ERRORS).map(([name, facts]): [string, ErrorRow] => [
    name,
    { ...facts, status: PROBLEMS[name as ErrorCode].status },
  ]),
);

describe('docs/ERRORS.md', () => {
  it('has one row for every code, with what the code says of it, and no row more', () => {
    expect(readErrorTable(document).rows.size).toBe(Object.keys(ERRORS).length);
    expect(disagreements(document, code)).toEqual([]);
  });

  it('is caught when it lacks a code, names an unknown one, says one twice or leaves a cell empty', () => {
    const row = (name: string, meaning = 'x') => `| \`${name}\` | ${meaning} | no | ignores | 400 | y |`;
    const real = { A: { applied: 'no', breaker: 'ignores', status: 400 } };
    expect(disagreements(row('A'), real)).toEqual([]);
    expect(disagreements('', real)).toEqual(['A: not documented']);
    expect(disagreements(`${row('A')}\n${row('B')}`, real)).toEqual(['B: no such code']);
    expect(disagreements(`${row('A')}\n${row('A')}`, real)).toEqual(['A: has two rows']);
    expect(disagreements(row('A', ''), real)).toEqual(['A: a row has six cells, none empty']);
  });

  it.each([
    ['applied', { applied: 'unknown', breaker: 'ignores', status: 400 }, 'A: applied is unknown, documented as no'],
    ['breaker', { applied: 'no', breaker: 'counts', status: 400 }, 'A: breaker is counts, documented as ignores'],
    ['status', { applied: 'no', breaker: 'ignores', status: 409 }, 'A: status is 409, documented as 400'],
  ])('is caught when its column %s is wrong', (_, row, fault) => {
    expect(disagreements('| `A` | x | no | ignores | 400 | y |', { A: row })).toEqual([fault]);
  });
});
