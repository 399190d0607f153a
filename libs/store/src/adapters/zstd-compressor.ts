/**
 * The compressor of checkpoints: Zstandard at its first level. On records of favorites deflate at its first level takes twice the
 * time for more bytes, and the levels above take more time for a few bytes in a hundred (measured, decision 0080).
 * Source: Collet and Kucherawy, Zstandard Compression and the application/zstd Media Type, RFC 8878.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Compressor } from '../ports/compressor.js';

const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** The first level looks back 512 KiB; a frame that claims more is not ours, and gets no memory. */
const WINDOW_LOG_MAX = 19;

export const zstdCompressor: Compressor = {
  compress: (bytes) => zstdCompressSync(bytes, COMPRESSION),
  expand: (bytes, byteCount) => {
    try {
      const expanded = zstdDecompressSync(bytes, { maxOutputLength: byteCount, params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX } });
      return expanded.length === byteCount ? expanded : null;
    } catch {
      return null; // of every error there is one meaning: these are other bytes
    }
  },
};
