/**
 * `npm run sim:mutants`: plants each bug, runs what must find it, two at a time, and prints which scenario or seed did. One that
 * survives fails the suite. TRIPTYCH_ALSO_SEEDS=50 tries the simulator on every bug as well, which measures the simulator.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SEEDS, type Mutant } from './mutant.js';
import { MUTANTS } from './mutants.js';

const AT_ONCE = 2;
const alsoSeeds = process.env.TRIPTYCH_ALSO_SEEDS;

interface Report {
  readonly testResults: readonly { readonly message: string; readonly assertionResults: readonly { readonly status: string; readonly fullName: string; readonly failureMessages: readonly string[] }[] }[];
}
interface Finding {
  /** Null where the bug survived. */
  readonly foundBy: string | null;
  readonly alsoAt: string;
  readonly output: string;
}

/** Runs a test file with the mutant in it: which test failed first, and why. */
function runWith(mutant: Mutant, testFile: string, seeds?: string): Promise<{ failed: string | null; output: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'triptych-mutant-'));
  const reportFile = path.join(folder, 'report.json');
  const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.config.mutant.ts', '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`], {
    env: { ...process.env, TRIPTYCH_MUTANT: mutant.name, TRIPTYCH_MUTANT_FOUND_BY: testFile, ...(seeds && { TRIPTYCH_MUTANT_SEEDS: seeds }), TRIPTYCH_PROPERTY_FACTOR: '', VITEST: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) =>
    child.on('close', () => {
      // A run that fell over leaves no report: nothing was found, and the output says why.
      const report = existsSync(reportFile) ? (JSON.parse(readFileSync(reportFile, 'utf8')) as Report) : null;
      rmSync(folder, { recursive: true });
      const first = report?.testResults.flatMap((file) => file.assertionResults).find(({ status }) => status === 'failed');
      const seed = first?.failureMessages.map((message) => /seed \d+: [a-z-]+/.exec(message)?.[0]).find((found) => found !== undefined);
      resolve({ failed: first === undefined ? null : testFile === SEEDS ? (seed ?? null) : first.fullName.trim(), output });
    }),
  );
}

async function find(mutant: Mutant): Promise<Finding> {
  const { failed, output } = await runWith(mutant, mutant.foundBy);
  const where = mutant.foundBy === SEEDS ? failed : failed && `${mutant.foundBy.split('/').at(-1)}: ${failed}`;
  const also = alsoSeeds !== undefined && mutant.foundBy !== SEEDS ? await runWith(mutant, SEEDS, alsoSeeds) : null;
  return { foundBy: where, alsoAt: also === null ? '' : (also.failed ?? `not in ${alsoSeeds} seeds`), output };
}

/** Findings by mutant, worked on a few at a time in the order of the table. */
const findings = new Map<Mutant, Promise<Finding>>();
function begin(): void {
  const lanes: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());
  for (const [index, mutant] of MUTANTS.entries()) {
    const finding = lanes[index % AT_ONCE]!.then(() => find(mutant));
    findings.set(mutant, finding);
    lanes[index % AT_ONCE] = finding;
  }
}

describe('planted bugs', () => {
  it('each change exactly one place, so that none is planted in vain', () => {
    for (const { name, file, find: text } of MUTANTS) expect([name, readFileSync(file, 'utf8').split(text).length - 1]).toEqual([name, 1]);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(30);
  });

  it.each(MUTANTS)('$name is found: $breaks', { timeout: 30 * 60_000 }, async (mutant) => {
    if (findings.size === 0) begin();
    const { foundBy, alsoAt, output } = await findings.get(mutant)!;
    console.log(`${mutant.name}: ${foundBy ?? 'SURVIVED'}${alsoAt && `; ${alsoAt}`}`);
    expect(foundBy, output.slice(-4_000)).not.toBeNull();
  });

  afterAll(async () => {
    console.log('\n| planted bug | promise that it breaks | found by |\n|---|---|---|');
    for (const [mutant, finding] of findings) {
      const { foundBy, alsoAt } = await finding;
      console.log(`| ${mutant.name} | ${mutant.breaks} | ${foundBy ?? '**survived**'}${alsoAt && `; ${alsoAt}`} |`);
    }
  });
});
