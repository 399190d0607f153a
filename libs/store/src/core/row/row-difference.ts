/**
 * What one replica has and another lacks, and its bytes: whole operations where those are known one by one, else a snapshot
 * to merge. Repair, streaming and recovery all send this.
 */
import { TriptychError } from '@app/contracts';
import { CausalContext } from '../causality/causal-context.js';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import type { RowKnowledge, RowSnapshot } from './causal-map.js';
import { decodeDelta, encodeDelta, type Delta, type LiveDelta } from './delta.js';

export type RowDifference =
  | {
      readonly kind: 'deltas';
      readonly deltas: readonly Delta[];
      /** There is more than fits one message: compare again after applying these. */
      readonly isPartial: boolean;
    }
  | { readonly kind: 'snapshot'; readonly snapshot: RowSnapshot };

const FORMAT = 1;
const DELTAS = 0;
const PARTIAL_DELTAS = 1;
const SNAPSHOT = 2;

export function encodeKnowledge(knowledge: RowKnowledge): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(FORMAT);
  writeKnowledge(knowledge, writer);
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT */
export function decodeKnowledge(bytes: Uint8Array): RowKnowledge {
  const reader = new ByteReader(bytes);
  expectFormat(reader);
  const knowledge = readKnowledge(reader);
  reader.end();
  return knowledge;
}

export function encodeDifference(difference: RowDifference): Uint8Array {
  const writer = new ByteWriter(1024);
  writer.u8(FORMAT);
  if (difference.kind === 'deltas') {
    writer.u8(difference.isPartial ? PARTIAL_DELTAS : DELTAS);
    writeDeltas(difference.deltas, writer);
    return writer.finish();
  }
  const { base, live, versions } = difference.snapshot;
  writer.u8(SNAPSHOT);
  writeKnowledge(base, writer);
  writeKnowledge(difference.snapshot, writer);
  live.encode(writer);
  writeDeltas(versions, writer);
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT */
export function decodeDifference(bytes: Uint8Array): RowDifference {
  const reader = new ByteReader(bytes);
  expectFormat(reader);
  const kind = reader.u8();
  let difference: RowDifference;
  if (kind === SNAPSHOT) {
    const base = readKnowledge(reader);
    const knowledge = readKnowledge(reader);
    const live = CausalContext.decode(reader);
    const versions = readDeltas(reader);
    if (versions.some((delta) => delta.version === null)) throw corrupt('a snapshot holds a removal');
    difference = { kind: 'snapshot', snapshot: { ...knowledge, base, live, versions: versions as LiveDelta[] } };
  } else if (kind === DELTAS || kind === PARTIAL_DELTAS) {
    difference = { kind: 'deltas', deltas: readDeltas(reader), isPartial: kind === PARTIAL_DELTAS };
  } else throw corrupt(`difference kind ${kind} is not known`);
  reader.end();
  return difference;
}

function writeKnowledge(knowledge: RowKnowledge, writer: ByteWriter): void {
  knowledge.context.encode(writer);
  knowledge.voided.encode(writer);
}

const readKnowledge = (reader: ByteReader): RowKnowledge => ({
  context: CausalContext.decode(reader),
  voided: CausalContext.decode(reader),
});

function writeDeltas(deltas: readonly Delta[], writer: ByteWriter): void {
  writer.varint(deltas.length);
  for (const delta of deltas) writer.bytes(encodeDelta(delta));
}

function readDeltas(reader: ByteReader): Delta[] {
  const count = reader.varint();
  const deltas: Delta[] = [];
  for (let i = 0; i < count; i++) deltas.push(decodeDelta(reader.bytes()));
  return deltas;
}

function expectFormat(reader: ByteReader): void {
  const format = reader.u8();
  if (format !== FORMAT) throw corrupt(`difference format ${format} is not known`);
}

const corrupt = (message: string): TriptychError => new TriptychError('STORE_RECORD_CORRUPT', message);
