/**
 * The ordered table in LMDB: one database in one file, written without sync (the log in front is what is durable), so a
 * group is one transaction of some microseconds. Not with a writable map, though it halves that: on a full disk it ends
 * the process with SIGBUS where this gets an error.
 *
 * Reads go through encoders that hand out views of LMDB's own buffers: a scan costs a fifth of what it does with a copy
 * of each key and value.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import type { Mutation } from '../core/codec/log-record.js';
import type { Settled } from '../ports/disk.js';
import type { OrderedTable, TableFiles } from '../ports/ordered-table.js';
import { MAX_KEY_BYTES, type KeyRange } from '../ports/storage-engine.js';

const LIVE_FILE = 'live.table';
/** Address space, not memory or disk: the largest a table may become. */
const MAP_BYTES = 2 ** 38;
/** Longer than any key of a record, and behind all of them: its value is the LSN. */
const LSN_KEY = Buffer.alloc(MAX_KEY_BYTES + 1, 0xff);
const FIRST_KEY = Buffer.alloc(1);
/** Commit before returning, not abortable by halves; see lmdb's TransactionFlags. */
const SYNCHRONOUS_COMMIT = 2;

export class LmdbTables implements TableFiles {
  readonly #path: string;

  constructor(directory: string) {
    this.#path = join(directory, LIVE_FILE);
  }

  create(): OrderedTable {
    fs.rmSync(this.#path, { force: true });
    fs.rmSync(`${this.#path}-lock`, { force: true });
    return new LmdbTable(this.#path);
  }

  openLive(lsn: number): OrderedTable {
    if (!fs.existsSync(this.#path)) throw new Error(`${LIVE_FILE} is not there`);
    const table = new LmdbTable(this.#path);
    const found = table.lsn();
    if (found === lsn) return table;
    table.close(null, () => {});
    throw new Error(`${LIVE_FILE} is of batch ${found}, not ${lsn}`);
  }
}

class LmdbTable implements OrderedTable {
  readonly #database: RootDatabase<Uint8Array, Uint8Array>;

  constructor(private readonly path: string) {
    this.#database = open<Uint8Array, Uint8Array>({
      path,
      noSubdir: true,
      maxDbs: 1,
      mapSize: MAP_BYTES,
      noSync: true,
      noMemInit: true,
      keyEncoder: {
        writeKey(key: Uint8Array, target: Uint8Array, start: number): number {
          target.set(key, start);
          return start + key.length;
        },
        readKey: (source: Uint8Array, start: number, end: number) => source.subarray(start, end),
      },
      encoder: { encode: (value: Uint8Array) => value, decode: viewOf },
    });
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const bytes = this.#database.getBinaryFast(key);
    return bytes === undefined ? undefined : viewOf(bytes, bytes.length);
  }

  scan({ start, end, reverse = false }: KeyRange, visit: (key: Uint8Array, value: Uint8Array) => boolean | void): void {
    const first = start.length === 0 ? FIRST_KEY : start;
    if (Buffer.compare(first, end) >= 0) return;
    const range = reverse
      ? { start: end, end: first, reverse, exclusiveStart: true, inclusiveEnd: true }
      : { start: first, end };
    for (const { key, value } of this.#database.getRange(range)) {
      if (key.length > MAX_KEY_BYTES) continue; // the LSN's
      if (visit(key, value) === false) return;
    }
  }

  apply(mutations: readonly Mutation[]): void {
    const database = this.#database;
    database.transactionSync(() => {
      // Within a synchronous transaction both act at once; the promises they answer are settled ones.
      for (const { key, value } of mutations) void (value === null ? database.remove(key) : database.put(key, value));
    }, SYNCHRONOUS_COMMIT);
  }

  close(lsn: number | null, settled: Settled): void {
    this.#shut(lsn).then(
      () => settled(),
      (error: unknown) => settled(error as Error),
    );
  }

  /** The LSN recorded last, 0 where none ever was. */
  lsn(): number {
    return Number(this.#database.getBinary(LSN_KEY)?.readBigUInt64BE() ?? 0);
  }

  async #shut(lsn: number | null): Promise<void> {
    if (lsn !== null) {
      const value = Buffer.alloc(8);
      value.writeBigUInt64BE(BigInt(lsn));
      this.apply([{ key: LSN_KEY, value }]);
    }
    await this.#database.close();
    if (lsn === null) return;
    const file = await fs.promises.open(this.path, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

/** The bytes just read, in a buffer that LMDB uses again for the next and that may be longer than they are. */
function viewOf(bytes: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
}
