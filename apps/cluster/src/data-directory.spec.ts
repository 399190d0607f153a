import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeClusterFile, type ClusterRecord } from './cluster-file.js';
import { planCluster } from './cluster-plan.js';
import { openDataDirectory, type DataDirectory } from './data-directory.js';

const LAYOUT = { zones: 3, nodesPerZone: 2 };
let parent: string;
let directory: string;
const opened: DataDirectory[] = [];
beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'triptych-data-'));
  directory = path.join(parent, 'cluster');
});
afterEach(() => {
  for (const one of opened.splice(0)) one.release();
  rmSync(parent, { recursive: true, force: true });
});

const open = (layout = LAYOUT, fresh = false) => {
  const one = openDataDirectory({ path: directory, layout, fresh });
  opened.push(one);
  return one;
};
const refusal = (action: () => unknown) => {
  try {
    action();
  } catch (error) {
    expect((error as Error).name).toBe('ClusterRefused');
    expect((error as Error).message).not.toContain('\n');
    return (error as Error).message;
  }
  return 'accepted';
};
/** A directory in which a cluster of `layout` ran and was stopped. */
function usedBy(layout = LAYOUT, more: Partial<ClusterRecord> = {}): ClusterRecord {
  const first = openDataDirectory({ path: directory, layout, fresh: false });
  const plan = planCluster(layout, 3000, directory);
  const record: ClusterRecord = {
    format: 1,
    clusterId: first.clusterId,
    ...layout,
    replicationFactor: 3,
    supervisor: null,
    processes: plan.processes.map((child) => ({ ...child, pid: null, state: 'exited', since: '', exit: null })),
    ...more,
  };
  writeClusterFile(directory, record);
  for (const { name } of plan.processes) {
    mkdirSync(path.join(directory, name, 'data'), { recursive: true });
    writeFileSync(path.join(directory, name, 'log'), 'a line\n');
  }
  first.release();
  return record;
}

describe('a data directory', () => {
  it('that is not there is made, for its owner alone', () => {
    const { path: made, previous, clusterId } = open();
    expect(made).toBe(directory);
    expect(previous).toBeNull();
    expect(clusterId).toMatch(/^[A-Za-z0-9-]{8,128}$/);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  it('holds two secrets, readable by their owner alone, and the same after a restart', () => {
    const first = open();
    const read = ({ secretFile, adminTokenFile }: DataDirectory) =>
      [secretFile, adminTokenFile].map((file) => readFileSync(file, 'utf8'));
    const secrets = read(first);
    for (const secret of secrets) expect(secret).toMatch(/^[0-9a-f]{64}\n$/);
    expect(secrets[0]).not.toBe(secrets[1]);
    for (const file of [first.secretFile, first.adminTokenFile]) expect(statSync(file).mode & 0o777).toBe(0o600);
    first.release();
    expect(read(open())).toEqual(secrets);
  });

  it('keeps its cluster id over a restart', () => {
    const { clusterId } = usedBy();
    expect(open().clusterId).toBe(clusterId);
  });

  it('is for one supervisor at a time', () => {
    const first = open();
    expect(refusal(open)).toBe(
      `${directory} is in use by a running cluster: stop that one, or give another directory with --data`,
    );
    first.release();
    expect(refusal(open)).toBe('accepted');
  });

  it('of another layout is refused: which it is, and how to go on', () => {
    usedBy({ zones: 5, nodesPerZone: 1 });
    expect(refusal(open)).toBe(
      `${directory} holds a cluster of --zones 5 --nodes-per-zone 1, not 3 and 2: ` +
        'start it as it was made, give another directory with --data, or empty this one with --fresh',
    );
    // A refusal takes the lock with it.
    expect(refusal(() => open({ zones: 5, nodesPerZone: 1 }))).toBe('accepted');
  });

  it.each([false, true])('of a newer format is refused, asked to be fresh or not (%s)', (fresh) => {
    usedBy(LAYOUT, { format: 2 });
    expect(refusal(() => open(LAYOUT, fresh))).toContain('was made by a newer Triptych (format 2, this one knows 1)');
    expect(existsSync(path.join(directory, 'a1', 'log'))).toBe(true);
  });

  it('that holds something else is refused, and left as it was, asked to be fresh or not', () => {
    mkdirSync(directory);
    writeFileSync(path.join(directory, 'thesis.txt'), 'years of work');
    for (const fresh of [false, true]) {
      expect(refusal(() => open(LAYOUT, fresh))).toBe(
        `${directory} is not a cluster's data directory (it holds thesis.txt and no cluster.json): give another one with --data`,
      );
    }
    expect(readdirSync(directory)).toEqual(['thesis.txt']);
  });

  it('that an interrupted first start left is taken as empty', () => {
    open().release();
    writeFileSync(path.join(directory, 'cluster.json.next'), '{"for');
    expect(refusal(open)).toBe('accepted');
  });

  it.each(['a file', 'below a file'])('that cannot be one because it is %s is refused in one line', (kind) => {
    writeFileSync(directory, '');
    if (kind === 'below a file') directory = path.join(directory, 'below');
    expect(refusal(open)).toMatch(/cannot be used as data directory: E(EXIST|NOTDIR)/);
  });

  it('that the system refuses to write to is refused in one line', () => {
    directory = '/proc/self/triptych';
    expect(refusal(open)).toMatch(/^\/proc\/self\/triptych cannot be used as data directory: E/);
  });
});

describe('a fresh start', () => {
  it('removes what a cluster of any layout left, and gives a new cluster id and new secrets', () => {
    const { clusterId } = usedBy({ zones: 5, nodesPerZone: 3 });
    const secret = readFileSync(path.join(directory, 'cluster.secret'), 'utf8');
    const fresh = open(LAYOUT, true);
    expect(fresh.previous).toBeNull();
    expect(fresh.clusterId).not.toBe(clusterId);
    expect(readFileSync(fresh.secretFile, 'utf8')).not.toBe(secret);
    expect(readdirSync(directory).sort()).toEqual(['admin.token', 'cluster.secret', 'lock']);
  });

  it('leaves a file that somebody put there, and what a link leads to', () => {
    usedBy();
    const elsewhere = path.join(parent, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(path.join(elsewhere, 'kept'), '');
    writeFileSync(path.join(directory, 'notes.txt'), '');
    rmSync(path.join(directory, 'a1'), { recursive: true });
    symlinkSync(elsewhere, path.join(directory, 'a1'));
    open(LAYOUT, true);
    expect(existsSync(path.join(directory, 'a1'))).toBe(false);
    expect(existsSync(path.join(directory, 'notes.txt'))).toBe(true);
    expect(existsSync(path.join(elsewhere, 'kept'))).toBe(true);
  });

  it('removes nothing outside, whatever names the record holds', () => {
    const { processes } = usedBy();
    const precious = path.join(parent, 'precious');
    writeFileSync(precious, '');
    const [first] = processes;
    if (first === undefined) throw new Error('no process');
    writeClusterFile(directory, {
      format: 1,
      clusterId: 'c',
      ...LAYOUT,
      replicationFactor: 3,
      supervisor: null,
      processes: [{ ...first, name: '../precious' }, { ...first, name: '..' }, { ...first, name: 'x', dataDirectory: precious }],
    });
    open(LAYOUT, true);
    expect(existsSync(precious)).toBe(true);
  });

  it('is refused while a supervisor runs there', () => {
    usedBy();
    open();
    expect(refusal(() => open(LAYOUT, true))).toContain('is in use by a running cluster');
    expect(existsSync(path.join(directory, 'a1', 'log'))).toBe(true);
  });
});
