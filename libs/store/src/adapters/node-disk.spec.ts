import { fork } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeDisk } from './node-disk.js';

describe('a disk on a real directory', () => {
  let root: string;
  let directory: string;
  let disk: NodeDisk;

  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), 'triptych-disk-'));
    directory = join(root, 'made', 'on', 'the', 'way');
    disk = new NodeDisk(directory);
  });
  afterEach(() => {
    disk.close();
    fs.rmSync(root, { recursive: true });
  });

  const ask = (operation: (settled: (error?: Error) => void) => void) =>
    new Promise<void>((resolve, reject) => operation((error) => (error === undefined ? resolve() : reject(error))));
  const textOf = (name: string) => Buffer.from(disk.read(name)).toString();

  it('appends in order, and settles in order, never within the call', async () => {
    const settled: string[] = [];
    const done = new Promise<void>((resolve) => {
      for (let i = 0; i < 50; i++) disk.append('f', Buffer.from(`${i},`), () => settled.push(`${i}`));
      disk.sync('f', () => {
        settled.push('sync');
        resolve();
      });
      expect(settled).toEqual([]);
    });
    await done;
    const numbers = Array.from({ length: 50 }, (_, i) => `${i}`);
    expect(settled).toEqual([...numbers, 'sync']);
    expect(textOf('f')).toBe(`${numbers.join(',')},`);
    expect(disk.sizeBytes('f')).toBe(140);
  });

  it('reads a part, and less at the end', async () => {
    await ask((settled) => disk.append('f', Buffer.from('0123456789'), settled));
    expect(Buffer.from(disk.read('f', 3, 4)).toString()).toBe('3456');
    expect(Buffer.from(disk.read('f', 8, 100)).toString()).toBe('89');
    expect(disk.read('f', 20, 5)).toHaveLength(0);
  });

  it('takes up an existing file at its end, and removes one that is there or is not', async () => {
    await ask((settled) => disk.append('f', Buffer.from('one'), settled));
    disk.close();
    disk = new NodeDisk(directory);
    await ask((settled) => disk.append('f', Buffer.from(' two'), settled));
    expect(textOf('f')).toBe('one two');
    await ask((settled) => disk.remove('f', settled));
    await ask((settled) => disk.remove('f', settled));
    expect(disk.list()).not.toContain('f');
    await ask((settled) => disk.append('f', Buffer.from('anew'), settled));
    expect(textOf('f')).toBe('anew');
  });

  it('keeps few files open, however many it writes to', async () => {
    const openFiles = () => fs.readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).startsWith(directory)).length;
    const linkOf = (fd: string) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    };
    for (let i = 0; i < 40; i++) {
      await ask((settled) => disk.append(`f${i}`, Buffer.from(`${i}`), settled));
      await ask((settled) => disk.sync(`f${i}`, settled));
    }
    await expect.poll(openFiles).toBeLessThan(8);
    for (let i = 0; i < 40; i++) expect(textOf(`f${i}`)).toBe(`${i}`);
  });

  it('replaces a file as a whole', () => {
    disk.replace('f', Buffer.from('a long first content'));
    disk.replace('f', Buffer.from('short'));
    expect(textOf('f')).toBe('short');
    expect(disk.list()).toEqual(expect.not.arrayContaining(['f.tmp']));
  });

  it('passes on what the system says', async () => {
    fs.mkdirSync(join(directory, 'a-directory'));
    await expect(ask((settled) => disk.append('a-directory', Buffer.from('x'), settled))).rejects.toThrow(/EISDIR/);
    await expect(ask((settled) => disk.sync('a-directory', settled))).rejects.toThrow(/EISDIR/);
    expect(() => disk.read('nothing')).toThrow(/ENOENT/);
  });

  it('has a fingerprint that stays, and that a copy does not share', () => {
    const fingerprint = disk.fingerprint();
    disk.close();
    disk = new NodeDisk(directory);
    expect(disk.fingerprint()).toBe(fingerprint);
    const copy = join(root, 'copy');
    fs.cpSync(directory, copy, { recursive: true, preserveTimestamps: true });
    const other = new NodeDisk(copy);
    expect(other.fingerprint()).not.toBe(fingerprint);
    other.close();
  });

  it('is held by one process, until that one has ended, however it does', async () => {
    expect(() => new NodeDisk(directory)).toThrow(/another process has .* open/);
    disk.close();
    const program = join(root, 'holder.mjs');
    fs.writeFileSync(
      program,
      `import { DatabaseSync } from 'node:sqlite';
       new DatabaseSync(process.argv[2], { timeout: 0 }).exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
       process.send('held');
       setInterval(() => {}, 1000);`,
    );
    const holder = fork(program, [join(directory, 'LOCK')]);
    await new Promise((resolve) => holder.once('message', resolve));
    expect(() => new NodeDisk(directory)).toThrow(/another process has .* open/);
    holder.kill('SIGKILL');
    await new Promise((resolve) => holder.once('close', resolve));
    disk = new NodeDisk(directory);
  });

  it('settles nothing more once it is closed, and lets the directory go when what was under way has ended', async () => {
    let settled = false;
    disk.append('f', Buffer.alloc(1_000_000), () => (settled = true));
    const released = new Promise<void>((resolve) => disk.close(resolve));
    expect(() => new NodeDisk(directory), 'not yet').toThrow(/another process/);
    await released;
    disk = new NodeDisk(directory);
    expect(disk.sizeBytes('f')).toBe(1_000_000);
    expect(settled).toBe(false);
    disk.close();
    await new Promise<void>((resolve) => disk.close(resolve));
  });
});
