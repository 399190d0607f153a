/** `npm run sim` as anybody runs it, over the seeds of the long suite. Needs the build, which the suite makes first. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';

const FIRST = 1_001;
const COUNT = 2_000;

it(`npm run sim: ${COUNT} seeds keep their promises`, { timeout: 40 * 60_000 }, async () => {
  const run = spawn(process.execPath, ['--enable-source-maps', 'dist/apps/sim/run.js', '--seeds', String(COUNT), '--from', String(FIRST)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  run.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    process.stdout.write(text);
  });
  const [code] = (await once(run, 'close')) as [number | null];
  expect(said.match(/^seed \d+: .*$/gm) ?? []).toEqual([]);
  expect(said).toContain(`${COUNT} passed, 0 failed`);
  expect(code).toBe(0);
});
