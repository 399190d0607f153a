import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MUTANTS, type Mutant } from './mutants.js';

/** The exit code and output of the mutant's test file with the mutant in it. */
function runWith(mutant: Mutant): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.config.mutant.ts'], {
    env: { ...process.env, TRIPTYCH_MUTANT: mutant.name, TRIPTYCH_PROPERTY_FACTOR: '', VITEST: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}

describe('planted bugs', () => {
  it('each change exactly one place, so that none is planted in vain', () => {
    for (const { name, file, find } of MUTANTS) expect([name, readFileSync(file, 'utf8').split(find).length - 1]).toEqual([name, 1]);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  it.each(MUTANTS)('$name is found: $breaks', { timeout: 120_000 }, async (mutant) => {
    const { code, output } = await runWith(mutant);
    expect(code, output).not.toBe(0);
    // A test failed; the run did not merely fall over.
    expect(output).toMatch(/Tests .*\d+ failed/);
  });
});
