import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adminToken, clusterSecrets } from './secret-file.js';

const OLD = '00'.repeat(32);
const NEW = '1f'.repeat(32);

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'secret-file-'));
  path = join(directory, 'secret');
});
afterEach(() => rmSync(directory, { recursive: true }));

const holding = (text: string): string => {
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};

describe('a secret file', () => {
  it('holds the keys of a cluster, the one that seals first, each named by its hash', () => {
    const [only] = clusterSecrets(holding(`${OLD}\n`));
    expect(only).toEqual({ id: '66687aad', key: Buffer.alloc(32) });
    const both = clusterSecrets(holding(`${NEW}\n${OLD}\n`));
    expect(both.map(({ id }) => id)).toEqual([expect.not.stringMatching(only!.id), only!.id]);
  });

  it('holds a token', () => {
    expect(adminToken(holding(`${NEW}\n`))).toBe(NEW);
  });

  it('is refused when others may read it', () => {
    holding(NEW);
    for (const mode of [0o640, 0o604]) {
      chmodSync(path, mode);
      expect(() => adminToken(path)).toThrow('may be read by others');
      expect(() => clusterSecrets(path)).toThrow('may be read by others');
    }
  });

  it('is refused when it holds something else, or is not there', () => {
    for (const text of ['', '\n', 'short', `${NEW}x`, `${NEW}\nnot a key`]) expect(() => clusterSecrets(holding(text))).toThrow(path);
    for (const text of ['', 'short', 'with spaces '.repeat(5), `${NEW}\n${OLD}`]) expect(() => adminToken(holding(text))).toThrow(path);
    rmSync(path);
    expect(() => adminToken(path)).toThrow('ENOENT');
  });
});
