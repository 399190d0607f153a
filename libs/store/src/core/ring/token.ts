/**
 * A token is a row's place on the ring: 64 bits of a hash of its key. Every node and every client computes the same one,
 * for ever, so the hash, its key and the bytes hashed are part of the format and are pinned by golden vectors.
 *
 * The hash's key is published: it is there to start the function, not to hide anything. Someone who chooses row names
 * can therefore aim them at one range, as with any ring whose clients place rows themselves.
 * Source: Karger et al., Consistent hashing (1997); DeCandia et al., Dynamo (SOSP 2007), 4.2.
 */
import { ByteWriter } from '../codec/byte-writer.js';
import { sipHash64 } from '../codec/sip-hash.js';

/** 0 <= token < 2^64. */
export type Token = bigint & { readonly __brand: 'Token' };

const RING_KEY = Buffer.from('triptych ring v1', 'latin1');
const writer = new ByteWriter(256);

/**
 * The first 64 bits of SipHash-2-4-128 over table and row, each as UTF-8 after its length in bytes as a varint, so that
 * no two keys are spelled alike.
 * @throws TriptychError REQUEST_INVALID on text that is not well-formed Unicode
 */
export function tokenOf(table: string, row: string): Token {
  if (row === last.row && table === last.table) return last.token;
  writer.clear();
  writer.string(table);
  writer.string(row);
  const token = sipHash64(RING_KEY, writer.finish()) as Token;
  last = { table, row, token };
  return token;
}

/** A request asks for its row's token again and again: where it lies, whether it has a vote there, which leaf it is in. */
let last: { readonly table: string | null; readonly row: string; readonly token: Token } = { table: null, row: '', token: 0n as Token };
