import { expect, it } from 'vitest';
import { storageBench } from './storage.bench.js';

it('the storage benchmark runs, and gives a figure for each thing it measures', { timeout: 60_000 }, async () => {
  const figures = await storageBench({ records: 500, writers: 8 });
  for (const [name, value] of Object.entries(figures)) expect(value, name).toBeGreaterThan(0);
  expect(figures.batchesPerSync).toBeGreaterThan(1);
});
