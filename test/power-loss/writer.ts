/**
 * A process that does nothing but write to a data directory, and says what was acknowledged: one batch after another, each
 * a function of its number, which is its LSN. So what a directory must hold is known from that number alone; on opening
 * it is compared, record by record.
 *
 * Arguments: directory, then `honest`, or `lying` for a disk whose syncs do nothing. Output, a line each:
 * {"opened": recovery}, {"wrong": what}, {"acknowledged": lsn}, {"failed": code, "intact": boolean}.
 */
import { systemClock } from '@app/time';
import { openLmdbEngine } from '../../libs/store/src/adapters/lmdb-engine.js';
import type { Mutation, StorageEngine } from '../../libs/store/src/ports/storage-engine.js';
import type { Disk } from '../../libs/store/src/ports/disk.js';

const WRITERS = 16;
const KEYS = 400;
const RANGE = { start: new Uint8Array(0), end: Buffer.alloc(8, 0xff) };

const [directory, honesty] = process.argv.slice(2);
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

function batchOf(lsn: number): Mutation[] {
  const batch: Mutation[] = [{ key: Buffer.from('last'), value: Buffer.from(`${lsn}`) }];
  for (let i = 0; i < 1 + (lsn % 4); i++) {
    const key = Buffer.from(`key${(lsn * 7 + i * 31) % KEYS}`);
    batch.push({ key, value: (lsn + i) % 5 === 0 ? null : Buffer.alloc(20 + ((lsn * 37) % 1500), `${lsn}.${i} `) });
  }
  return batch;
}

/** Null when the engine holds exactly what batches 1 to `lsn` lead to; else what is wrong. */
function differenceFrom(engine: StorageEngine, lsn: number): string | null {
  const expected = new Map<string, Uint8Array>();
  for (let n = 1; n <= lsn; n++) {
    for (const { key, value } of batchOf(n)) {
      if (value === null) expected.delete(key.toString());
      else expected.set(key.toString(), value);
    }
  }
  let wrong: string | null = null;
  engine.scan(RANGE, (key, value) => {
    const name = Buffer.from(key).toString();
    const should = expected.get(name);
    expected.delete(name);
    if (value === null || should === undefined || Buffer.compare(value, should) !== 0) {
      wrong ??= `${name} is ${value === null ? 'damaged' : Buffer.from(value).subarray(0, 20).toString()}, not ${should && Buffer.from(should).subarray(0, 20).toString()}`;
    }
  });
  return wrong ?? (expected.size === 0 ? null : `missing: ${[...expected.keys()].slice(0, 5).join(' ')}`);
}

/** Says that it has synced. */
function lying(inner: Disk): Disk {
  return new Proxy(inner, {
    get(disk, method) {
      if (method === 'sync') return (_name: string, settled: () => void) => void setImmediate(settled);
      const member: unknown = Reflect.get(disk, method);
      return typeof member === 'function' ? member.bind(disk) : member;
    },
  });
}

const { engine, recovery } = openLmdbEngine({
  directory: directory!,
  clusterId: 'power-loss',
  nodeId: 'writer',
  clock: systemClock,
  settings: { segmentBytes: 64 * 1024, checkpoint: { minLogBytes: 256 * 1024, sizeShare: 0 } },
  ...(honesty === 'lying' ? { wrapDisk: lying } : {}),
});
say({ opened: recovery });
const wrong = differenceFrom(engine, recovery.durableLsn);
if (wrong !== null) say({ wrong });

let nextLsn = recovery.durableLsn + 1;
let hasFailed = false;
function writeOne(): void {
  const lsn = nextLsn++;
  engine.write(batchOf(lsn), (error) => {
    if (error === undefined) {
      say({ acknowledged: lsn });
      setImmediate(writeOne);
    } else if (!hasFailed) {
      hasFailed = true;
      say({ failed: (error as Error & { code?: string }).code, intact: differenceFrom(engine, engine.durableLsn) === null });
    }
  });
}
for (let i = 0; i < WRITERS; i++) writeOne();
setInterval(() => {}, 1000); // alive until it is killed
