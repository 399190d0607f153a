/**
 * One operation on one item of a row, complete and immutable: whoever has these bytes can apply it, any number of times,
 * in any order with other deltas, and all replicas end up alike. Writes, repair, streaming and retries all carry the same
 * deltas; the record kept for a live version *is* its delta, because applying a version without what it superseded
 * would let an older one stand beside it (row model, F7).
 *
 * An item has two facets. Its **cell** alone decides whether the item is in the row. Its **place** says where in the order
 * it stands, and counts only while one of the cell versions that it was based on is live: so a move can never bring back
 * an item that was removed (row model, F13). A removal mints a dot like every other operation; without one it would be
 * invisible to contexts, digests and repair (F1).
 */
import { TriptychError } from '@app/contracts';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import type { ActorId, Dot } from '../causality/dot.js';

export interface Delta {
  /** The item that the operation is about; its superseded dots are dots of this item, of either facet. */
  readonly item: string;
  readonly dot: Dot;
  /** When, by the hybrid logical clock of the minting replica. Decides between concurrent values, never membership. */
  readonly hlc: number;
  readonly supersedes: readonly Dot[];
  /** What stays after the operation; null for a removal. */
  readonly version: Version | null;
}

export type Version = CellVersion | PlaceVersion;

export interface CellVersion {
  readonly facet: 'cell';
  /** Where the item stands until it is moved. */
  readonly position: string;
  readonly value: Uint8Array;
}

export interface PlaceVersion {
  readonly facet: 'place';
  readonly position: string;
  /** The cell versions that the mover saw. */
  readonly bases: readonly Dot[];
}

/** A delta that left a version behind, as records and views hold it. */
export type CellDelta = Delta & { readonly version: CellVersion };
export type PlaceDelta = Delta & { readonly version: PlaceVersion };
export type LiveDelta = CellDelta | PlaceDelta;

export const isCell = (delta: Delta): delta is CellDelta => delta.version?.facet === 'cell';
export const isPlace = (delta: Delta): delta is PlaceDelta => delta.version?.facet === 'place';

const DELTA_FORMAT = 1;
const REMOVAL = 0;
const CELL = 1;
const PLACE = 2;

/** Bytes: format, kind, item, dot, hlc, superseded dots, then by kind position and value, or position and bases. */
export function encodeDelta(delta: Delta, writer = new ByteWriter()): Uint8Array {
  writer.u8(DELTA_FORMAT);
  writer.u8(delta.version === null ? REMOVAL : delta.version.facet === 'cell' ? CELL : PLACE);
  writer.string(delta.item);
  encodeDot(delta.dot, writer);
  writer.varint(delta.hlc);
  encodeDots(delta.supersedes, writer);
  if (delta.version !== null) {
    writer.string(delta.version.position);
    if (delta.version.facet === 'cell') writer.bytes(delta.version.value);
    else encodeDots(delta.version.bases, writer);
  }
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT on bytes that are no delta of a known format */
export function decodeDelta(bytes: Uint8Array): Delta {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== DELTA_FORMAT) throw corrupt(`delta format ${format} is not known`);
  const kind = reader.u8();
  if (kind > PLACE) throw corrupt(`delta kind ${kind} is not known`);
  const item = reader.string();
  const dot = decodeDot(reader);
  const hlc = reader.varint();
  const supersedes = decodeDots(reader);
  let version: Version | null = null;
  if (kind !== REMOVAL) {
    const position = reader.string();
    version =
      kind === CELL ? { facet: 'cell', position, value: reader.bytes() } : { facet: 'place', position, bases: decodeDots(reader) };
  }
  reader.end();
  return { item, dot, hlc, supersedes, version };
}

export function encodeDot(dot: Dot, writer: ByteWriter): void {
  writer.hex(dot.actor);
  writer.varint(dot.counter);
}

export function decodeDot(reader: ByteReader): Dot {
  return { actor: reader.hex(8) as ActorId, counter: reader.varint() };
}

function encodeDots(dots: readonly Dot[], writer: ByteWriter): void {
  writer.varint(dots.length);
  for (const dot of dots) encodeDot(dot, writer);
}

function decodeDots(reader: ByteReader): Dot[] {
  const count = reader.varint();
  const dots: Dot[] = [];
  for (let i = 0; i < count; i++) dots.push(decodeDot(reader));
  return dots;
}

const corrupt = (message: string): TriptychError => new TriptychError('STORE_RECORD_CORRUPT', message);
