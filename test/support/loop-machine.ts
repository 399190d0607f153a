/**
 * A disk that can lose power: an ext4 image, loop-mounted. A SIGKILL alone keeps the page cache and never tests a sync, so
 * after it the image is copied as it is below the page cache, and the copy is mounted: what was not synced is not in it.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const IMAGE_MIB = 48;

const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });

export class LoopMachine {
  #image: string;
  #copies = 0;

  /** @param scratch where the images are kept   @param mountPoint made where it is not there */
  constructor(
    private readonly scratch: string,
    private readonly name: string,
    readonly mountPoint = path.join(scratch, name),
  ) {
    this.#image = path.join(scratch, `${name}.img`);
    fs.mkdirSync(this.mountPoint, { recursive: true });
    run('truncate', '-s', `${IMAGE_MIB}M`, this.#image);
    run('mkfs.ext4', '-q', '-F', this.#image);
    run('mount', '-o', 'loop', this.#image, this.mountPoint);
  }

  get data(): string {
    return path.join(this.mountPoint, 'data');
  }

  /** What is on the medium at this moment becomes all there is. Nobody may use the directory. */
  losePower(): void {
    const copy = path.join(this.scratch, `${this.name}.${++this.#copies}.img`);
    run('cp', '--sparse=always', this.#image, copy);
    this.unmount();
    fs.rmSync(this.#image);
    this.#image = copy;
    run('mount', '-o', 'loop', copy, this.mountPoint);
  }

  unmount(): void {
    run('umount', this.mountPoint);
  }
}

/** Why this machine cannot mount images; null when it can. */
export function whyNoLoop(): string | null {
  if (process.getuid?.() !== 0) return 'not root';
  const scratch = fs.mkdtempSync(path.join(tmpdir(), 'triptych-loop-'));
  try {
    new LoopMachine(scratch, 'probe').unmount();
    return null;
  } catch (error) {
    return `cannot mount an image: ${(error as Error).message.split('\n')[0]}`;
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}
