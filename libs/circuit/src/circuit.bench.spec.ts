import { describe, expect, it } from 'vitest';
import { circuitBench } from './circuit.bench.js';

describe('the circuit benchmark', () => {
  it('runs through all of its cases', async () => {
    const result = await circuitBench(500, 1);
    const figures = Object.values(result).flatMap((group) => Object.values(group as Record<string, number>));
    expect(figures).toHaveLength(10);
    expect(figures.every((us) => us >= 0)).toBe(true);
  });
});
