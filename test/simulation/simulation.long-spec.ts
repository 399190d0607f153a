/** `npm run sim` as anybody runs it, over the seeds of the long suite. Needs the build, which the suite makes first. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const FIRST = 1_001;
const COUNT = 2_000;

it(`npm run sim: ${COUNT} seeds keep their promises`, { timeout: 40 * 60_000 }, () => {
  const { status } = spawnSync(process.execPath, ['--enable-source-maps', 'dist/apps/sim/run.js', '--seeds', String(COUNT), '--from', String(FIRST)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  expect(status).toBe(0);
});
