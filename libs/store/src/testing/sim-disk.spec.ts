import { SeededRandom, SimClock } from '@app/time';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Disk } from '../ports/disk.js';
import { SimDisk } from './sim-disk.js';

describe('the simulated disk', () => {
  let clock: SimClock;
  let disk: SimDisk;
  let mount: Disk;

  function newDisk(seed: number): void {
    clock = new SimClock();
    disk = new SimDisk(clock, new SeededRandom(seed));
    mount = disk.mount();
  }
  function append(name: string, text: string): void {
    mount.append(name, Buffer.from(text), () => {});
    clock.advance(1);
  }
  function sync(name: string): Error | undefined {
    let outcome: Error | undefined;
    mount.sync(name, (error) => (outcome = error));
    clock.advance(5);
    return outcome;
  }
  const textOf = (name: string) => Buffer.from(mount.read(name)).toString();
  function remount(): void {
    mount = disk.mount();
  }

  beforeEach(() => newDisk(1));

  it('shows what was appended, keeps it over a crash, and what was synced over a power loss', () => {
    append('f', 'synced');
    sync('f');
    append('f', ' and not');
    expect(textOf('f')).toBe('synced and not');
    disk.crash();
    remount();
    expect(textOf('f')).toBe('synced and not');
    disk.powerLoss();
    remount();
    expect(textOf('f').startsWith('synced')).toBe(true);
  });

  it('loses, tears, punches or keeps what was not synced, as the seed has it', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      newDisk(seed);
      append('f', 'a'.repeat(600));
      sync('f');
      append('f', 'b'.repeat(2000));
      append('never synced', 'x');
      disk.powerLoss();
      remount();
      const found = textOf('f');
      expect(found.startsWith('a'.repeat(600))).toBe(true);
      if (found.length === 600) seen.add('lost');
      else if (found.length < 2600) seen.add('torn');
      else if (found.endsWith('b') && found.includes('\0')) seen.add('punched');
      else if (!found.includes('\0')) seen.add('kept');
      if (!mount.list().includes('never synced')) seen.add('file gone');
    }
    expect([...seen].sort()).toEqual(['file gone', 'kept', 'lost', 'punched', 'torn']);
  });

  it('never makes durable what a failed sync was about, whatever later ones say', () => {
    let lost = 0;
    for (let seed = 0; seed < 50; seed++) {
      newDisk(seed);
      append('f', 'first');
      disk.failSyncs(new Error('EIO'));
      expect(sync('f')).toBeInstanceOf(Error);
      disk.failSyncs(null);
      append('f', 'second');
      expect(sync('f')).toBeUndefined();
      disk.powerLoss();
      remount();
      if (mount.list().includes('f') && !textOf('f').includes('first')) lost++;
    }
    expect(lost).toBe(50);
  });

  it('ends the calls of a process with it, the one under way in the middle', () => {
    const settled: string[] = [];
    mount.append('f', Buffer.alloc(1000, 'x'), () => settled.push('append'));
    mount.sync('f', () => settled.push('sync'));
    disk.crash();
    clock.advance(100);
    expect(settled).toEqual([]);
    expect(clock.pending).toBe(0);
    const dead = mount;
    remount();
    dead.append('f', Buffer.from('from the grave'), () => settled.push('append'));
    clock.advance(100);
    expect(settled).toEqual([]);
    expect(mount.list().includes('f') ? textOf('f') : '').toMatch(/^x*$/);
  });

  it('brings a removed file back after a power loss, unless the directory was synced since', () => {
    const seen = new Set<boolean>();
    for (let seed = 0; seed < 30; seed++) {
      newDisk(seed);
      append('f', 'x');
      sync('f');
      mount.remove('f');
      clock.advance(1);
      expect(mount.list()).toEqual([]);
      disk.powerLoss();
      remount();
      seen.add(mount.list().includes('f'));
    }
    expect(seen.size).toBe(2);
    remount2();
    function remount2() {
      newDisk(3);
      append('f', 'x');
      sync('f');
      mount.remove('f');
      append('g', 'x');
      sync('g');
      disk.powerLoss();
      remount();
      expect(mount.list()).toEqual(['g']);
    }
  });

  it('fills up, stalls, and slows down', () => {
    disk.limitTo(10);
    let failure: (Error & { code?: string }) | undefined;
    mount.append('f', Buffer.alloc(12), (error) => (failure = error));
    clock.advance(1);
    expect(failure).toMatchObject({ code: 'ENOSPC' });
    expect(mount.sizeBytes('f')).toBe(10);
    expect(() => mount.replace('g', Buffer.alloc(5))).toThrow(/ENOSPC/);

    newDisk(1);
    let settledAtMs = 0;
    disk.stall();
    mount.append('f', Buffer.alloc(1), () => (settledAtMs = clock.monotonicMs()));
    clock.advance(1000);
    disk.resume();
    clock.advance(1000);
    expect(settledAtMs).toBeGreaterThan(1000);
    expect(settledAtMs).toBeLessThan(1001);
    disk.slow(1000);
    const beginMs = clock.monotonicMs();
    mount.append('f', Buffer.alloc(1), () => (settledAtMs = clock.monotonicMs()));
    clock.advance(1000);
    expect(settledAtMs - beginMs).toBeGreaterThan(10);
  });

  it('can be put back to what it was: rolled back unnoticed, or as a copy with a fingerprint of its own', () => {
    append('f', 'old');
    const snapshot = disk.snapshot();
    append('f', ' new');
    const fingerprint = mount.fingerprint();
    disk.crash();
    disk.restore(snapshot);
    remount();
    expect([textOf('f'), mount.fingerprint()]).toEqual(['old', fingerprint]);
    disk.crash();
    disk.restore(snapshot, 'copy');
    remount();
    expect(textOf('f')).toBe('old');
    expect(mount.fingerprint()).not.toBe(fingerprint);
    disk.crash();
    disk.wipe();
    expect(disk.names()).toEqual([]);
  });

  it('is held by one process at a time', () => {
    expect(() => disk.mount()).toThrow(/another process/);
    mount.close();
    remount();
  });
});
