/**
 * Hints on this node's disk, in one queue for each target, bounded in bytes. Only counts are held in memory; the records
 * are read in pages. What an earlier run left behind is counted after the start, a page at a time.
 */
import type { NodeId } from '@app/contracts';
import { decodeHint, encodeHint, hintKey, hintRange, hlcOf, targetOf, type Hint } from '../core/hints/hint-record.js';
import type { Delta } from '../core/row/delta.js';
import { MAX_VALUE_BYTES, type StorageEngine } from '../ports/storage-engine.js';

export interface HintBudget {
  /** Bytes of keys and values, for all targets together. */
  readonly maxBytes: number;
  readonly maxBytesPerTarget: number;
}

export interface QueuedHint {
  readonly recordKey: Uint8Array;
  /** null where the record is damaged. */
  readonly hint: Hint | null;
  readonly byteCount: number;
}

interface Held {
  count: number;
  bytes: number;
  /** On their way to disk. */
  pendingBytes: number;
}

const COUNTED_AT_ONCE = 512;

export class HintQueue {
  readonly #held = new Map<NodeId, Held>();
  /** Records on their way to disk, which the engine does not show yet, and who else waits for each. */
  readonly #pending = new Map<string, ((outcome: 'held' | 'dropped') => void)[]>();
  /** Up to where the records of an earlier run have been counted; null when all have. */
  #countedTo: Uint8Array | null = new Uint8Array(0);

  constructor(
    private readonly engine: StorageEngine,
    private readonly budget: HintBudget,
  ) {}

  get targets(): NodeId[] {
    return [...this.#held.keys()];
  }

  /** Durable hints for a target, or for all. */
  waiting(target?: NodeId): { count: number; bytes: number } {
    let [count, bytes] = [0, 0];
    for (const [each, held] of this.#held) {
      if (target !== undefined && each !== target) continue;
      count += held.count;
      bytes += held.bytes;
    }
    return { count, bytes };
  }

  /** The date of the first hint for a target; null where there is none. */
  oldestHlc(target: NodeId): number | null {
    let hlc: number | null = null;
    try {
      this.engine.scan(hintRange(target, null), (recordKey) => {
        hlc = hlcOf(recordKey);
        return false;
      });
    } catch {
      // Storage is closed, or cannot be read: a gauge is no place to say so.
    }
    return hlc;
  }

  /** Counts some of what was found at the start. True when all of it is counted; nothing may be removed before. */
  countSome(): boolean {
    if (this.#countedTo === null) return true;
    const range = hintRange(null, this.#countedTo.length === 0 ? null : this.#countedTo);
    let visited = 0;
    this.engine.scan(range, (recordKey, value) => {
      this.#count(targetOf(recordKey), 1, recordKey.length + (value?.length ?? 0));
      this.#countedTo = new Uint8Array(recordKey);
      return ++visited < COUNTED_AT_ONCE;
    });
    if (visited < COUNTED_AT_ONCE) this.#countedTo = null;
    return this.#countedTo === null;
  }

  /**
   * Keeps a hint, unless it is kept already. `settle` is called once it is durable, or within the call where nothing is written.
   * What is kept stays until its owner has it: over the budget a new one is dropped, never one on disk.
   */
  put(target: NodeId, hint: Hint, delta: Delta, settle: (outcome: 'stored' | 'held' | 'dropped') => void): void {
    const recordKey = hintKey(target, delta);
    const name = Buffer.from(recordKey).toString('latin1');
    const waiting = this.#pending.get(name);
    if (waiting !== undefined) return void waiting.push(settle);
    if (this.#isHeld(recordKey)) return settle('held');
    const value = encodeHint(hint);
    const byteCount = recordKey.length + value.length;
    const held = this.#heldFor(target);
    let allBytes = 0;
    for (const each of this.#held.values()) allBytes += each.bytes + each.pendingBytes;
    const isOver = allBytes + byteCount > this.budget.maxBytes || held.bytes + held.pendingBytes + byteCount > this.budget.maxBytesPerTarget;
    if (isOver || value.length > MAX_VALUE_BYTES || this.engine.state !== 'open') return settle('dropped');
    const others: ((outcome: 'held' | 'dropped') => void)[] = [];
    this.#pending.set(name, others);
    held.pendingBytes += byteCount;
    this.engine.write([{ key: recordKey, value }], (error) => {
      this.#pending.delete(name);
      held.pendingBytes -= byteCount;
      if (error !== undefined) {
        settle('dropped');
        for (const other of others) other('dropped');
        return;
      }
      // Where the counting has yet to come by, it will find this one.
      if (this.#countedTo === null || Buffer.compare(recordKey, this.#countedTo) <= 0) this.#count(target, 1, byteCount);
      settle('stored');
      for (const other of others) other('held');
    });
  }

  /** The next hints for a target in the order of their dates, from just after a record: at least one where there is one. */
  page(target: NodeId, after: Uint8Array | null, maxCount: number, maxBytes: number): QueuedHint[] {
    const page: QueuedHint[] = [];
    let bytes = 0;
    this.engine.scan(hintRange(target, after), (recordKey, value) => {
      const byteCount = recordKey.length + (value?.length ?? 0);
      bytes += byteCount;
      if (page.length > 0 && bytes > maxBytes) return false;
      page.push({ recordKey: new Uint8Array(recordKey), hint: read(value), byteCount });
      return page.length < maxCount;
    });
    return page;
  }

  /** Removes hints for one target, in one batch. */
  remove(target: NodeId, hints: readonly QueuedHint[], settle: (error?: Error) => void): void {
    this.engine.write(
      hints.map(({ recordKey }) => ({ key: recordKey, value: null })),
      (error) => {
        if (error === undefined) for (const { byteCount } of hints) this.#count(target, -1, -byteCount);
        settle(error);
      },
    );
  }

  #isHeld(recordKey: Uint8Array): boolean {
    try {
      return this.engine.get(recordKey) !== undefined;
    } catch {
      return true; // a damaged one: its replay finds that out
    }
  }

  #count(target: NodeId, count: number, bytes: number): void {
    const held = this.#heldFor(target);
    held.count += count;
    // The length of a damaged record is not known, so sums may be out by it: never below nothing, and nothing when none is left.
    held.bytes = held.count === 0 ? 0 : Math.max(0, held.bytes + bytes);
  }

  #heldFor(target: NodeId): Held {
    let held = this.#held.get(target);
    if (held === undefined) this.#held.set(target, (held = { count: 0, bytes: 0, pendingBytes: 0 }));
    return held;
  }
}

function read(value: Uint8Array | null): Hint | null {
  if (value === null) return null;
  try {
    return decodeHint(new Uint8Array(value));
  } catch {
    return null;
  }
}
