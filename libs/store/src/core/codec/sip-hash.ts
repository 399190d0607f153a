/**
 * SipHash-2-4 with a 128-bit result: a keyed hash, so that nobody without the key can choose inputs that collide, and
 * fast on the short inputs that we have (a row key, a cell). It places rows on the ring and makes the digests that
 * replicas compare.
 *
 * A 64-bit word is two 32-bit halves here: the engine keeps those in registers, while a BigInt per step costs some
 * fifty times as much. Refused: SHA-256 of node:crypto (ten times as much, and an object per call), and unkeyed hashes
 * such as Murmur (whoever writes cells could make two rows look alike).
 *
 * Source: Aumasson and Bernstein, SipHash: a fast short-input PRF (2012); the 128-bit result is the authors' own variant.
 */
import { assert } from '@app/contracts';

/**
 * Hashes bytes[start, end) into `target`: four 32-bit words, of which word 0 holds the first four bytes of the result
 * in little-endian order.
 * @param key 16 bytes
 */
export function sipHashWords(key: Uint8Array, bytes: Uint8Array, target: Uint32Array, start = 0, end = bytes.length): void {
  assert(key.length === 16, 'a SipHash key has 16 bytes');
  const k0l = word(key, 0);
  const k0h = word(key, 4);
  const k1l = word(key, 8);
  const k1h = word(key, 12);
  let v0l = k0l ^ 0x70736575;
  let v0h = k0h ^ 0x736f6d65;
  let v1l = k1l ^ 0x6e646f6d ^ 0xee;
  let v1h = k1h ^ 0x646f7261;
  let v2l = k0l ^ 0x6e657261;
  let v2h = k0h ^ 0x6c796765;
  let v3l = k1l ^ 0x79746573;
  let v3h = k1h ^ 0x74656462;

  const length = end - start;
  const wholeWords = length >>> 3;
  // Phases: the whole words, the last word (the bytes left over and the length), then the two halves of the result.
  for (let phase = 0; phase <= wholeWords + 2; phase++) {
    let ml = 0;
    let mh = 0;
    let rounds = 2;
    if (phase < wholeWords) {
      const at = start + 8 * phase;
      ml = word(bytes, at);
      mh = word(bytes, at + 4);
    } else if (phase === wholeWords) {
      mh = (length & 0xff) << 24;
      const from = start + 8 * wholeWords;
      for (let i = 0; i < (length & 7); i++) {
        if (i < 4) ml |= bytes[from + i]! << (8 * i);
        else mh |= bytes[from + i]! << (8 * i - 32);
      }
    } else {
      rounds = 4;
      if (phase === wholeWords + 1) v2l ^= 0xee;
      else v1l ^= 0xdd;
    }

    v3l ^= ml;
    v3h ^= mh;
    for (let round = 0; round < rounds; round++) {
      // The carry of a 64-bit sum is 1 when the low half came out smaller than what was added to it.
      let sum = (v0l + v1l) | 0;
      v0h = (v0h + v1h + (sum >>> 0 < v1l >>> 0 ? 1 : 0)) | 0;
      v0l = sum;
      let turned = (v1l << 13) | (v1h >>> 19);
      v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
      v1l = turned ^ v0l;
      turned = v0l;
      v0l = v0h;
      v0h = turned;

      sum = (v2l + v3l) | 0;
      v2h = (v2h + v3h + (sum >>> 0 < v3l >>> 0 ? 1 : 0)) | 0;
      v2l = sum;
      turned = (v3l << 16) | (v3h >>> 16);
      v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
      v3l = turned ^ v2l;

      sum = (v0l + v3l) | 0;
      v0h = (v0h + v3h + (sum >>> 0 < v3l >>> 0 ? 1 : 0)) | 0;
      v0l = sum;
      turned = (v3l << 21) | (v3h >>> 11);
      v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
      v3l = turned ^ v0l;

      sum = (v2l + v1l) | 0;
      v2h = (v2h + v1h + (sum >>> 0 < v1l >>> 0 ? 1 : 0)) | 0;
      v2l = sum;
      turned = (v1l << 17) | (v1h >>> 15);
      v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
      v1l = turned ^ v2l;
      turned = v2l;
      v2l = v2h;
      v2h = turned;
    }
    v0l ^= ml;
    v0h ^= mh;

    if (phase === wholeWords + 1) {
      target[0] = v0l ^ v1l ^ v2l ^ v3l;
      target[1] = v0h ^ v1h ^ v2h ^ v3h;
    }
  }
  target[2] = v0l ^ v1l ^ v2l ^ v3l;
  target[3] = v0h ^ v1h ^ v2h ^ v3h;
}

const scratch = new Uint32Array(4);
const view = new DataView(new ArrayBuffer(8));

/** The 16 bytes of the hash of `bytes`, as the authors' code writes them, in `target` at `offset`; gives back `target`. */
export function sipHash128(key: Uint8Array, bytes: Uint8Array, target = new Uint8Array(16), offset = 0): Uint8Array {
  assert(target.length >= offset + 16, 'a SipHash result takes 16 bytes');
  sipHashWords(key, bytes, scratch);
  for (let i = 0; i < 16; i++) target[offset + i] = scratch[i >> 2]! >>> (8 * (i & 3));
  return target;
}

/**
 * The first eight of those bytes read as one big-endian number, 0 <= result < 2^64: numbers in the order in which the
 * bytes sort. It is not the authors' 64-bit variant, which starts from another state.
 */
export function sipHash64(key: Uint8Array, bytes: Uint8Array, start = 0, end = bytes.length): bigint {
  sipHashWords(key, bytes, scratch, start, end);
  view.setUint32(0, scratch[0]!, true);
  view.setUint32(4, scratch[1]!, true);
  return view.getBigUint64(0);
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
