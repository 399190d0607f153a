/**
 * Reads what ByteWriter wrote, from bytes that may be anything: a disk rots, a peer may be of another version. It never
 * looks past the end, and takes only the one spelling that the writer uses (no varint longer than it need be, no broken
 * UTF-8, nothing left over), so what reads well writes back to the same bytes.
 *
 * Every method throws TriptychError STORE_RECORD_CORRUPT, with the offset, on bytes that the writer cannot have written.
 */
import { isUtf8 } from 'node:buffer';
import { TriptychError } from '@app/contracts';

/** A power of two. */
const NAMES_KEPT = 64;
/** The name met last, by its length, its first and its last character. */
const names: (string | undefined)[] = new Array<string | undefined>(NAMES_KEPT).fill(undefined);

export class ByteReader {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  u8(): number {
    return this.#buffer[this.#take(1)]!;
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  u64(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8));
  }

  varint(): number {
    let low = 0;
    let high = 0;
    // Beyond 31 bits the shift operators cut numbers off: four bytes of 7 bits each, then the other four.
    for (let shift = 0; shift < 56; shift += 7) {
      const byte = this.u8();
      if (shift < 28) low |= (byte & 0x7f) << shift;
      else high |= (byte & 0x7f) << (shift - 28);
      if (byte >= 0x80) continue;
      if (byte === 0 && shift > 0) throw this.#corrupt('a varint is longer than it need be');
      const value = high * 2 ** 28 + low;
      if (value > Number.MAX_SAFE_INTEGER) throw this.#corrupt('a varint is beyond 2^53 - 1');
      return value;
    }
    throw this.#corrupt('a varint has no end');
  }

  /** A view of the next bytes, valid as long as what it was read from. */
  fixed(byteCount: number): Uint8Array {
    const start = this.#take(byteCount);
    return this.#buffer.subarray(start, start + byteCount);
  }

  /** Twice as many hex digits, in lower case. */
  hex(byteCount: number): string {
    const start = this.#take(byteCount);
    return this.#buffer.toString('hex', start, start + byteCount);
  }

  /** A view of as many bytes as a count before them says. */
  bytes(): Uint8Array {
    return this.fixed(this.varint());
  }

  string(): string {
    const byteCount = this.varint();
    const start = this.#take(byteCount);
    if (byteCount < 0x80 && this.#isAscii(start, byteCount)) return this.#buffer.toString('latin1', start, start + byteCount);
    if (!isUtf8(this.#buffer.subarray(start, start + byteCount))) throw this.#corrupt('text is not UTF-8');
    return this.#buffer.toString('utf8', start, start + byteCount);
  }

  /** A string as `string` reads it, one of few that are met over and over: a table, a level, a node. It is not made each time. */
  name(): string {
    const byteCount = this.#buffer[this.#offset] ?? 0;
    if (byteCount === 0 || byteCount >= 0x80 || byteCount >= this.remaining) return this.string();
    const start = this.#offset + 1;
    const slot = (byteCount * 31 + this.#buffer[start]! * 7 + this.#buffer[start + byteCount - 1]!) & (NAMES_KEPT - 1);
    const known = names[slot];
    if (known !== undefined && known.length === byteCount && this.#isText(known, start)) {
      this.#offset = start + byteCount;
      return known;
    }
    const name = this.string();
    if (name.length === byteCount) names[slot] = name;
    return name;
  }

  ordered(): string {
    const end = this.#buffer.indexOf(0, this.#offset);
    if (end < 0) throw this.#corrupt('a key has no end');
    const start = this.#take(end + 1 - this.#offset);
    for (let i = start; i < end; i++) if (this.#buffer[i]! > 0x7f) throw this.#corrupt('a key is not ASCII');
    return this.#buffer.toString('latin1', start, end);
  }

  /** Nothing may be left. */
  end(): void {
    if (this.remaining > 0) throw this.#corrupt(`${this.remaining} bytes too many`);
  }

  #isText(text: string, start: number): boolean {
    const buffer = this.#buffer;
    for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== buffer[start + i]) return false;
    return true;
  }

  /** Most strings are short ids, and a loop over them costs less than a view and a call out of JavaScript. */
  #isAscii(start: number, byteCount: number): boolean {
    const buffer = this.#buffer;
    for (let at = start; at < start + byteCount; at++) if (buffer[at]! > 0x7f) return false;
    return true;
  }

  #take(byteCount: number): number {
    if (byteCount > this.remaining) throw this.#corrupt(`${byteCount} bytes expected, ${this.remaining} left`);
    const start = this.#offset;
    this.#offset += byteCount;
    return start;
  }

  #corrupt(what: string): TriptychError {
    return new TriptychError('STORE_RECORD_CORRUPT', `${what}, at byte ${this.#offset}`, { offset: this.#offset });
  }
}
