/**
 * Frames on their way out: written one after another into a block, sent together once per tick. 64 answers cost one
 * write to the socket instead of 64. A block is never written to again where it has been sent, so nothing is copied
 * twice; when it is full another takes its place.
 *
 * A frame still waiting here may change its kind: an answer of one value is written as NEXT when the value comes and
 * turned into RESULT when the end follows in the same tick, which saves a frame and needs no value to be held back.
 */
import { FRAME_HEADER_BYTES, FRAME_KIND_AT, sealFrames, writeFrameHeader } from './frame.js';

const BLOCK_BYTES = 64 * 1024;

export class Outbox {
  /** Where frames are written: `begin` says at which index, `commit` makes it so. */
  block: Buffer;
  /** Bytes of the block already taken, and already written. */
  #taken = 0;
  #written = 0;
  /** Offset in the whole stream of the block's first byte. */
  #blockOffset = 0;
  /** Ends of earlier blocks, not yet taken. */
  #full: Buffer[] = [];
  #takenOffset = 0;

  constructor(private readonly blockBytes = BLOCK_BYTES) {
    this.block = Buffer.allocUnsafeSlow(blockBytes);
  }

  /** Bytes written so far, over all time: the offset of the next frame. */
  get offset(): number {
    return this.#blockOffset + this.#written;
  }

  /** Frames before this offset have been handed over. */
  get takenOffset(): number {
    return this.#takenOffset;
  }

  /** Makes room for a body of at most `bodyBytes` and says at which index of `block` it begins. */
  begin(bodyBytes: number): number {
    const needed = FRAME_HEADER_BYTES + bodyBytes;
    if (this.block.length - this.#written < needed) {
      if (this.#written > this.#taken) this.#full.push(this.#sealed());
      this.#blockOffset += this.#written;
      this.block = Buffer.allocUnsafeSlow(Math.max(this.blockBytes, needed));
      this.#taken = this.#written = 0;
    }
    return this.#written + FRAME_HEADER_BYTES;
  }

  /** The frame begun last is whole; its body ends before index `end`. Answers the frame's offset in the stream. */
  commit(kind: number, id: number, end: number): number {
    const at = this.#written;
    writeFrameHeader(this.block, at, end - at, kind, id);
    this.#written = end;
    return this.#blockOffset + at;
  }

  /** Turns the frame at `offset` into another kind. False when it is no longer here. */
  changeKind(offset: number, kind: number): boolean {
    const at = offset - this.#blockOffset;
    if (at < this.#taken) return false;
    this.block[at + FRAME_KIND_AT] = kind;
    return true;
  }

  /** Adds frames that were written elsewhere. */
  append(frames: Uint8Array): void {
    const at = this.begin(frames.length) - FRAME_HEADER_BYTES;
    this.block.set(frames, at);
    this.#written = at + frames.length;
  }

  /** Hands over all that was written since the last time. */
  take(send: (bytes: Uint8Array) => void): void {
    this.#takenOffset = this.offset;
    if (this.#full.length > 0) {
      for (const bytes of this.#full) send(bytes);
      this.#full = [];
    }
    if (this.#written === this.#taken) return;
    const bytes = this.#sealed();
    this.#taken = this.#written;
    send(bytes);
  }

  /** The frames not yet taken, with their checksums: from here on they stay as they are. */
  #sealed(): Buffer {
    sealFrames(this.block, this.#taken, this.#written);
    return this.block.subarray(this.#taken, this.#written);
  }
}
