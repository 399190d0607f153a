/**
 * Reads what ByteWriter wrote, from bytes that may be anything: a disk rots, a peer may be of another version. It never
 * looks past the end, and takes only the one spelling that the writer uses (no varint longer than it need be, no broken
 * UTF-8, nothing left over), so what reads well writes back to the same bytes.
 *
 * Every method throws TriptychError STORE_RECORD_CORRUPT, with the offset, on bytes that the writer cannot have written.
 */
import { isUtf8 } from 'node:buffer';
import { TriptychError } from '@app/contracts';

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
    let value = this.u8();
    if (value < 0x80) return value;
    value &= 0x7f;
    for (let unit = 0x80; unit <= 2 ** 49; unit *= 0x80) {
      const byte = this.u8();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        if (byte === 0) throw this.#corrupt('a varint is longer than it need be');
        if (value > Number.MAX_SAFE_INTEGER) throw this.#corrupt('a varint is beyond 2^53 - 1');
        return value;
      }
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
    if (!isUtf8(this.#buffer.subarray(start, start + byteCount))) throw this.#corrupt('text is not UTF-8');
    return this.#buffer.toString('utf8', start, start + byteCount);
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
