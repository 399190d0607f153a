/**
 * The ordered table in memory, with its files on a simulated disk: the same promises as the LMDB one, deterministic and
 * in virtual time. Keys are kept as strings of one character per byte, which compare as unsigned bytes do; they stand
 * sorted in blocks of a few hundred, the leaves of a tree of height two.
 *
 * It is stricter than it need be where the other is stricter by nature: what `get` and `scan` show is overwritten
 * afterwards, so a caller that keeps a view is found out here.
 */
import { ByteReader } from '../core/codec/byte-reader.js';
import { ByteWriter } from '../core/codec/byte-writer.js';
import type { Mutation } from '../core/codec/log-record.js';
import type { Disk, Settled } from '../ports/disk.js';
import type { OrderedTable, TableFiles } from '../ports/ordered-table.js';
import type { KeyRange } from '../ports/storage-engine.js';

const LIVE_FILE = 'live.table';
const BLOCK_KEYS = 256;

export class MemoryTables implements TableFiles {
  #live: MemoryTable | null = null;

  constructor(private readonly disk: Disk) {}

  /** The table opened last: tests rot its records. */
  get live(): MemoryTable | null {
    return this.#live;
  }

  create(): OrderedTable {
    return (this.#live = new MemoryTable(this.disk));
  }

  openLive(lsn: number): OrderedTable {
    const reader = new ByteReader(this.disk.read(LIVE_FILE));
    const found = reader.varint();
    if (found !== lsn) throw new Error(`the table is of batch ${found}, not ${lsn}`);
    const table = new MemoryTable(this.disk);
    for (let count = reader.varint(); count > 0; count--) table.put(reader.bytes(), reader.bytes());
    return (this.#live = table);
  }
}

export class MemoryTable implements OrderedTable {
  readonly #values = new Map<string, Uint8Array>();
  #blocks: string[][] = [[]];
  #scratch = new Uint8Array(1024);
  #scratchLength = 0;

  constructor(private readonly disk: Disk) {}

  get(key: Uint8Array): Uint8Array | undefined {
    const value = this.#values.get(nameOf(key));
    return value === undefined ? undefined : this.#lend(value);
  }

  scan({ start, end, reverse = false }: KeyRange, visit: (key: Uint8Array, value: Uint8Array) => boolean | void): void {
    const [first, last] = [nameOf(start), nameOf(end)];
    if (first >= last) return;
    const blocks = this.#blocks;
    const step = reverse ? -1 : 1;
    let block = this.#blockOf(reverse ? last : first);
    let at = lowerBound(blocks[block]!, reverse ? last : first) + (reverse ? -1 : 0);
    for (;;) {
      while (at < 0 || at >= blocks[block]!.length) {
        block += step;
        if (block < 0 || block >= blocks.length) return;
        at = reverse ? blocks[block]!.length - 1 : 0;
      }
      const name = blocks[block]![at]!;
      if (reverse ? name < first : name >= last) return;
      const key = Buffer.from(name, 'latin1');
      const more = visit(key, this.#lend(this.#values.get(name)!));
      key.fill(0xdd);
      if (more === false) break;
      at += step;
    }
    this.#scratch.fill(0xdd, 0, this.#scratchLength);
  }

  apply(mutations: readonly Mutation[]): void {
    for (const { key, value } of mutations) {
      if (value === null) this.#remove(key);
      else this.put(key, value);
    }
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const name = nameOf(key);
    const before = this.#values.get(name);
    this.#values.set(name, new Uint8Array(value));
    if (before !== undefined) return;
    const index = this.#blockOf(name);
    const block = this.#blocks[index]!;
    block.splice(lowerBound(block, name), 0, name);
    if (block.length > 2 * BLOCK_KEYS) this.#blocks.splice(index, 1, block.slice(0, BLOCK_KEYS), block.slice(BLOCK_KEYS));
  }

  close(lsn: number | null, settled: Settled): void {
    if (lsn === null) {
      this.disk.remove('', () => settled()); // nothing to remove: a turn of the disk, so that `settled` is not called within
      return;
    }
    // Before the image the old one goes, so that a file of this name is never a mixture.
    let appendError: Error | undefined;
    this.disk.remove(LIVE_FILE);
    this.disk.append(LIVE_FILE, this.#image(lsn), (error) => (appendError = error));
    this.disk.sync(LIVE_FILE, (syncError) => settled(appendError ?? syncError));
  }

  /** Flips a bit of a record as it is stored. */
  rot(key: Uint8Array, bit = 0): void {
    const value = new Uint8Array(this.#values.get(nameOf(key))!);
    value[bit >> 3]! ^= 1 << (bit & 7);
    this.#values.set(nameOf(key), value);
  }

  #remove(key: Uint8Array): void {
    const name = nameOf(key);
    if (!this.#values.delete(name)) return;
    const index = this.#blockOf(name);
    const block = this.#blocks[index]!;
    block.splice(lowerBound(block, name), 1);
    if (block.length === 0 && this.#blocks.length > 1) this.#blocks.splice(index, 1);
  }

  /** The last block that begins at or before `name`; the first where none does. */
  #blockOf(name: string): number {
    let [low, high] = [0, this.#blocks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#blocks[middle]![0] ?? '') <= name) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #lend(value: Uint8Array): Uint8Array {
    if (value.length > this.#scratch.length) this.#scratch = new Uint8Array(2 * value.length);
    else this.#scratch.fill(0xdd, value.length, this.#scratchLength);
    this.#scratch.set(value);
    this.#scratchLength = value.length;
    return this.#scratch.subarray(0, value.length);
  }

  #image(lsn: number): Uint8Array {
    const writer = new ByteWriter();
    writer.varint(lsn);
    writer.varint(this.#values.size);
    for (const block of this.#blocks) {
      for (const name of block) {
        writer.bytes(Buffer.from(name, 'latin1'));
        writer.bytes(this.#values.get(name)!);
      }
    }
    return writer.finish();
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

/** Index of the first name that is not below `name`. */
function lowerBound(block: readonly string[], name: string): number {
  let [low, high] = [0, block.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (block[middle]! < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
