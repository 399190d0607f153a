import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@app/time';
import type { StorageEngine } from '../ports/storage-engine.js';
import { describeStorageEngine } from '../testing/engine-contract.js';
import type { EngineBench } from '../testing/engine-use.js';
import { FaultDisk } from '../testing/fault-disk.js';
import { openLmdbEngine } from './lmdb-engine.js';

const OWN_FILES = ['LOCK', 'live.table', 'live.table-lock'];

/**
 * A process cannot be killed from within, so a kill is a copy: the directory as it is at that moment, page cache included,
 * is where the next process finds itself. Files that only LMDB knows are left as they are.
 */
describeStorageEngine('LMDB on a real disk', (): EngineBench => {
  const root = fs.mkdtempSync(join(tmpdir(), 'triptych-engine-'));
  const opened: StorageEngine[] = [];
  let directory = join(root, '0');
  let copies = 0;
  let disk: FaultDisk;
  /** The old process goes on meanwhile: where a file goes away under the copy, the copy is of no moment, and is made again. */
  function copy(triesLeft = 20): void {
    const next = join(root, `${++copies}`);
    try {
      fs.cpSync(directory, next, { recursive: true });
      directory = next;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || triesLeft === 0) throw error;
      copy(triesLeft - 1);
    }
  }
  return {
    open(settings, owner) {
      const found = openLmdbEngine({
        directory,
        clusterId: 'cluster',
        nodeId: 'node',
        clock: systemClock,
        ...owner,
        settings,
        wrapDisk: (inner) => (disk = new FaultDisk(inner)),
      });
      opened.push(found.engine);
      return found;
    },
    async until(condition) {
      const deadlineMs = performance.now() + 8_000;
      while (!condition()) {
        if (performance.now() > deadlineMs) throw new Error('the condition was not met in time');
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    kill: () => copy(),
    copy: () => copy(),
    hold: () => disk.hold(),
    release: () => disk.release(),
    failSyncs: () => disk.failSyncs(new Error('EIO: i/o error')),
    rot(_key, value) {
      const path = join(directory, 'live.table');
      const bytes = fs.readFileSync(path);
      const file = fs.openSync(path, 'r+');
      for (let at = bytes.indexOf(value); at >= 0; at = bytes.indexOf(value, at + 1)) fs.writeSync(file, Buffer.from([bytes[at]! ^ 1]), 0, 1, at);
      fs.closeSync(file);
    },
    list: () => fs.readdirSync(directory).filter((name) => !OWN_FILES.includes(name)),
    read: (name) => fs.readFileSync(join(directory, name)),
    overwrite(name, bytes) {
      if (bytes === null) fs.rmSync(join(directory, name));
      else fs.writeFileSync(join(directory, name), bytes);
    },
    async dispose() {
      await Promise.all(opened.map((engine) => new Promise((resolve) => engine.close(resolve))));
      fs.rmSync(root, { recursive: true });
    },
  };
});
