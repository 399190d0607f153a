/**
 * The bytes of rows, on disk and between replicas, held against files: a change that alters them must be a new format
 * version, not an accident, because the disks and peers of yesterday hold these.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CausalContext } from '../causality/causal-context.js';
import type { ActorId, Dot } from '../causality/dot.js';
import { decodeDelta, encodeDelta, type Delta, type LiveDelta } from './delta.js';
import { decodeItem, decodeOrderEntry, encodeItem, encodeOrderEntry } from './item-record.js';
import { decodeDifference, decodeKnowledge, encodeDifference, encodeKnowledge } from './row-difference.js';
import { decodeHeader, encodeHeader, RowHasher, type RowHeader } from './row-header.js';
import { RowKeys } from './row-keys.js';
import { schemaHash } from './schema-hash.js';

const GOLDEN = fileURLToPath(new URL('../../../../../test/golden/store/rows.json', import.meta.url));
const A = '0011223344556677' as ActorId;
const B = '8899aabbccddeeff' as ActorId;
const dot = (actor: ActorId, counter: number): Dot => ({ actor, counter });

const add: Delta = { item: 'inception-2010', dot: dot(A, 7), hlc: 435_200_000_000_256, supersedes: [dot(B, 300)], version: { facet: 'cell', position: 'T1', value: Buffer.from('value') } };
const move: Delta = { item: 'inception-2010', dot: dot(B, 301), hlc: 435_200_000_000_512, supersedes: [], version: { facet: 'place', position: 'H2', bases: [dot(A, 7)] } };
const removal: Delta = { item: 'inception-2010', dot: dot(A, 8), hlc: 435_200_000_000_768, supersedes: [dot(A, 7), dot(B, 301)], version: null };
const context = CausalContext.of([dot(A, 1), dot(A, 2), dot(A, 4), dot(B, 300)]);
const voided = CausalContext.of([dot(B, 9)]);
const header: RowHeader = { context, voided, versionsHash: new Uint8Array(16).fill(3), itemCount: 12, isDamaged: false };
const live = [add, move] as LiveDelta[];

/** Everything that is written, by name. */
const written = (): Record<string, string> => {
  const hasher = new RowHasher(new Uint8Array(16).fill(1));
  const keys = new RowKeys('favorites', 'ann');
  const shown = { cell: live[0]!, position: 'H2' } as never;
  const snapshot = { base: { context: CausalContext.EMPTY, voided }, context, voided, live: CausalContext.of([dot(A, 7)]), versions: live };
  const bytes: Record<string, Uint8Array> = {
    'delta of an add': encodeDelta(add),
    'delta of a move': encodeDelta(move),
    'delta of a removal': encodeDelta(removal),
    'item record': encodeItem(live),
    'order entry': encodeOrderEntry(shown),
    'row header': encodeHeader(header),
    'damaged row header': encodeHeader({ ...header, isDamaged: true }),
    knowledge: encodeKnowledge({ context, voided }),
    'difference in deltas': encodeDifference({ kind: 'deltas', deltas: [add, removal], isPartial: false }),
    'difference in part': encodeDifference({ kind: 'deltas', deltas: [move], isPartial: true }),
    'difference as a snapshot': encodeDifference({ kind: 'snapshot', snapshot }),
    'key of the header': keys.header(),
    'key of an item': keys.item('inception-2010'),
    'key in the order': keys.order('T1', 'inception-2010'),
    'hash of a version': hasher.version('favorites', 'ann', live[0]!),
    'digest of a row': hasher.digest(header),
  };
  return { ...Object.fromEntries(Object.entries(bytes).map(([name, value]) => [name, Buffer.from(value).toString('hex')])), 'hash of the schemas': schemaHash() };
};

describe('[T4] formats', () => {
  it('are the golden bytes (TRIPTYCH_WRITE_GOLDEN=1 writes them, for a new format version)', () => {
    if (process.env['TRIPTYCH_WRITE_GOLDEN'] === '1') writeFileSync(GOLDEN, `${JSON.stringify(written(), null, 2)}\n`);
    expect(written()).toEqual(JSON.parse(readFileSync(GOLDEN, 'utf8')));
  });

  it('read back to what was written', () => {
    for (const delta of [add, move, removal]) expect(decodeDelta(encodeDelta(delta))).toEqual(delta);
    expect(decodeItem(encodeItem(live))).toEqual(live);
    expect(decodeOrderEntry(encodeOrderEntry({ cell: live[0]!, position: 'x' } as never))).toMatchObject({ hlc: add.hlc });
    const read = decodeHeader(encodeHeader(header));
    expect([read.itemCount, read.isDamaged, read.context.equals(context), read.voided.equals(voided)]).toEqual([12, false, true, true]);
    expect(decodeKnowledge(encodeKnowledge({ context, voided })).context.equals(context)).toBe(true);
    const keys = new RowKeys('favorites', 'ann');
    expect(keys.itemOf(keys.item('x'))).toBe('x');
    expect(keys.placeOf(keys.order('p', 'x'))).toEqual({ position: 'p', item: 'x' });
  });

  it('refuse every truncation and every other format version, and never read on', () => {
    const decoders = [
      [encodeDelta(add), decodeDelta],
      [encodeItem(live), decodeItem],
      [encodeHeader(header), decodeHeader],
      [encodeKnowledge({ context, voided }), decodeKnowledge],
      [encodeDifference({ kind: 'deltas', deltas: [add, removal], isPartial: false }), decodeDifference],
    ] as const;
    for (const [bytes, decode] of decoders) {
      for (let length = 0; length < bytes.length; length++) {
        expect(() => decode(bytes.subarray(0, length))).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
      }
      const other = new Uint8Array(bytes);
      other[0] = 99;
      expect(() => decode(other)).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
      expect(() => decode(Buffer.concat([bytes, Buffer.from([0])]))).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
    }
  });

  it('take any bytes for a delta or refuse them with one error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeDelta(Buffer.concat([Buffer.from([1]), bytes]));
        } catch (error) {
          expect(error).toMatchObject({ code: 'STORE_RECORD_CORRUPT' });
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
