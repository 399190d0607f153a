import { expect, it } from 'vitest';
import { SeededRandom, SimClock } from '@app/time';
import { SimDisk } from '../testing/sim-disk.js';
import { FullableDisk } from './fullable-disk.js';

it('while it is full, takes nothing more and keeps what it has; then goes on', () => {
  const clock = new SimClock();
  const disk = new FullableDisk(new SimDisk(clock, new SeededRandom(1)).mount());
  const settled: string[] = [];
  const append = (text: string): void => {
    disk.append('log', Buffer.from(text), (error) => settled.push(`${text} ${(error as NodeJS.ErrnoException | undefined)?.code ?? 'ok'}`));
    const before = settled.length;
    expect(settled).toHaveLength(before);
    clock.advance(1_000);
  };
  append('one,');
  disk.isFull = true;
  append('two,');
  expect(() => disk.replace('other', Buffer.from('x'))).toThrow(/ENOSPC/);
  expect(Buffer.from(disk.read('log')).toString()).toBe('one,');
  disk.isFull = false;
  append('three');
  expect(settled).toEqual(['one, ok', 'two, ENOSPC', 'three ok']);
  expect(Buffer.from(disk.read('log')).toString()).toBe('one,three');
});
