/**
 * What a favorite takes on the disk of one replica: everything in its directory, blocks as the file system counts them, after a
 * checkpoint. Filled without requests (fill-store.ts); what is in a record, and how it is laid out, is as adds leave it.
 */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Bench } from './bench.js';
import { VALUE } from '../test/costs/films.js';
import { fillStore } from './filled-stores.js';
import type { Finding } from './report.js';
import { SHORT_LIST } from './targets.js';

const BLOCK_BYTES = 512;

export async function diskPerFavorite({ directory: parent, programs, say, size }: Bench): Promise<Finding> {
  const directory = path.join(parent, 'one-replica');
  const users = Math.ceil(size.favorites / SHORT_LIST);
  say(`filling one replica with ${users} lists of ${SHORT_LIST}`);
  const favorites = await fillStore(programs, { directory, clusterId: 'bench', nodeId: 'a1', users, films: SHORT_LIST, lists: 'any', ring: null });
  const bytes = { table: 0, checkpoints: 0, log: 0, other: 0 };
  for (const name of readdirSync(directory)) {
    const kind = name === 'live.table' ? 'table' : name.startsWith('checkpoint-') ? 'checkpoints' : name.startsWith('log-') ? 'log' : 'other';
    bytes[kind] += statSync(path.join(directory, name)).blocks * BLOCK_BYTES;
  }
  const newest = readdirSync(directory).filter((name) => name.startsWith('checkpoint-')).sort().at(-1)!;
  const recordBytes = statSync(path.join(directory, newest)).size;
  const each = (total: number): number => total / favorites;
  const all = Object.values(bytes).reduce((sum, one) => sum + one, 0);
  return {
    name: 'Disk',
    how: `One replica of ${favorites.toLocaleString('en')} favorites in lists of ${SHORT_LIST} films, any of 100,000 and days apart, each with zone and device (${VALUE.length} bytes), written without requests through its own row store and engine. A checkpoint holds every record once, compressed, as a compacted table would; the directory holds the live table, the last two checkpoints, and the log since the older one.`,
    goals: [
      { what: 'disk per favorite: every record once, headers and order index in, compressed', value: each(recordBytes), atMost: 250, unit: 'bytes' },
      { what: 'the same: everything in the directory of one replica', value: each(all), atMost: 250, unit: 'bytes' },
    ],
    table: [
      ['of', 'bytes per favorite'],
      ['every record once, compressed (the newest checkpoint)', each(recordBytes)],
      ...Object.entries(bytes).map(([kind, total]) => [kind, each(total)]),
      ['in all', each(all)],
    ],
  };
}
