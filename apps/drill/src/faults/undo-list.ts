/** What is broken at this moment and how to mend it; the guard is told of every change before anything else happens. */
import { spawn, type ChildProcess } from 'node:child_process';
import { carryOut, carryOutAll, type Undo } from './undo.js';

export class UndoList {
  #undos: readonly Undo[] = [];
  readonly #guard: ChildProcess;

  /** @param entry the built guard, an absolute path */
  constructor(entry: string) {
    this.#guard = spawn(process.execPath, [entry], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    this.#guard.stdin!.on('error', () => {});
    this.#guard.unref();
  }

  /** From now on this is to be undone. */
  add(...undos: readonly Undo[]): void {
    this.#change([...this.#undos, ...undos]);
  }

  /** Undoes these, and forgets them. @throws when one cannot be undone: it is still to be */
  async undo(undos: readonly Undo[]): Promise<void> {
    for (const undo of undos.toReversed()) {
      await carryOut(undo);
      this.forget([undo]);
    }
  }

  /** They have been undone by other means. */
  forget(undos: readonly Undo[]): void {
    this.#change(this.#undos.filter((one) => !undos.includes(one)));
  }

  /** Undoes everything but the end of the drill's own cluster. The answer says what could not be done. */
  async undoAll(): Promise<string[]> {
    const due = this.#undos.filter(({ kind }) => kind !== 'end');
    const failures = await carryOutAll(due);
    this.forget(due);
    return failures;
  }

  /** @param leftToGuard what the guard is to do now; nothing where all is done */
  close(leftToGuard: readonly Undo[] = []): void {
    this.#change(leftToGuard);
    this.#guard.stdin!.end();
  }

  /** What is still to be undone. */
  get due(): readonly Undo[] {
    return this.#undos;
  }

  #change(undos: readonly Undo[]): void {
    this.#undos = undos;
    this.#guard.stdin!.write(`${JSON.stringify(undos)}\n`);
  }
}
