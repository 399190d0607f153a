/**
 * Secrets come as files that only their owner may read, never as settings: an environment shows up in process lists and
 * crash reports. Whoever starts the processes makes the files; one that others could read is refused, since what is in
 * it is no secret any more.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';

/** A key and its name, which is said in clear with whatever it seals. */
export interface ClusterSecret {
  readonly id: string;
  readonly key: Uint8Array;
}

const KEY = /^[0-9a-f]{64}$/;
const TOKEN = /^[A-Za-z0-9_-]{32,256}$/;

/**
 * The cluster's keys, one a line, 64 hexadecimal digits. The first seals and all open: a key is replaced by putting the
 * next one above it. A key is named by its own hash, so that every gateway names it alike.
 * @throws Error of one line when the file cannot be used
 */
export function clusterSecrets(path: string): ClusterSecret[] {
  return linesOf(path, KEY).map((line) => {
    const key = Buffer.from(line, 'hex');
    return { id: createHash('sha256').update(key).digest('hex').slice(0, 8), key };
  });
}

/** 32 to 256 characters of A-Z a-z 0-9 _ - @throws Error of one line when the file cannot be used */
export function adminToken(path: string): string {
  const [token, ...more] = linesOf(path, TOKEN);
  if (token === undefined || more.length > 0) throw new Error(`${path} does not hold one token`);
  return token;
}

function linesOf(path: string, expected: RegExp): string[] {
  const file = openSync(path, 'r');
  try {
    const { mode } = fstatSync(file);
    if ((mode & 0o077) !== 0) throw new Error(`${path} may be read by others than its owner: chmod 600, and put a new secret in it`);
    const lines = readFileSync(file, 'utf8').split('\n').map((line) => line.trim()).filter((line) => line !== '');
    if (lines.length === 0 || !lines.every((line) => expected.test(line))) throw new Error(`${path} does not hold what is expected of it`);
    return lines;
  } finally {
    closeSync(file);
  }
}
