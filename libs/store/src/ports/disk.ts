/**
 * The disk, as the commit log sees it: a flat directory of append-only files. What is promised, and what is not:
 * bytes appended are readable at once by `read`, survive the end of the process, and survive a power loss only when a
 * `sync` that was asked for after the append has succeeded. Anything not synced may be lost, whole or in part, from the
 * end or torn in the middle. A failed `sync` proves nothing about any byte since the last good one, for ever: the caller
 * must stop trusting the file (fsyncgate), never ask again and believe the second answer.
 *
 * Calls made while a node serves (`append`, `sync`, `remove`) take a callback, called exactly once and never within the
 * call, so a stalled disk stalls them and not the process; those about one file are carried out in the order asked for. The
 * rest are synchronous and throw the system's error: for start and stop, and for reading back what was just written.
 */
export interface Disk {
  /** Names of all files, in no order. */
  list(): string[];
  sizeBytes(name: string): number;
  /** The whole file, or `length` bytes of it from `offset` (less at its end), as the caller's own bytes. */
  read(name: string, offset?: number, length?: number): Uint8Array;
  /** Writes a whole small file, durable and all-or-nothing (temporary file, sync, rename, directory sync). */
  replace(name: string, bytes: Uint8Array): void;
  /** The same for as long as this is the same directory on the same device; a copy or another disk has another one. */
  fingerprint(): string;

  /**
   * Appends all of `bytes`; makes the file when it is not there. The caller leaves `bytes`
   * alone until `settled`.
   */
  append(name: string, bytes: Uint8Array, settled: Settled): void;
  /** Makes all that was appended to the file before this call durable, its name in the directory included. */
  sync(name: string, settled: Settled): void;
  /** Removes a file; nothing where it is not there. It may be back after a power loss. */
  remove(name: string, settled?: Settled): void;
  /** Lets go of the directory: what is under way is not settled any more, and `released` runs once it has ended. Idempotent. */
  close(released?: () => void): void;
}

export type Settled = (error?: Error) => void;
