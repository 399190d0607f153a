import { describe, expect, it } from 'vitest';
import { simulate } from './simulation.js';

describe('simulated clusters', () => {
  it('same seed, same run', { timeout: 60_000 }, () => {
    expect(simulate({ seed: 4 }).traceHash).toBe(simulate({ seed: 4 }).traceHash);
    expect(simulate({ seed: 4 }).traceHash).not.toBe(simulate({ seed: 5 }).traceHash);
  });
});
