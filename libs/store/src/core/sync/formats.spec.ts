/** The node's own records about its disk, byte for byte: directories of today are read by the programs of tomorrow. */
import { expect, it } from 'vitest';
import { SLOT_COUNT } from '../ring/token-allocator.js';
import { decodeDirectory, encodeDirectory, isBehind, supersedes } from './directory-claim.js';
import { decodeSlots, decodeUnsynced, encodeSlots, encodeUnsynced, PERIODIC_UNSYNCED, UNSYNCED, UNSYNCED_REASONS } from './unsynced-slots.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

it('[T4] the record of a directory', () => {
  const record = { generation: 2, id: '00112233445566ff', lsn: 300, state: 'opening' } as const;
  expect(hex(encodeDirectory(record))).toBe('010200112233445566ffac0201');
  expect(decodeDirectory(encodeDirectory(record))).toEqual(record);
  for (const bad of ['', '020200112233445566ffac0201', '010200112233445566ffac0209', '010200112233445566ffac020100']) {
    expect(() => decodeDirectory(Buffer.from(bad, 'hex'))).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }) as Error);
  }
});

it('[T4] the record of unsynced slots', () => {
  const slots = new Uint8Array(SLOT_COUNT);
  slots[0] = UNSYNCED;
  slots[9] = PERIODIC_UNSYNCED;
  slots[SLOT_COUNT - 1] = UNSYNCED;
  for (const reason of UNSYNCED_REASONS) {
    const bytes = encodeUnsynced({ slots, reason });
    const [all, periodic] = [bytes.subarray(2, 514), bytes.subarray(514)];
    expect([bytes.length, bytes[0], bytes[1]]).toEqual([1_026, 1, UNSYNCED_REASONS.indexOf(reason)]);
    expect([all[0], all[511], periodic[1]]).toEqual([0x01, 0x80, 0x02]);
    expect(decodeUnsynced(bytes)).toEqual({ slots, reason });
  }
  expect(() => decodeUnsynced(Buffer.alloc(1_026, 9))).toThrow('malformed');
  expect(decodeSlots(encodeSlots([0, 300, 4_095]))).toEqual([0, 300, 4_095]);
  expect(() => decodeSlots(encodeSlots([SLOT_COUNT]))).toThrow(/no slot/);
});

it('[W3] one directory is behind another, or takes its place', () => {
  const at = (generation: number, id: string, lsn: number) => ({ generation, id, lsn });
  expect(isBehind(at(1, 'a', 10), at(1, 'a', 11))).toBe(true);
  expect(isBehind(at(1, 'a', 11), at(1, 'a', 11))).toBe(false);
  expect(isBehind(at(1, 'b', 99), at(1, 'a', 1))).toBe(true); // a new directory, where another was witnessed
  expect(isBehind(at(2, 'b', 0), at(1, 'a', 99))).toBe(false); // the witness has not heard of the newer one
  expect(supersedes(at(2, 'b', 0), at(1, 'a', 99))).toBe(true);
  expect(supersedes(at(1, 'b', 200), at(1, 'a', 99))).toBe(false);
  expect(supersedes(at(1, 'a', 98), at(1, 'a', 99))).toBe(false);
});
