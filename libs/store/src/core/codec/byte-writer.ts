/**
 * Writes the small binary formats of disk and wire into a buffer that grows. Numbers are unsigned; all of them have one
 * spelling, so equal values give equal bytes and digests over them can be compared.
 *
 * Refused: msgpack for these. Records are hashed and must be canonical, and most of their bytes are dots and counters.
 */
import { assert, TriptychError } from '@app/contracts';

/** By character code; what is no hex digit makes a byte too large. */
const NO_DIGIT = 256;
const HEX_VALUES = new Uint16Array(128).fill(NO_DIGIT);
for (let digit = 0; digit < 16; digit++) HEX_VALUES[digit.toString(16).charCodeAt(0)] = digit;

export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(capacityBytes = 128) {
    this.#buffer = Buffer.allocUnsafe(capacityBytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** One byte, 0 to 255. */
  u8(value: number): void {
    assert(value >= 0 && value <= 0xff && Number.isInteger(value), 'u8 out of range');
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  /** Four bytes, big-endian, so that bytes sort as numbers do. */
  u32(value: number): void {
    assert(value >= 0 && value <= 0xffffffff && Number.isInteger(value), 'u32 out of range');
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32BE(value, this.#length);
  }

  /** Eight bytes, big-endian: a token. */
  u64(value: bigint): void {
    assert(value >= 0n && value < 1n << 64n, 'u64 out of range');
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64BE(value, this.#length);
  }

  /** LEB128, 1 to 8 bytes: an integer, 0 to 2^53 - 1. */
  varint(value: number): void {
    assert(value >= 0 && Number.isSafeInteger(value), 'varint out of range');
    this.#reserve(8);
    const buffer = this.#buffer;
    let at = this.#length;
    let rest = value;
    if (rest > 0x7fffffff) {
      // Beyond 31 bits the shift operators cut numbers off: four bytes of 7 bits first, and what is left has 25 at most.
      rest = Math.floor(value / 2 ** 28);
      for (let low = value - rest * 2 ** 28, count = 0; count < 4; count++, low >>>= 7) buffer[at++] = (low & 0x7f) | 0x80;
    }
    for (; rest >= 0x80; rest >>>= 7) buffer[at++] = (rest & 0x7f) | 0x80;
    buffer[at++] = rest;
    this.#length = at;
  }

  /** The bytes alone; the reader knows how many. */
  fixed(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Hex digits as the bytes they stand for; the reader knows how many. @param digits an even number of 0-9 a-f */
  hex(digits: string): void {
    assert(digits.length % 2 === 0, 'not hex digits: half a byte');
    this.#reserve(digits.length / 2);
    for (let i = 0; i < digits.length; i += 2) {
      const byte = (HEX_VALUES[digits.charCodeAt(i)] ?? NO_DIGIT) * 16 + (HEX_VALUES[digits.charCodeAt(i + 1)] ?? NO_DIGIT);
      assert(byte <= 0xff, 'not hex digits');
      this.#buffer[this.#length++] = byte;
    }
  }

  /** A varint with the count, then the bytes. */
  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.fixed(bytes);
  }

  /**
   * A varint with the count of bytes, then UTF-8.
   * @throws TriptychError REQUEST_INVALID on half a surrogate pair: UTF-8 has no spelling for it
   */
  string(text: string): void {
    const { length } = text; // looked up once: a string's shape is any of many
    if (length < 0x80 && this.#shortAscii(text, length)) return;
    const byteCount = Buffer.byteLength(text);
    this.varint(byteCount);
    this.#reserve(byteCount);
    const start = this.#length;
    this.#length += this.#buffer.write(text, start, 'utf8');
    if (byteCount !== length && this.#buffer.toString('utf8', start, this.#length) !== text) {
      throw new TriptychError('REQUEST_INVALID', 'text is not well-formed Unicode');
    }
  }

  /**
   * ASCII as it is, ended by a byte 0: the bytes of several, one after another, sort as the tuples of strings do.
   * @throws TriptychError REQUEST_INVALID on anything but the characters 1 to 127
   */
  ordered(text: string): void {
    this.#reserve(text.length + 1);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 0 || code > 0x7f) throw new TriptychError('REQUEST_INVALID', 'a key holds ASCII without the character 0');
      this.#buffer[this.#length + i] = code;
    }
    this.#length += text.length;
    this.#buffer[this.#length++] = 0;
  }

  /** What was written, without a copy: the writer is not to be used after this, unless `clear` is called when they are done with. */
  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Starts over in the same memory. */
  clear(): void {
    this.#length = 0;
  }

  /** Most strings are short ids, and a loop over them costs less than a call out of JavaScript. False on anything else. */
  #shortAscii(text: string, length: number): boolean {
    this.#reserve(1 + length);
    const buffer = this.#buffer;
    const start = this.#length + 1;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      buffer[start + i] = code;
    }
    buffer[start - 1] = length;
    this.#length = start + length;
    return true;
  }

  #reserve(byteCount: number): void {
    const needed = this.#length + byteCount;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
