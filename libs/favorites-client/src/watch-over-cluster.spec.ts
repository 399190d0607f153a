import { describe, expect, it } from 'vitest';
import { NO_TROUBLE, troubledWatch } from './testing/troubled-watch.js';

const SEEDS = 10;

describe('who listens to a list of a simulated cluster', () => {
  it('has the list in the end, whatever happened to nodes, links and disks, and was never shown what nobody added', () => {
    const counts = { ...NO_TROUBLE };
    for (let seed = 1; seed <= SEEDS; seed++) troubledWatch(seed, counts);
    // Else the search has not been where it was sent.
    expect(counts.acknowledged).toBeGreaterThan(40 * SEEDS);
    expect(counts.failed).toBeGreaterThan(SEEDS);
    expect(counts.faults).toBeGreaterThan(4 * SEEDS);
    expect(counts.changes).toBeGreaterThan(60 * SEEDS);
    expect(counts.full).toBeGreaterThan(5 * SEEDS);
    expect(counts.returns).toBeGreaterThan(3 * SEEDS);
  });
});
