import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { zoneId } from '@app/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLUSTER_FILE, readClusterFile, writeClusterFile, type ClusterRecord } from './cluster-file.js';

let directory: string;
beforeEach(() => (directory = mkdtempSync(path.join(tmpdir(), 'triptych-file-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));
const file = () => path.join(directory, CLUSTER_FILE);

const RECORD: ClusterRecord = {
  format: 1,
  clusterId: 'c-1',
  zones: 1,
  nodesPerZone: 1,
  replicationFactor: 1,
  supervisor: { pid: 41, adminSocket: '/data/admin.sock', startedAt: '2026-11-21T20:00:00.000Z' },
  processes: [
    {
      name: 'a1',
      role: 'store',
      zone: zoneId('zone-a'),
      region: 'local',
      host: '127.0.0.1',
      port: 3002,
      adminPort: 3003,
      dataDirectory: '/data/a1/data',
      pid: null,
      state: 'exited',
      since: '2026-11-21T20:00:01.000Z',
      exit: { code: null, signal: 'SIGKILL' },
    },
  ],
};

/** Format 1, byte for byte: a change of these bytes is a new format. */
const GOLDEN = `{
  "format": 1,
  "clusterId": "c-1",
  "zones": 1,
  "nodesPerZone": 1,
  "replicationFactor": 1,
  "supervisor": {
    "pid": 41,
    "adminSocket": "/data/admin.sock",
    "startedAt": "2026-11-21T20:00:00.000Z"
  },
  "processes": [
    {
      "name": "a1",
      "role": "store",
      "zone": "zone-a",
      "region": "local",
      "host": "127.0.0.1",
      "port": 3002,
      "adminPort": 3003,
      "dataDirectory": "/data/a1/data",
      "pid": null,
      "state": "exited",
      "since": "2026-11-21T20:00:01.000Z",
      "exit": {
        "code": null,
        "signal": "SIGKILL"
      }
    }
  ]
}
`;

describe('cluster.json', () => {
  it('is format 1, byte for byte', () => {
    writeClusterFile(directory, RECORD);
    expect(readFileSync(file(), 'utf8')).toBe(GOLDEN);
    expect(readClusterFile(directory)).toEqual(RECORD);
  });

  it('is nothing where there is none', () => {
    expect(readClusterFile(directory)).toBeNull();
  });

  it('is whole at every moment: a reader in another process never sees a part of it', async () => {
    writeClusterFile(directory, RECORD);
    const reader = spawn(
      process.execPath,
      [
        '-e',
        `const { readFileSync } = require('node:fs');
         let reads = 0;
         process.stdout.write('reading');
         process.stdin.on('data', () => { console.log(' ' + reads); process.exit(0); });
         (function read() { JSON.parse(readFileSync(process.argv[1], 'utf8')); reads++; setImmediate(read); })();`,
        file(),
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    await once(reader.stdout, 'data');
    const large = { ...RECORD, processes: Array.from({ length: 200 }, () => RECORD.processes[0] as never) };
    for (let turn = 0; turn < 60; turn++) {
      writeClusterFile(directory, turn % 2 === 0 ? large : RECORD);
      if (turn % 20 === 0) await new Promise(setImmediate);
    }
    reader.stdin.write('enough');
    const [[said], [code]] = (await Promise.all([once(reader.stdout, 'data'), once(reader, 'exit')])) as [[Buffer], [number]];
    expect(code).toBe(0);
    expect(Number(String(said))).toBeGreaterThan(10);
  });

  it('is what it was when a write ended half way', () => {
    writeClusterFile(directory, RECORD);
    writeFileSync(`${file()}.next`, '{"format": 1, "clus');
    expect(readClusterFile(directory)).toEqual(RECORD);
    writeClusterFile(directory, { ...RECORD, clusterId: 'c-2' });
    expect(readClusterFile(directory)?.clusterId).toBe('c-2');
  });

  it('of a newer format is refused, with both numbers', () => {
    writeFileSync(file(), JSON.stringify({ ...RECORD, format: 2 }));
    expect(() => readClusterFile(directory)).toThrow(`${directory} was made by a newer Triptych (format 2, this one knows 1)`);
  });

  it.each(['', '{', 'null', '[]', '"text"', '{"format":1}', '{"format":"1","clusterId":"c","processes":[]}'])(
    'that holds %j is not ours, and refused',
    (text) => {
      writeFileSync(file(), text);
      expect(() => readClusterFile(directory)).toThrow("is not a cluster's");
    },
  );
});
