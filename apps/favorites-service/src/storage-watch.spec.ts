import type { StorageEngine } from '@app/store';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ROOM_BYTES, watchStorage } from './storage-watch.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function scene(code: string) {
  const engine = { state: 'open', failure: null as Error | null };
  const died: string[] = [];
  const disk = { freeBytes: 0 };
  const unwatch = watchStorage({
    engine: engine as unknown as StorageEngine,
    directory: '/nowhere',
    log: pino({ level: 'silent' }),
    die: (why) => died.push(why),
    freeBytes: () => disk.freeBytes,
  });
  const fail = (): void => {
    engine.state = 'failed';
    engine.failure = new Error('storage failed', { cause: Object.assign(new Error(code), { code }) });
  };
  return { fail, died, disk, unwatch };
}

it('a full disk: the process ends for a restart once there is room, and not before', () => {
  const { fail, died, disk, unwatch } = scene('ENOSPC');
  disk.freeBytes = ROOM_BYTES;
  vi.advanceTimersByTime(5_000);
  disk.freeBytes = 1_000;
  fail();
  vi.advanceTimersByTime(60_000);
  expect(died).toEqual([]);
  disk.freeBytes = ROOM_BYTES;
  vi.advanceTimersByTime(1_000);
  expect(died).toEqual([expect.stringContaining('room')]);
  vi.advanceTimersByTime(60_000);
  expect(died).toHaveLength(1);
  unwatch();
});

it('any other failure waits for somebody: the process stays', () => {
  const { fail, died, disk, unwatch } = scene('EIO');
  disk.freeBytes = ROOM_BYTES;
  fail();
  vi.advanceTimersByTime(60_000);
  expect(died).toEqual([]);
  unwatch();
  expect(vi.getTimerCount()).toBe(0);
});
