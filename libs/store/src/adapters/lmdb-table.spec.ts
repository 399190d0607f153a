import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@app/time';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Mutation } from '../core/codec/log-record.js';
import type { OrderedTable } from '../ports/ordered-table.js';
import { LmdbTables } from './lmdb-table.js';

const EVERYTHING = { start: new Uint8Array(0), end: Buffer.alloc(600, 0xff) };

describe('the LMDB table', () => {
  let directory: string;
  let tables: LmdbTables;
  beforeAll(() => {
    directory = fs.mkdtempSync(join(tmpdir(), 'triptych-table-'));
    tables = new LmdbTables(directory);
  });
  afterAll(() => fs.rmSync(directory, { recursive: true }));

  const close = (table: OrderedTable, lsn: number | null) =>
    new Promise<void>((resolve, reject) => table.close(lsn, (error) => (error === undefined ? resolve() : reject(error))));
  function contentOf(table: OrderedTable): string[] {
    const content: string[] = [];
    table.scan(EVERYTHING, (key, value) => void content.push(`${Buffer.from(key).toString('hex')}=${fingerprint(value)}`));
    return content;
  }
  const fingerprint = (value: Uint8Array) => `${value.length}:${Buffer.from(value.subarray(0, 8)).toString('hex')}`;

  it('holds what a map holds, through thousands of random transactions, large values, and clean re-openings', async () => {
    const random = new SeededRandom(42);
    const model = new Map<string, string>();
    let table = tables.create();
    for (let lsn = 1; lsn <= 3000; lsn++) {
      const mutations: Mutation[] = [];
      for (let count = random.below(12); count >= 0; count--) {
        const key = Buffer.alloc(1 + random.below(60), random.below(256));
        key.writeUInt8(random.below(256), random.below(key.length));
        // Some values fill pages of their own, so that pages of every kind are freed and used again.
        const size = random.fraction() < 0.02 ? random.below(100_000) : random.below(300);
        const value = random.fraction() < 0.35 ? null : Buffer.alloc(size, random.bytes(8));
        mutations.push({ key, value });
        if (value === null) model.delete(key.toString('hex'));
        else model.set(key.toString('hex'), fingerprint(value));
      }
      table.apply(mutations);
      for (const { key } of mutations) {
        const value = table.get(key);
        expect(value && fingerprint(value)).toBe(model.get(Buffer.from(key).toString('hex')));
      }
      if (lsn % 500 === 0) {
        expect(contentOf(table)).toEqual([...model].sort(([a], [b]) => Buffer.compare(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'))).map(([key, value]) => `${key}=${value}`));
        await close(table, lsn);
        table = tables.openLive(lsn);
      }
    }
    await close(table, null);
  });

  it('is opened as the stop left it, or not at all', async () => {
    let table = tables.create();
    table.apply([{ key: Buffer.from('a'), value: Buffer.from('1') }]);
    await close(table, 7);
    expect(() => tables.openLive(8)).toThrow('is of batch 7, not 8');
    table = tables.openLive(7);
    expect(contentOf(table)).toHaveLength(1);
    await close(table, null);
    table = tables.create();
    expect(contentOf(table)).toEqual([]);
    await close(table, null);
    expect(() => tables.openLive(7)).toThrow('is of batch 0, not 7');
    fs.rmSync(join(directory, 'live.table'));
    expect(() => tables.openLive(7)).toThrow('is not there');
  });

  it('applies all of a transaction or nothing', async () => {
    const table = tables.create();
    table.apply([{ key: Buffer.from('a'), value: Buffer.from('1') }]);
    const tooLong = { key: Buffer.alloc(5000, 1), value: Buffer.from('2') };
    expect(() => table.apply([{ key: Buffer.from('a'), value: Buffer.from('2') }, tooLong])).toThrow(Error);
    expect(Buffer.from(table.get(Buffer.from('a'))!).toString()).toBe('1');
    table.apply([{ key: Buffer.from('b'), value: Buffer.from('3') }]);
    expect(contentOf(table)).toHaveLength(2);
    await close(table, null);
  });

  it('lends views: what a reader keeps is overwritten by the next read', async () => {
    const table = tables.create();
    table.apply([
      { key: Buffer.from('a'), value: Buffer.from('first') },
      { key: Buffer.from('b'), value: Buffer.from('other') },
    ]);
    const kept = table.get(Buffer.from('a'))!;
    expect(Buffer.from(kept).toString()).toBe('first');
    table.get(Buffer.from('b'));
    expect(Buffer.from(kept).toString()).toBe('other');
    await close(table, null);
  });
});
