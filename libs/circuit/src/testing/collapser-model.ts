/**
 * The dumb version of a collapser: it keeps every caller and every batch it ever saw, and looks through all of them for
 * each answer. Time is a number that the test moves, one millisecond at a time.
 */
import type { CollapsePolicy } from '../operators/collapser.js';

export interface ModelCaller {
  readonly key: string;
  readonly group: string;
  readonly deadlineMs: number;
  readonly batch: ModelBatch;
  /** What it has heard; it waits while this is empty and it has not left. */
  readonly heard: string[];
  left: boolean;
}

export interface ModelBatch {
  readonly group: string;
  readonly openedMs: number;
  /** Set when it is sent; sorted. */
  keys: string[] | null;
  deadlineMs: number;
  ended: boolean;
}

export class CollapserModel {
  nowMs = 0;
  readonly callers: ModelCaller[] = [];
  readonly batches: ModelBatch[] = [];

  constructor(private readonly policy: CollapsePolicy) {}

  /** In the order in which they were sent. */
  readonly sent: ModelBatch[] = [];

  isLive(batch: ModelBatch): boolean {
    return !batch.ended && this.waitingIn(batch).length > 0;
  }

  waits(caller: ModelCaller): boolean {
    return caller.heard.length === 0 && !caller.left;
  }

  load(key: string, group: string, leftMs: number): void {
    let batch = this.batches.find((open) => open.group === group && open.keys === null && !open.ended);
    if (batch === undefined) {
      batch = { group, openedMs: this.nowMs, keys: null, deadlineMs: 0, ended: false };
      this.batches.push(batch);
    }
    this.callers.push({ key, group, deadlineMs: this.nowMs + leftMs, batch, heard: [], left: false });
    if (new Set(this.waitingIn(batch).map((caller) => caller.key)).size >= this.policy.keysMax) this.#send(batch);
    this.#settle();
  }

  leave(caller: ModelCaller): void {
    caller.left = true;
    this.#settle();
  }

  tell(batch: ModelBatch, key: string, lines: readonly string[]): void {
    for (const caller of this.waitingIn(batch)) if (caller.key === key) caller.heard.push(...lines);
    this.#settle();
  }

  end(batch: ModelBatch, line: string): void {
    for (const caller of this.waitingIn(batch)) caller.heard.push(line);
    this.#settle();
  }

  advance(durationMs: number): void {
    for (let i = 0; i < durationMs; i++) {
      this.nowMs++;
      for (const batch of this.batches) {
        if (batch.keys === null && !batch.ended && this.nowMs >= batch.openedMs + this.policy.windowMs) this.#send(batch);
      }
      for (const caller of this.callers) {
        if (this.waits(caller) && caller.deadlineMs <= this.nowMs) caller.heard.push('DEADLINE_EXCEEDED');
      }
      this.#settle();
    }
  }

  waitingIn(batch: ModelBatch): ModelCaller[] {
    return this.callers.filter((caller) => caller.batch === batch && this.waits(caller));
  }

  #send(batch: ModelBatch): void {
    const waiting = this.waitingIn(batch);
    batch.keys = [...new Set(waiting.map((caller) => caller.key))].sort();
    batch.deadlineMs = Math.max(...waiting.map(({ deadlineMs }) => deadlineMs));
    this.sent.push(batch);
  }

  /** A batch for which nobody waits is over. */
  #settle(): void {
    for (const batch of this.batches) if (this.waitingIn(batch).length === 0) batch.ended = true;
  }
}
