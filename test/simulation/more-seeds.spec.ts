import { it } from 'vitest';
import { expectCleanSeeds } from './clean-seeds.js';

/** A file of its own, so that both halves of the seeds of `npm test` run at once. */
it('simulated clusters keep their promises over 150 more seeds, and are really harmed', { timeout: 600_000 }, () => expectCleanSeeds(151, 300));
