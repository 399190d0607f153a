import { expect, it } from 'vitest';
import { simulate } from './simulation.js';

const FIRST = 1_001;
const COUNT = 300;

it(`simulated clusters keep their promises over ${COUNT} seeds`, () => {
  const failed: string[] = [];
  for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
    const { violations } = simulate({ seed });
    if (violations.length > 0) failed.push(`npm run sim -- --seeds 1 --from ${seed}: ${violations[0]!.rule}: ${violations[0]!.what}`);
    if ((seed - FIRST + 1) % 100 === 0) console.log(`${seed - FIRST + 1} of ${COUNT} seeds, ${failed.length} failed`);
  }
  expect(failed).toEqual([]);
});
