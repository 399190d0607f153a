import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@app/time';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StorageEngine } from '../ports/storage-engine.js';
import { openOrSetAside } from './open-or-set-aside.js';

let parent: string;
let directory: string;
beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'set-aside-'));
  directory = path.join(parent, 'data');
});
afterEach(() => rmSync(parent, { recursive: true }));

const open = (nodeId = 'a1') => openOrSetAside({ directory, clusterId: 'cluster-1', nodeId, clock: systemClock });
const closed = (engine: StorageEngine): Promise<void> => new Promise((resolve) => engine.close(() => resolve()));
const attemptsFile = (): string => `${directory}.opening`;

async function written(): Promise<void> {
  const { engine } = open();
  for (const name of ['one', 'two', 'three']) await new Promise<void>((resolve) => engine.write([{ key: Buffer.from(name), value: Buffer.from(name) }], () => resolve()));
  await closed(engine);
}

/** A bit in the middle of the log, and no marker of a clean stop. */
function damage(): void {
  const log = path.join(directory, 'log-0000000000000001');
  const bytes = readFileSync(log);
  bytes[60]! ^= 1;
  writeFileSync(log, bytes);
  const identity = path.join(directory, 'identity.json');
  writeFileSync(identity, readFileSync(identity, 'utf8').replace(/"cleanStopLsn":\d+/, '"cleanStopLsn":null'));
}

describe('[W10] a data directory', () => {
  it('that can be opened is opened, and nothing is left beside it', async () => {
    await written();
    const { engine, recovery, setAside } = open();
    expect([setAside, recovery.cleanStop, readdirSync(parent)]).toEqual([null, true, ['data']]);
    await closed(engine);
  });

  it('that is damaged is set aside, kept, and an empty one takes its place', async () => {
    await written();
    damage();
    const { engine, recovery, setAside } = open();
    expect(setAside).toEqual({ directory: `${directory}.set-aside-1`, reason: expect.stringContaining('acknowledged writes may be missing') });
    expect(recovery.isNew).toBe(true);
    expect(readdirSync(setAside!.directory)).toContain('log-0000000000000001');
    await closed(engine);
    rmSync(path.join(directory, 'identity.json')); // a log, and nobody whose it is
    appendFileSync(path.join(directory, 'log-0000000000000001'), 'no log');
    const again = open();
    expect(again.setAside?.directory).toBe(`${directory}.set-aside-2`);
    await closed(again.engine);
  });

  it('that ended three processes while they were opening it is set aside by the fourth', async () => {
    await written();
    for (const attempts of ['1', '2', '3']) {
      writeFileSync(attemptsFile(), attempts);
      const { engine, setAside } = open();
      expect(setAside?.reason ?? null).toBe(attempts === '3' ? '3 processes in a row ended while they were opening it' : null);
      await closed(engine);
      expect(existsSync(attemptsFile())).toBe(false);
    }
  });

  it('is left alone where it is not at fault: in use, or of another node', async () => {
    const { engine } = open();
    writeFileSync(attemptsFile(), '3');
    expect(() => open()).toThrow(/another process has/);
    await closed(engine);
    rmSync(attemptsFile());
    expect(() => open('b1')).toThrow(/it belongs to node a1/);
    expect(readdirSync(parent)).toEqual(['data']);
  });
});
