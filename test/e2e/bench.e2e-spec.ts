/** The bench, small: that every part of it runs, every load against every server, and that its report says what it measured. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchReport } from '../../bench/report.js';

/** Half a minute on a machine of its own: what takes longer hangs, or shares it with many. */
const RUN_MAX_MS = 300_000;
const root = path.resolve(import.meta.dirname, '../..');

const withoutRedis = (skipped: readonly string[]): boolean => skipped.some((line) => line.startsWith('Redis'));

describe('the bench', () => {
  let directory: string;
  let said: string;
  let report: BenchReport;
  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'triptych-bench-spec-'));
    const json = path.join(directory, 'report.json');
    const { stdout } = await promisify(execFile)(process.execPath, ['--enable-source-maps', path.join(root, 'dist/apps/bench/run.js'), '--small', '--json', json], { timeout: RUN_MAX_MS });
    said = stdout;
    report = JSON.parse(readFileSync(json, 'utf8')) as BenchReport;
  }, RUN_MAX_MS + 10_000);
  afterAll(() => rmSync(directory, { recursive: true }));

  it('measures every load against every server', () => {
    const { rows, skipped, memoryMiB } = report;
    expect(rows.map(({ name }) => name)).toEqual([
      'Fastify hello',
      ...['add, QUORUM', 'list of 20, QUORUM', 'list of 20, SESSION', 'list of 500, QUORUM', 'half and half'].map((load) => `Triptych: ${load}`),
      'Triptych, periodic: half and half',
      ...(withoutRedis(skipped) ? [] : ['always', 'everysec'].map((sync) => `Fastify + Redis, WAIT 1, ${sync}: half and half`)),
    ]);
    for (const { name, rounds } of rows) {
      expect(rounds, name).toHaveLength(1);
      const [{ cpuUsPerRequest, requestsPerSecond, p50Ms, bytesOnWirePerRequest, failures }] = rounds as [(typeof rounds)[number]];
      expect({ name, failures }).toEqual({ name, failures: 0 });
      for (const figure of [cpuUsPerRequest, requestsPerSecond, p50Ms, bytesOnWirePerRequest]) expect(figure, name).toBeGreaterThan(0);
    }
    expect(Object.values(memoryMiB['Triptych']!).every((size) => size > 10)).toBe(true);
  });

  it('has a figure for every goal, and says which are missed', () => {
    const { goals, findings, skipped } = report;
    expect(findings.map(({ name }) => name)).toEqual(['At half of peak', 'A replica away', 'Start', 'Disk', 'Users']);
    expect(goals).toHaveLength(16);
    for (const { what, value } of goals) {
      if (!withoutRedis(skipped) || !what.includes('Redis')) expect(value, what).toBeGreaterThan(0);
    }
    for (const { what, atMost, value } of goals.filter(({ unit }) => unit === '')) {
      const measured = value === null ? 'not measured' : `${value.toFixed(2)}${value <= atMost ? '' : ', **missed**'}`;
      expect(said).toContain(`| ${what} | at most ${atMost} | ${measured} |`);
    }
  });
});
