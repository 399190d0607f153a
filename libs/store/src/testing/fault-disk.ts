/** A disk between an engine and a real one, which can be told to hold everything back, or to fail its syncs. */
import type { Disk, Settled } from '../ports/disk.js';

export class FaultDisk implements Disk {
  #held: (() => void)[] | null = null;
  #syncError: Error | null = null;

  constructor(private readonly inner: Disk) {}

  /** Nothing that is asked for from now on begins until `release`. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const begin of held) begin();
  }

  /** Every sync that begins from now on fails with this. */
  failSyncs(error: Error): void {
    this.#syncError = error;
  }

  list(): string[] {
    return this.inner.list();
  }

  sizeBytes(name: string): number {
    return this.inner.sizeBytes(name);
  }

  read(name: string, offset?: number, length?: number): Uint8Array {
    return this.inner.read(name, offset, length);
  }

  replace(name: string, bytes: Uint8Array): void {
    this.inner.replace(name, bytes);
  }

  fingerprint(): string {
    return this.inner.fingerprint();
  }

  append(name: string, bytes: Uint8Array, settled: Settled): void {
    this.#begin(() => this.inner.append(name, bytes, settled));
  }

  sync(name: string, settled: Settled): void {
    this.#begin(() => {
      const error = this.#syncError;
      this.inner.sync(name, error === null ? settled : () => settled(error));
    });
  }

  remove(name: string, settled?: Settled): void {
    this.#begin(() => this.inner.remove(name, settled));
  }

  close(released?: () => void): void {
    this.inner.close(released);
  }

  #begin(operation: () => void): void {
    if (this.#held === null) operation();
    else this.#held.push(operation);
  }
}
