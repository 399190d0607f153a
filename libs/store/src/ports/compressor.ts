/**
 * Makes bytes fewer, and back. Both are computed within the call and depend on the bytes alone, so a simulation may use the one of
 * production. What is compressed is at most some MiB: a piece that a turn of the event loop has time for.
 */
export interface Compressor {
  /** Bytes of the caller's own. */
  compress(bytes: Uint8Array): Uint8Array;
  /**
   * The bytes that `compress` was given; null where there are not exactly `byteCount` of them, or where these are not bytes that
   * `compress` made. Never takes memory for more than was asked for, whatever the bytes claim, and never throws.
   */
  expand(bytes: Uint8Array, byteCount: number): Uint8Array | null;
}
