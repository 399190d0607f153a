/**
 * A frame: length (4 bytes, big-endian, of all that follows), CRC-32 of what follows it (4), kind (1), call id (4), body. TCP's own
 * checksum lets through about one damaged segment in some ten thousand, and what a replica takes in damaged it would keep, under
 * a checksum of its own, for good; so a frame that is not as it was sent closes the connection. Every call on a connection has an id chosen by the caller, so that calls interleave and none waits for another (HTTP/2's streams, with none of its
 * header tables). Frames that belong to no call carry id 0, or a sequence number (PING, PONG).
 *
 *   HELLO WELCOME REFUSE   the handshake: handshake.ts
 *   REQUEST                a call: request-head.ts, then a payload
 *   NEXT COMPLETE          a value of the answer; its end
 *   RESULT                 NEXT and COMPLETE in one: what nearly every call is answered with
 *   ERROR                  the other end: wire-error.ts
 *   CANCEL                 the caller has left: the callee tears down
 *   CREDIT                 so many more values may be sent (4 bytes)
 *   PING PONG              somebody is there
 *   GOAWAY                 no new calls on this connection, those in flight end; with an error: the connection is closed because of it
 *
 * The decoder takes bytes cut anywhere, and copies only the frames that a cut went through. JSON lines were refused (Nest's
 * own transport): lengths in characters, base64 for bytes, and no room for CANCEL.
 */
import { crc32 } from 'node:zlib';
import { TriptychError } from '@app/contracts';

/**
 * The version of all bytes described in this library, golden copies of each being in test/golden/wire, and of the messages whose bytes
 * are those of the store (client-messages.ts, peer-messages.ts). 3: these came.
 */
export const WIRE_VERSION = 3;

export const FrameKind = {
  hello: 1,
  welcome: 2,
  refuse: 3,
  request: 4,
  next: 5,
  complete: 6,
  result: 7,
  error: 8,
  cancel: 9,
  credit: 10,
  ping: 11,
  pong: 12,
  goaway: 13,
} as const;

const CHECKSUM_AT = 4;
/** Where that begins which the checksum is of: kind, id, body. */
const CHECKED_FROM = 8;
export const FRAME_KIND_AT = 8;
/** Length, checksum, kind and id. */
export const FRAME_HEADER_BYTES = 13;
/** The largest frame, header included, unless configured otherwise. */
export const DEFAULT_MAX_FRAME_BYTES = 4 * 1024 * 1024;
/** The largest frame before the handshake is done: a stranger may not make us allocate. */
export const HANDSHAKE_MAX_FRAME_BYTES = 4096;

/** Writes a frame's header at `at`, but for the checksum; `frameBytes` is its whole size, header included. */
export function writeFrameHeader(into: Buffer, at: number, frameBytes: number, kind: number, id: number): void {
  writeUint32(into, at, frameBytes - 4);
  into[at + FRAME_KIND_AT] = kind;
  writeUint32(into, at + FRAME_KIND_AT + 1, id);
}

/** Writes the checksums of the frames that lie whole between `start` and `end`. */
export function sealFrames(bytes: Buffer, start: number, end: number): void {
  for (let at = start; at < end; ) {
    const frameEnd = at + 4 + readUint32(bytes, at);
    writeUint32(bytes, at + CHECKSUM_AT, crc32(bytes.subarray(at + CHECKED_FROM, frameEnd)));
    at = frameEnd;
  }
}

export function writeUint32(into: Buffer, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

export function readUint32(from: Buffer, at: number): number {
  return from[at]! * 0x1000000 + ((from[at + 1]! << 16) | (from[at + 2]! << 8) | from[at + 3]!);
}

/** One whole frame; its body is bytes[start, end), a view of what was received. */
export type FrameVisitor = (kind: number, id: number, bytes: Buffer, start: number, end: number) => void;

/** Cuts a stream of bytes into frames. */
export class FrameDecoder {
  /** The bytes of a frame that has not arrived whole: first its length, then room for all of it. */
  #partial: Buffer | null = null;
  #partialBytes = 0;
  #stopped = false;

  /** @param maxFrameBytes the largest frame taken, header included; may be raised once the peer is known */
  constructor(
    public maxFrameBytes: number,
    private readonly visit: FrameVisitor,
  ) {}

  /**
   * Visits each frame that is whole with these bytes. The visitor may call `stop`.
   * @throws TriptychError WIRE_PROTOCOL on a length that no frame has, or a frame that is damaged; nothing can be decoded after it
   */
  push(bytes: Uint8Array): void {
    const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = this.#partial === null ? 0 : this.#completePartial(chunk);
    while (!this.#stopped && chunk.length - at >= 4) {
      const frameBytes = this.#frameBytes(chunk, at);
      if (chunk.length - at < frameBytes) break;
      this.#emit(chunk, at, frameBytes);
      at += frameBytes;
    }
    if (!this.#stopped && at < chunk.length) this.#keep(chunk, at);
  }

  /** Drops what is half received and visits no more frames. */
  stop(): void {
    this.#stopped = true;
    this.#partial = null;
  }

  #emit(bytes: Buffer, at: number, frameBytes: number): void {
    if (crc32(bytes.subarray(at + CHECKED_FROM, at + frameBytes)) !== readUint32(bytes, at + CHECKSUM_AT)) {
      this.stop();
      throw new TriptychError('WIRE_PROTOCOL', 'A frame was damaged on its way.', { frameBytes });
    }
    this.visit(bytes[at + FRAME_KIND_AT]!, readUint32(bytes, at + FRAME_KIND_AT + 1), bytes, at + FRAME_HEADER_BYTES, at + frameBytes);
  }

  #frameBytes(bytes: Buffer, at: number): number {
    const frameBytes = readUint32(bytes, at) + 4;
    if (frameBytes < FRAME_HEADER_BYTES || frameBytes > this.maxFrameBytes) {
      this.stop();
      throw new TriptychError('WIRE_PROTOCOL', 'The peer sent a length that no frame may have.', {
        frameBytes,
        maxFrameBytes: this.maxFrameBytes,
      });
    }
    return frameBytes;
  }

  #keep(chunk: Buffer, at: number): void {
    const left = chunk.length - at;
    this.#partial = Buffer.allocUnsafe(left < 4 ? 4 : this.#frameBytes(chunk, at));
    this.#partialBytes = chunk.copy(this.#partial, 0, at);
  }

  /** Takes what the partial frame lacks; the answer is where the next frame begins. */
  #completePartial(chunk: Buffer): number {
    let at = 0;
    let partial = this.#partial!;
    if (this.#partialBytes < 4) {
      at = chunk.copy(partial, this.#partialBytes, 0, 4 - this.#partialBytes);
      this.#partialBytes += at;
      if (this.#partialBytes < 4) return at;
      const whole = Buffer.allocUnsafe(this.#frameBytes(partial, 0));
      partial.copy(whole, 0, 0, 4);
      this.#partial = partial = whole;
    }
    const copied = chunk.copy(partial, this.#partialBytes, at, at + partial.length - this.#partialBytes);
    this.#partialBytes += copied;
    if (this.#partialBytes === partial.length) {
      this.#partial = null;
      this.#emit(partial, 0, partial.length);
    }
    return at + copied;
  }
}
