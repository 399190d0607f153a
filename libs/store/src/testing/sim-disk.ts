/**
 * A disk in virtual time that keeps exactly the promises of the Disk port and breaks all others. It belongs to a machine:
 * processes come and go on it, each with a mount of its own that dies with it.
 *
 * After `powerLoss` what was not synced is gone, kept, cut at any byte, or has sectors missing in the middle, and files
 * whose name was never synced may be missing altogether: chosen by the seed. `crash` ends the process alone and
 * keeps the page cache. After a failed sync the bytes it was about are never durable, however many later syncs succeed,
 * as on Linux. Same seed, same calls, same bytes.
 */
import { assert } from '@app/contracts';
import type { Cancel, Clock, SeededRandom } from '@app/time';
import type { Disk, Settled } from '../ports/disk.js';

const SECTOR_BYTES = 512;

export interface SimDiskTimings {
  /** An append, ms, apart from its bytes. */
  readonly appendMs: number;
  readonly bytesPerMs: number;
  /** A sync takes between one and two times this. */
  readonly syncMs: number;
}

const DEFAULT_TIMINGS: SimDiskTimings = { appendMs: 0.02, bytesPerMs: 500_000, syncMs: 0.3 };

interface SimFile {
  /** The content as processes see it; only the first `length` bytes are the file's. */
  bytes: Uint8Array;
  length: number;
  /** Bytes known to be on the medium. */
  durableLength: number;
  /** The name is on the medium. */
  isNameDurable: boolean;
  /** Ranges that a failed sync was about: on the medium or not, and no later sync changes that. */
  doubtful: [start: number, end: number][];
}

export type SimDiskSnapshot = { readonly files: ReadonlyMap<string, SimFile>; readonly fingerprint: string };

interface Operation {
  readonly durationMs: number;
  run(): Error | undefined;
  /** What is left of it when the machine or the process stops in the middle. */
  interrupt?(): void;
  readonly settled: Settled;
}

export class SimDisk {
  #files = new Map<string, SimFile>();
  /** Removed, but the directory not synced since. */
  #removed = new Map<string, SimFile>();
  #fingerprint: string;
  #mount: SimMount | null = null;
  readonly #timings: SimDiskTimings;
  #syncError: Error | null = null;
  #isLying = false;
  #slowness = 1;
  #capacityBytes = Infinity;

  constructor(
    readonly clock: Clock,
    readonly random: SeededRandom,
    timings: Partial<SimDiskTimings> = {},
  ) {
    this.#timings = { ...DEFAULT_TIMINGS, ...timings };
    this.#fingerprint = this.#newFingerprint();
  }

  /** The disk as one process sees it, until it closes it, crashes, or the power goes. */
  mount(): Disk {
    assert(this.#mount === null, 'another process holds this directory');
    this.#mount = new SimMount(this);
    return this.#mount;
  }

  // ---- faults

  /** The process ends: its calls under way are cut off, what it has appended stays readable. */
  crash(): void {
    this.#mount?.stop();
    this.#mount = null;
  }

  /** The machine stops: what was not synced is at the mercy of the seed. */
  powerLoss(): void {
    this.crash();
    for (const [name, file] of this.#removed) {
      if (!this.#files.has(name) && this.random.fraction() < 0.5) this.#files.set(name, file);
    }
    this.#removed.clear();
    for (const [name, file] of this.#files) {
      if (!file.isNameDurable && this.random.fraction() < 0.5) this.#files.delete(name);
      else this.#loseUnsynced(file);
    }
  }

  /** Flips one bit of a file, as rot does; nobody is told. */
  flipBit(name: string, offset: number, bit = 0): void {
    const file = this.file(name);
    assert(offset < file.length, `${name} has no byte ${offset}`);
    file.bytes[offset]! ^= 1 << bit;
  }

  /** A file is gone, for good. */
  erase(name: string): void {
    this.#files.delete(name);
  }

  /** Every sync fails with this from now on; null mends it, though not what was to be synced meanwhile. */
  failSyncs(error: Error | null): void {
    this.#syncError = error;
  }

  /** Syncs succeed from now on and do nothing, as on a drive that lies about its cache. */
  lieAboutSyncs(): void {
    this.#isLying = true;
  }

  /** Appends beyond this many bytes in all files fail with ENOSPC. */
  limitTo(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes;
  }

  /** No room is left for a byte more, until `limitTo`. */
  fill(): void {
    this.#capacityBytes = this.#usedBytes();
  }

  /** Every operation takes `factor` times as long. */
  slow(factor: number): void {
    this.#slowness = factor;
  }

  /** No operation ends until `resume`. */
  stall(): void {
    this.#mount?.stall();
  }

  resume(): void {
    this.#mount?.resume();
  }

  /** The disk as it is now, unsynced bytes included: to be swapped in later as an old disk. */
  snapshot(): SimDiskSnapshot {
    const files = new Map([...this.#files].map(([name, file]) => [name, cloneFile(file)]));
    return { files, fingerprint: this.#fingerprint };
  }

  /** Puts a snapshot in place of the content. As a copy it has another fingerprint; rolled back underneath, the same. */
  restore(snapshot: SimDiskSnapshot, as: 'copy' | 'rollback' = 'rollback'): void {
    assert(this.#mount === null, 'a process holds this directory');
    this.#files = new Map([...snapshot.files].map(([name, file]) => [name, cloneFile(file)]));
    this.#removed.clear();
    this.#fingerprint = as === 'copy' ? this.#newFingerprint() : snapshot.fingerprint;
  }

  /** Another, empty disk. */
  wipe(): void {
    this.restore({ files: new Map(), fingerprint: '' }, 'copy');
  }

  // ---- what mounts call

  get fingerprint(): string {
    return this.#fingerprint;
  }

  names(): string[] {
    return [...this.#files.keys()];
  }

  file(name: string): SimFile {
    const file = this.#files.get(name);
    if (file === undefined) throw systemError('ENOENT', `no such file: ${name}`);
    return file;
  }

  unmounted(mount: Disk): void {
    if (this.#mount === mount) this.#mount = null;
  }

  replace(name: string, bytes: Uint8Array): void {
    const held = this.#files.get(name)?.length ?? 0;
    if (this.#usedBytes() - held + bytes.length > this.#capacityBytes) throw systemError('ENOSPC', 'no space left on device');
    if (this.#syncError !== null) throw this.#syncError;
    this.#files.set(name, { bytes: new Uint8Array(bytes), length: bytes.length, durableLength: bytes.length, isNameDurable: true, doubtful: [] });
    this.#removed.clear();
  }

  appendOperation(name: string, bytes: Uint8Array, settled: Settled): Operation {
    const write = (byteCount: number) => {
      const room = Math.max(0, this.#capacityBytes - this.#usedBytes());
      appendTo(this.#fileToAppend(name), bytes.subarray(0, Math.min(byteCount, room)));
      return room < byteCount ? systemError('ENOSPC', 'no space left on device') : undefined;
    };
    return {
      durationMs: (this.#timings.appendMs + bytes.length / this.#timings.bytesPerMs) * this.#slowness,
      run: () => write(bytes.length),
      interrupt: () => void write(this.random.below(bytes.length + 1)),
      settled,
    };
  }

  syncOperation(name: string, settled: Settled): Operation {
    const run = () => {
      const file = this.#files.get(name);
      if (file === undefined) return systemError('ENOENT', `no such file: ${name}`);
      if (this.#syncError !== null) {
        if (file.durableLength < file.length) file.doubtful.push([file.durableLength, file.length]);
        file.durableLength = file.length;
        return this.#syncError;
      }
      if (this.#isLying) return undefined;
      file.durableLength = file.length;
      if (!file.isNameDurable) {
        file.isNameDurable = true;
        this.#removed.clear();
      }
      return undefined;
    };
    return {
      durationMs: this.#timings.syncMs * (1 + this.random.fraction()) * this.#slowness,
      run,
      interrupt: () => {
        if (this.random.fraction() < 0.5) run();
      },
      settled,
    };
  }

  removeOperation(name: string, settled: Settled): Operation {
    return {
      durationMs: this.#timings.appendMs * this.#slowness,
      run: () => {
        const file = this.#files.get(name);
        if (file === undefined) return undefined;
        this.#files.delete(name);
        if (file.isNameDurable) this.#removed.set(name, file);
        return undefined;
      },
      settled,
    };
  }

  // ---- inside

  #fileToAppend(name: string): SimFile {
    let file = this.#files.get(name);
    if (file === undefined) {
      file = { bytes: new Uint8Array(256), length: 0, durableLength: 0, isNameDurable: false, doubtful: [] };
      this.#files.set(name, file);
    }
    return file;
  }

  #loseUnsynced(file: SimFile): void {
    for (const [start, end] of file.doubtful) this.#loseSectors(file, start, end);
    file.doubtful = [];
    const { durableLength, length } = file;
    if (durableLength < length) {
      const draw = this.random.fraction();
      if (draw < 0.25) file.length = durableLength;
      else if (draw < 0.5) file.length = durableLength + this.random.below(length - durableLength);
      else if (draw < 0.8) this.#loseSectors(file, durableLength, length);
    }
    file.bytes = file.bytes.slice(0, file.length);
    file.durableLength = file.length;
    file.isNameDurable = true;
  }

  /** Zeroes a run of sectors within a range: the size reached the medium, these bytes did not. */
  #loseSectors(file: SimFile, start: number, end: number): void {
    const firstSector = Math.floor(start / SECTOR_BYTES);
    const sectorCount = Math.ceil(end / SECTOR_BYTES) - firstSector;
    const from = firstSector + this.random.below(sectorCount);
    const to = from + 1 + this.random.below(firstSector + sectorCount - from);
    file.bytes.fill(0, Math.max(start, from * SECTOR_BYTES), Math.min(end, to * SECTOR_BYTES));
  }

  #usedBytes(): number {
    let sum = 0;
    for (const { length } of this.#files.values()) sum += length;
    return sum;
  }

  #newFingerprint(): string {
    return `sim-${this.random.uint32().toString(16)}`;
  }
}

/** One process's view: what is asked about a file happens in order, until the process is stopped. */
class SimMount implements Disk {
  readonly #queues = new Map<string, FileQueue>();
  #isStalled = false;
  #isStopped = false;

  constructor(private readonly disk: SimDisk) {}

  list(): string[] {
    return this.disk.names();
  }

  sizeBytes(name: string): number {
    return this.disk.file(name).length;
  }

  read(name: string, offset = 0, length = Infinity): Uint8Array {
    const file = this.disk.file(name);
    return file.bytes.slice(offset, Math.min(offset + length, file.length));
  }

  replace(name: string, bytes: Uint8Array): void {
    if (!this.#isStopped) this.disk.replace(name, bytes);
  }

  fingerprint(): string {
    return this.disk.fingerprint;
  }

  append(name: string, bytes: Uint8Array, settled: Settled): void {
    this.#ask(name, this.disk.appendOperation(name, bytes, settled));
  }

  sync(name: string, settled: Settled): void {
    this.#ask(name, this.disk.syncOperation(name, settled));
  }

  remove(name: string, settled: Settled = () => {}): void {
    this.#ask(name, this.disk.removeOperation(name, settled));
  }

  close(released?: () => void): void {
    this.stop();
    this.disk.unmounted(this);
    released?.();
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    for (const queue of this.#queues.values()) {
      queue.cancel?.();
      queue.operations[0]?.interrupt?.();
    }
    this.#queues.clear();
  }

  stall(): void {
    this.#isStalled = true;
    for (const queue of this.#queues.values()) {
      queue.cancel?.();
      queue.cancel = null;
    }
  }

  resume(): void {
    this.#isStalled = false;
    for (const queue of this.#queues.values()) if (queue.cancel === null) this.#start(queue);
  }

  #ask(name: string, operation: Operation): void {
    if (this.#isStopped) return;
    const queue = this.#queues.get(name) ?? { name, operations: [], cancel: null };
    this.#queues.set(name, queue);
    queue.operations.push(operation);
    if (queue.operations.length === 1) this.#start(queue);
  }

  #start(queue: FileQueue): void {
    if (this.#isStalled) return;
    queue.cancel = this.disk.clock.after(queue.operations[0]!.durationMs, () => {
      queue.cancel = null;
      const operation = queue.operations.shift()!;
      const error = operation.run();
      if (queue.operations.length > 0) this.#start(queue);
      else this.#queues.delete(queue.name);
      operation.settled(error);
    });
  }
}

interface FileQueue {
  readonly name: string;
  readonly operations: Operation[];
  cancel: Cancel | null;
}

function appendTo(file: SimFile, bytes: Uint8Array): void {
  const length = file.length + bytes.length;
  if (length > file.bytes.length) {
    const grown = new Uint8Array(Math.max(length, 2 * file.bytes.length));
    grown.set(file.bytes.subarray(0, file.length));
    file.bytes = grown;
  }
  file.bytes.set(bytes, file.length);
  file.length = length;
}

function cloneFile(file: SimFile): SimFile {
  return { ...file, bytes: new Uint8Array(file.bytes), doubtful: file.doubtful.map(([start, end]) => [start, end]) };
}

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
