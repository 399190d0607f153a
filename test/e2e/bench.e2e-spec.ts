/** The benchmark, at its smallest, so that it does not rot: it runs to its end, and its figures are figures. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { BenchReport } from '../../bench/report.js';

it('npm run bench: one short round of each load, no failed request, a cost for each', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'triptych-bench-e2e-'));
  const json = path.join(directory, 'report.json');
  try {
    const small = ['--seconds', '0.5', '--rounds', '1', '--in-flight', '8', '--users', '5', '--json', json];
    const { stdout } = await promisify(execFile)(process.execPath, ['dist/apps/bench/run.js', ...small]);
    const report = JSON.parse(readFileSync(json, 'utf8')) as BenchReport;
    expect(report.rows.map(({ name }) => name)).toEqual(['Fastify hello', 'add, QUORUM', 'list of 20, QUORUM', 'half and half']);
    for (const { rounds } of report.rows) {
      expect(rounds).toHaveLength(1);
      expect(rounds[0]).toMatchObject({ failures: 0 });
      for (const figure of [rounds[0]!.cpuUsPerRequest, rounds[0]!.requestsPerSecond, rounds[0]!.p50Ms]) expect(figure).toBeGreaterThan(0);
    }
    expect(stdout).toContain('| half and half |');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
