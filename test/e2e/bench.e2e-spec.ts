/** The bench, small: that every load of it runs, against every server, and that its report says what it measured. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { BenchReport } from '../../bench/report.js';

const root = path.resolve(import.meta.dirname, '../..');

it('measures every load against every server, and fails where a request does', { timeout: 180_000 }, async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'triptych-bench-spec-'));
  const json = path.join(directory, 'report.json');
  try {
    const small = ['--seconds', '0.3', '--rounds', '1', '--users', '20', '--in-flight', '8', '--json', json];
    const { stdout } = await promisify(execFile)(process.execPath, ['--enable-source-maps', path.join(root, 'dist/apps/bench/run.js'), ...small]);
    const { rows, skipped, memoryMiB } = JSON.parse(readFileSync(json, 'utf8')) as BenchReport;
    expect(rows.map(({ name }) => name)).toEqual([
      'Fastify hello',
      ...['add, QUORUM', 'list of 20, QUORUM', 'list of 20, SESSION', 'list of 500, QUORUM', 'half and half'].map((load) => `Triptych: ${load}`),
      'Triptych, periodic: half and half',
      ...(skipped.length > 0 ? [] : ['always', 'everysec'].map((sync) => `Fastify + Redis, WAIT 1, ${sync}: half and half`)),
    ]);
    for (const { name, rounds } of rows) {
      expect(rounds, name).toHaveLength(1);
      const [{ cpuUsPerRequest, requestsPerSecond, p50Ms, bytesOnWirePerRequest, failures }] = rounds as [(typeof rounds)[number]];
      expect({ name, failures }).toEqual({ name, failures: 0 });
      for (const figure of [cpuUsPerRequest, requestsPerSecond, p50Ms, bytesOnWirePerRequest]) expect(figure, name).toBeGreaterThan(0);
    }
    expect(Object.values(memoryMiB['Triptych']!).every((size) => size > 10)).toBe(true);
    expect(stdout).toContain('| half and half, against hello | at most 6 |');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
