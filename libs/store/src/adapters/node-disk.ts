/**
 * The Disk port on a real directory. What is asked about a file runs in order, on libuv's threads and never on the event
 * loop, so a disk that stalls stalls the log and leaves the node able to say so; different files do not wait for each
 * other, so the log's sync is not behind that of a checkpoint.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import type { Disk, Settled } from '../ports/disk.js';
import { DirectoryLock, LOCK_FILE } from './directory-lock.js';

/** Files kept open while nothing is asked of them; the rest are closed, the one used longest ago first. */
const IDLE_FILES = 4;

type Done = (error: Error | null) => void;
type Operation = (file: OpenFile, done: Done) => void;

interface OpenFile {
  readonly name: string;
  /** Null until the first operation that needs it. */
  descriptor: number | null;
  isNameDurable: boolean;
  readonly queue: { readonly operation: Operation; readonly settled: Settled }[];
}

export class NodeDisk implements Disk {
  readonly #lock: DirectoryLock;
  /** The one used longest ago first. */
  readonly #files = new Map<string, OpenFile>();
  #busyFiles = 0;
  #isClosed = false;
  readonly #onReleased: (() => void)[] = [];

  /**
   * Makes the directory where it is not there, and locks it.
   * @throws TriptychError STORE_FAILED when another process has it open; the system's error when it cannot be used
   */
  constructor(readonly directory: string) {
    const made = fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#lock = new DirectoryLock(directory);
    // The names of new directories are as easily lost as those of files.
    if (made !== undefined) for (let path = directory; path.length >= made.length; path = join(path, '..')) syncPath(join(path, '..'));
  }

  list(): string[] {
    return fs.readdirSync(this.directory);
  }

  sizeBytes(name: string): number {
    return fs.statSync(this.#path(name)).size;
  }

  read(name: string, offset = 0, length = this.sizeBytes(name) - offset): Uint8Array {
    const descriptor = fs.openSync(this.#path(name), 'r');
    try {
      const bytes = Buffer.allocUnsafeSlow(length);
      let end = 0;
      for (let count = -1; end < length && count !== 0; end += count) count = fs.readSync(descriptor, bytes, end, length - end, offset + end);
      return bytes.subarray(0, end);
    } finally {
      fs.closeSync(descriptor);
    }
  }

  replace(name: string, bytes: Uint8Array): void {
    const temporary = this.#path(`${name}.tmp`);
    const descriptor = fs.openSync(temporary, 'w', 0o600);
    try {
      fs.writeFileSync(descriptor, bytes);
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    fs.renameSync(temporary, this.#path(name));
    syncPath(this.directory);
  }

  /**
   * Inode and birth of the lock file, which nothing ever writes to. Not the device: its number may change when the machine
   * starts again, and a cluster whose nodes all took their own disks for strangers' would have no replica left to believe.
   */
  fingerprint(): string {
    const { ino, birthtimeMs } = fs.statSync(this.#path(LOCK_FILE));
    return `${ino}-${Math.floor(birthtimeMs)}`;
  }

  append(name: string, bytes: Uint8Array, settled: Settled): void {
    this.#ask(name, settled, (file, done) => this.#opened(file, done, (descriptor) => writeAll(descriptor, bytes, 0, done)));
  }

  sync(name: string, settled: Settled): void {
    this.#ask(name, settled, (file, done) => {
      this.#opened(file, done, (descriptor) => {
        fs.fdatasync(descriptor, (error) => {
          if (error !== null || file.isNameDurable) done(error);
          else this.#syncDirectory(file, done);
        });
      });
    });
  }

  remove(name: string, settled: Settled = () => {}): void {
    this.#ask(name, settled, (file, done) => {
      closeFile(file);
      fs.rm(this.#path(name), { force: true }, done);
    });
  }

  close(released: () => void = () => {}): void {
    this.#isClosed = true;
    this.#onReleased.push(released);
    if (this.#busyFiles === 0) this.#release();
  }

  #ask(name: string, settled: Settled, operation: Operation): void {
    if (this.#isClosed) return;
    const file = this.#files.get(name) ?? { name, descriptor: null, isNameDurable: false, queue: [] };
    this.#files.delete(name);
    this.#files.set(name, file);
    file.queue.push({ operation, settled });
    if (file.queue.length > 1) return;
    this.#busyFiles++;
    this.#next(file);
  }

  #next(file: OpenFile): void {
    const { operation, settled } = file.queue[0]!;
    operation(file, (error) => {
      file.queue.shift();
      if (file.queue.length > 0 && !this.#isClosed) this.#next(file);
      else this.#busyFiles--;
      if (!this.#isClosed) settled(error ?? undefined);
      else if (this.#busyFiles === 0) this.#release();
      this.#closeIdle();
    });
  }

  #opened(file: OpenFile, done: Done, use: (descriptor: number) => void): void {
    if (file.descriptor !== null) {
      use(file.descriptor);
      return;
    }
    fs.open(this.#path(file.name), 'a', 0o600, (error, descriptor) => {
      if (error !== null) {
        done(error);
        return;
      }
      file.descriptor = descriptor;
      use(descriptor);
    });
  }

  #syncDirectory(file: OpenFile, done: Done): void {
    fs.open(this.directory, (openError, descriptor) => {
      if (openError !== null) {
        done(openError);
        return;
      }
      fs.fsync(descriptor, (error) => {
        file.isNameDurable = error === null;
        fs.close(descriptor, () => done(error));
      });
    });
  }

  #closeIdle(): void {
    for (const file of this.#files.values()) {
      if (this.#files.size <= IDLE_FILES) return;
      if (file.queue.length > 0) continue;
      closeFile(file);
      this.#files.delete(file.name);
    }
  }

  #path(name: string): string {
    return join(this.directory, name);
  }

  #release(): void {
    for (const file of this.#files.values()) closeFile(file);
    this.#files.clear();
    this.#lock.release();
    for (const released of this.#onReleased.splice(0)) released();
  }
}

function closeFile(file: OpenFile): void {
  if (file.descriptor !== null) fs.close(file.descriptor, () => {});
  file.descriptor = null;
  file.isNameDurable = false;
}

function writeAll(descriptor: number, bytes: Uint8Array, offset: number, done: Done): void {
  fs.write(descriptor, bytes, offset, bytes.length - offset, null, (error, written) => {
    if (error !== null) done(error);
    else if (offset + written < bytes.length) writeAll(descriptor, bytes, offset + written, done);
    else done(null);
  });
}

function syncPath(path: string): void {
  const descriptor = fs.openSync(path, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}
