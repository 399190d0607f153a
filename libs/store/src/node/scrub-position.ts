/** How far the scrubber has come, as a record of the node, so that a pass of a week goes on after a restart. */
import { TriptychError } from '@app/contracts';
import { ByteReader } from '../core/codec/byte-reader.js';
import { ByteWriter } from '../core/codec/byte-writer.js';
import { nodeKey } from '../core/row/row-keys.js';

export interface ScrubPosition {
  /** When the pass began, wall ms since 1970. */
  readonly beganAtMs: number;
  /** Passes that were completed, since the directory is. */
  readonly passes: number;
  readonly phase: ScrubPhase;
  /** Records: the first key that was not looked at. */
  readonly key: Uint8Array;
  /** Tree: the first leaf that was not looked at. */
  readonly leaf: number;
}

/** In this order; `done` until the next pass is due. */
export const SCRUB_PHASES = ['records', 'tree', 'files', 'done'] as const;
export type ScrubPhase = (typeof SCRUB_PHASES)[number];

export const SCRUB_POSITION_KEY = nodeKey('scrub');
const FORMAT = 1;

export function encodeScrubPosition({ beganAtMs, passes, phase, key, leaf }: ScrubPosition): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(FORMAT);
  writer.varint(beganAtMs);
  writer.varint(passes);
  writer.u8(SCRUB_PHASES.indexOf(phase));
  writer.bytes(key);
  writer.varint(leaf);
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT */
export function decodeScrubPosition(bytes: Uint8Array): ScrubPosition {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== FORMAT) throw new TriptychError('STORE_RECORD_CORRUPT', `scrub position format ${format} is not known`);
  const [beganAtMs, passes] = [reader.varint(), reader.varint()];
  const phase = SCRUB_PHASES[reader.u8()];
  if (phase === undefined) throw new TriptychError('STORE_RECORD_CORRUPT', 'a scrub position of no known phase');
  const position = { beganAtMs, passes, phase, key: new Uint8Array(reader.bytes()), leaf: reader.varint() };
  reader.end();
  return position;
}
