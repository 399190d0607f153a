import { describe, expect, it } from 'vitest';
import { circuitBench } from './circuit.bench.js';

/** With figures to read: `TRIPTYCH_PRINT=1 npx vitest run libs/circuit/src/circuit.bench.spec.ts`. */
const isPrinted = Boolean(process.env.TRIPTYCH_PRINT);

describe('the circuit benchmark', () => {
  it('runs through all of its cases', { timeout: 300_000 }, async () => {
    const result = isPrinted ? await circuitBench(20_000, 20) : await circuitBench(500, 1);
    const figures = Object.values(result).flatMap((group) => Object.values(group as Record<string, number>));
    expect(figures).toHaveLength(18);
    expect(figures.every((us) => us >= 0)).toBe(true);
    if (isPrinted) {
      const rounded = (group: Record<string, number>) => Object.entries(group).map(([name, us]) => `${name} ${us.toFixed(2)}`);
      const lines = Object.entries(result).map(([name, group]) => `${name}: ${rounded(group as Record<string, number>).join(', ')}`);
      process.stdout.write(`CPU-microseconds a call\n${lines.join('\n')}\n`);
    }
  });
});
