/**
 * A disk that can be made full, for drills: while it is, whatever would take more room fails with ENOSPC, as the system says
 * it, and nothing of it is written. Reads, syncs and removals go on. A small file system of its own does the same to a
 * whole directory, but takes root to mount; the store meets the same error at the same calls here.
 */
import type { Disk, Settled } from '../ports/disk.js';

export class FullableDisk implements Disk {
  isFull = false;

  constructor(private readonly disk: Disk) {}

  list(): string[] {
    return this.disk.list();
  }

  sizeBytes(name: string): number {
    return this.disk.sizeBytes(name);
  }

  read(name: string, offset?: number, length?: number): Uint8Array {
    return this.disk.read(name, offset, length);
  }

  replace(name: string, bytes: Uint8Array): void {
    if (this.isFull) throw noSpace('open');
    this.disk.replace(name, bytes);
  }

  fingerprint(): string {
    return this.disk.fingerprint();
  }

  append(name: string, bytes: Uint8Array, settled: Settled): void {
    if (!this.isFull) return this.disk.append(name, bytes, settled);
    // In its place in the order of what was asked about this file, and never within this call: as an append of nothing.
    this.disk.append(name, new Uint8Array(0), (error) => settled(error ?? noSpace('write')));
  }

  sync(name: string, settled: Settled): void {
    this.disk.sync(name, settled);
  }

  remove(name: string, settled?: Settled): void {
    this.disk.remove(name, settled);
  }

  close(released?: () => void): void {
    this.disk.close(released);
  }
}

const noSpace = (syscall: string): Error =>
  Object.assign(new Error(`ENOSPC: no space left on device, ${syscall} (an injected fault)`), { code: 'ENOSPC', syscall });
