import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { adminToken } from '@app/admin';
import { ConfigurationRefused } from '@app/config';
import { nodeId, InvariantViolation } from '@app/contracts';
import { openLmdbEngine } from '@app/store/adapters';
import { systemClock } from '@app/time';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startFailure } from './start-failure.js';

let directory: string;
let data: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'start-failure-'));
  data = path.join(directory, 'data');
});
afterEach(() => rmSync(directory, { recursive: true }));

const open = (dataDirectory = data) => openLmdbEngine({ directory: dataDirectory, clusterId: 'cluster-1', nodeId: 'a1', clock: systemClock });

/** What is said of a start that fails in `step`. */
function saidOf(step: () => unknown): string {
  try {
    step();
  } catch (error) {
    return startFailure(error, { nodeId: nodeId('a1'), dataDirectory: data });
  }
  throw new Error('it did not fail');
}

describe('a node that cannot start says in one line', () => {
  it('that its data directory is in use', async () => {
    const { engine } = open();
    expect(saidOf(open)).toBe(`a1: data directory refused: another process has ${data} open`);
    await new Promise((resolve) => engine.close(resolve));
  });

  it('whose the data directory is, or that its format is newer', async () => {
    const { engine } = open();
    await new Promise((resolve) => engine.close(resolve));
    const file = path.join(data, 'identity.json');
    const ours = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const others: [Record<string, unknown>, string][] = [
      [{ clusterId: 'cluster-2' }, 'it belongs to cluster cluster-2, not cluster-1'],
      [{ nodeId: 'b1' }, 'it belongs to node b1, not a1'],
      [{ format: 99 }, expect.stringContaining('it is of format 99, this program reads ')],
    ];
    for (const [other, what] of others) {
      writeFileSync(file, JSON.stringify({ ...ours, ...other }));
      const said = saidOf(open);
      expect(said.replace(/^a1: data directory refused: /, '').replace(` (${data})`, '')).toEqual(what);
      expect(said).not.toContain('\n');
    }
  });

  it('that acknowledged writes may be missing from its data', () => {
    mkdirSync(data);
    writeFileSync(path.join(data, 'identity.json'), JSON.stringify({ format: 1, clusterId: 'cluster-1', nodeId: 'a1', fingerprint: 'x', cleanStopLsn: null }));
    // It begins with batch 5, and there is no checkpoint of what came before.
    appendFileSync(path.join(data, 'log-0000000000000005'), 'not a log');
    expect(saidOf(open)).toMatch(/^a1: nothing to recover from: the log does not reach back to batch 1.* \(.*data\)$/);
  });

  it('that a directory or a file cannot be used', () => {
    writeFileSync(path.join(directory, 'file'), 'short', { mode: 0o644 });
    expect(saidOf(() => open(path.join(directory, 'file', 'data')))).toMatch(/^a1: ENOTDIR: .*file.*$/);
    expect(saidOf(() => adminToken(path.join(directory, 'file')))).toMatch(/^a1: .*file may be read by others than its owner.*$/);
    expect(saidOf(() => adminToken(path.join(directory, 'none')))).toMatch(/^a1: ENOENT: .*none.*$/);
  });

  it('which port it cannot have', () => {
    const refused = (code: string) => Object.assign(new Error(`listen ${code}: 127.0.0.1:3004`), { code, syscall: 'listen', address: '127.0.0.1', port: 3004 });
    const saidOfPort = (code: string) => saidOf(() => { throw refused(code); });
    expect(saidOfPort('EADDRINUSE')).toBe('a1 cannot listen on 127.0.0.1:3004: the port is in use');
    expect(saidOfPort('EACCES')).toBe('a1 cannot listen on 127.0.0.1:3004: listen EACCES: 127.0.0.1:3004');
  });

  it('which setting is wrong', () => {
    expect(startFailure(new ConfigurationRefused('TRIPTYCH_HOST is not set'), null)).toBe('TRIPTYCH_HOST is not set');
  });
});

it('a fault of our own is said with its stack', () => {
  for (const [error, said] of [[new TypeError('x is not a function'), 'TypeError'], [new InvariantViolation('two handlers'), 'InvariantViolation']] as const) {
    expect(saidOf(() => { throw error; })).toMatch(new RegExp(`^${said}: .*\\n +at .*start-failure\\.spec`));
    expect(startFailure(error, null)).toContain('start-failure.spec');
  }
});
