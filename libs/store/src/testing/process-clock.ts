/**
 * The clock of one process, which can be stopped and go on, as by SIGSTOP or a long collection of garbage: time passes
 * meanwhile, and what fell due runs at once when it goes on. What was asked for by a process that has died never runs.
 */
import type { Cancel, Clock } from '@app/time';

export class ProcessClock implements Clock {
  #backlog: (() => void)[] | null = null;
  #isDead = false;

  constructor(private readonly inner: Clock) {}

  wallMs(): number {
    return this.inner.wallMs();
  }

  monotonicMs(): number {
    return this.inner.monotonicMs();
  }

  after(delayMs: number, task: () => void): Cancel {
    let isCancelled = false;
    const due = (): void => {
      if (isCancelled || this.#isDead) return;
      if (this.#backlog === null) task();
      else this.#backlog.push(due);
    };
    const cancel = this.inner.after(delayMs, due);
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  stop(): void {
    this.#backlog ??= [];
  }

  goOn(): void {
    const backlog = this.#backlog ?? [];
    this.#backlog = null;
    for (const task of backlog) this.inner.after(0, task);
  }

  kill(): void {
    this.#isDead = true;
  }
}
