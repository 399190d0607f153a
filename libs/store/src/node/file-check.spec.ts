import { describe, expect, it } from 'vitest';
import { SeededRandom, SimClock } from '@app/time';
import { openMemoryEngine, type OpenedMemoryEngine } from '../testing/memory-engine.js';
import { SimDisk } from '../testing/sim-disk.js';
import type { FileDamage } from '../ports/storage-engine.js';

function opened(): { clock: SimClock; disk: SimDisk; open: () => OpenedMemoryEngine['engine'] } {
  const clock = new SimClock();
  const disk = new SimDisk(clock, new SeededRandom(1));
  const open = () => openMemoryEngine({ disk, clusterId: 'c', nodeId: 'n', settings: { segmentBytes: 100, checkpoint: { minLogBytes: 1_500 } } }).engine;
  return { clock, disk, open };
}

function check(engine: OpenedMemoryEngine['engine']): readonly FileDamage[] {
  const reading = engine.checkFiles();
  let step = reading.next();
  while (step.done !== true) step = reading.next();
  return step.value;
}

const record = (number: number) => [{ key: Buffer.from(`key-${number}`), value: Buffer.alloc(100, number) }];

describe('[V3] the check of files', () => {
  it('takes none for damaged at any moment of its being written, closed or removed', () => {
    const { clock, open } = opened();
    const engine = open();
    for (let number = 0; number < 60; number++) {
      engine.write(record(number), () => {});
      for (const stepMs of [0, 0.01, 0.01, 0.01, 0.1, 0.2, 0.4, 1]) {
        clock.advance(stepMs);
        expect(check(engine)).toEqual([]);
      }
    }
    expect(engine.stats().checkpoints).toBeGreaterThan(1);
  });

  it('names each file of which any byte is another', () => {
    const { clock, disk, open } = opened();
    const engine = open();
    for (let number = 0; number < 40; number++) {
      engine.write(record(number), () => {});
      clock.advance(2);
    }
    const closed = disk.names().filter((name) => /^(log|checkpoint)-/.test(name)).sort();
    closed.pop(); // the segment that is written to
    expect(closed.some((name) => name.startsWith('checkpoint'))).toBe(true);
    for (const name of closed) {
      for (let offset = 0; offset < disk.file(name).length; offset += 13) {
        disk.flipBit(name, offset, 3);
        expect(check(engine).map(({ file }) => file)).toEqual([name]);
        disk.flipBit(name, offset, 3);
      }
    }
    expect(check(engine)).toEqual([]);
  });

  it('of a file that is removed while it is read says nothing', () => {
    const { clock, open } = opened();
    const engine = open();
    for (let number = 0; number < 30; number++) {
      engine.write(record(number), () => {});
      clock.advance(2);
    }
    const reading = engine.checkFiles();
    reading.next();
    for (let number = 30; number < 90; number++) {
      engine.write(record(number), () => {});
      clock.advance(2);
    }
    let step = reading.next();
    while (step.done !== true) step = reading.next();
    expect(step.value).toEqual([]);
  });
});
