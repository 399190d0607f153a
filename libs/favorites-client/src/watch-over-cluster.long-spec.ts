import { expect, it } from 'vitest';
import { NO_TROUBLE, troubledWatch } from './testing/troubled-watch.js';

const BATCHES = 8;
const BATCH_SEEDS = 50;

it.each(Array.from({ length: BATCHES }, (_, batch) => 1_001 + batch * BATCH_SEEDS))('50 seeds from %d: who listens has the list in the end, and was never shown what nobody added', (first) => {
  const counts = { ...NO_TROUBLE };
  for (let seed = first; seed < first + BATCH_SEEDS; seed++) troubledWatch(seed, counts);
  console.log(JSON.stringify(counts));
  expect(counts.faults).toBeGreaterThan(4 * BATCH_SEEDS);
});
