/** A bug is planted in a line quoted from the code: who changes the line hears of it here, long before the bugs are run. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MUTANTS } from './mutants.js';

it('every planted bug has its line, once, and a test that is to find it', () => {
  const wrong = MUTANTS.flatMap(({ name, file, find, foundBy }) => {
    const times = readFileSync(file, 'utf8').split(find).length - 1;
    return times === 1 && existsSync(foundBy) ? [] : [`${name}: ${times} times in ${file}, to be found by ${foundBy}`];
  });
  expect(wrong).toEqual([]);
});
