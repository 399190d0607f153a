/**
 * Which data directory a node runs on, and how far it has come: what the node keeps of itself, and what its peers witness.
 *
 * A node that lost its disk, or was given an old one, goes on under a new directory id of a higher generation, so that what
 * peers have witnessed of the one before is not held against it twice, and a still older disk is known as one.
 */
import { TriptychError } from '@app/contracts';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';

export interface DirectoryClaim {
  /** 1 for a node's first directory. */
  readonly generation: number;
  /** 16 hex digits, drawn when the directory was new. */
  readonly id: string;
  /** The last durable batch. */
  readonly lsn: number;
}

/**
 * What the directory itself says. `unborn`: no peer need have heard of it. `opening`: a run began with `lsn` as its last batch,
 * and has not been confirmed by the peers. `confirmed`: it was.
 */
export interface DirectoryRecord extends DirectoryClaim {
  readonly state: 'unborn' | 'opening' | 'confirmed';
}

export const DIRECTORY_ID_BYTES = 8;
const FORMAT = 1;
const STATES = ['unborn', 'opening', 'confirmed'] as const;

export function encodeDirectory({ generation, id, lsn, state }: DirectoryRecord): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(FORMAT);
  writer.varint(generation);
  writer.hex(id);
  writer.varint(lsn);
  writer.u8(STATES.indexOf(state));
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT */
export function decodeDirectory(bytes: Uint8Array): DirectoryRecord {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  const [generation, id, lsn, state] = [reader.varint(), reader.hex(DIRECTORY_ID_BYTES), reader.varint(), STATES[reader.u8()]];
  reader.end();
  if (format !== FORMAT || state === undefined) throw new TriptychError('STORE_RECORD_CORRUPT', 'the record of the directory is malformed');
  return { generation, id, lsn, state };
}

/** Whether what a node claims takes the place of what is witnessed of it. */
export const supersedes = (claim: DirectoryClaim, witnessed: DirectoryClaim): boolean =>
  claim.generation > witnessed.generation || (claim.id === witnessed.id && claim.lsn > witnessed.lsn);

/** Whether a node that opened its directory at this claim has, by what was witnessed, come further before. */
export const isBehind = (claim: DirectoryClaim, witnessed: DirectoryClaim): boolean =>
  witnessed.id === claim.id ? witnessed.lsn > claim.lsn : witnessed.generation >= claim.generation;
