/**
 * Speaks to a ListStore for one user and lets virtual time pass until it has answered: how list-store-contract.ts asks.
 */
import type { Observable, Subscription } from 'rxjs';
import { assert, type CallContext, type Item, type ListRequest, type Operation, type TriptychError } from '@app/contracts';
import type { SimClock } from '@app/time';
import type { ListStore, ListStoreRequest, PendingWrite, RowEvent, WriteFailure, WriteReply } from '../list-store.js';

export interface ListStoreHarness {
  readonly store: ListStore;
  readonly clock: SimClock;
  /** What a list here really holds at most, where that cannot be chosen. */
  readonly maxItems?: number;
  /** Makes the next write take effect (true) or not, and its outcome unknown to the caller. Absent: not to be had here. */
  loseNextReply?(applied: boolean): void;
  /** The store no longer knows what became of rows, only how they are. */
  forgetSteps(): void;
  /** Ends what the harness began. */
  close?(): void;
}

const ANSWER_WITHIN_MS = 5_000;
const SETTLE_MS = 500;
const encoder = new TextEncoder();

/** A store may answer with Buffers: bytes are bytes. */
const plainItem = (item: Item): Item => ({ ...item, value: Uint8Array.from(item.value) });

function withPlainBytes<T>(reply: T): T {
  const { item, items } = reply as { item?: Item | null; items?: readonly (Item | null)[] };
  return { ...reply, ...(item && { item: plainItem(item) }), ...(items && { items: items.map((one) => one && plainItem(one)) }) };
}

/** Hears a watch, and keeps the list as it is told. */
export class Watching {
  subscription!: Subscription;
  /** "full a b", "added c", "removed a + moved b", the code of an error; since the last `take`. */
  readonly heard: string[] = [];
  seen: Uint8Array | undefined;
  readonly list = new Map<string, Item>();

  next(event: RowEvent): void {
    this.seen = event.seen;
    if (event.kind === 'full') {
      this.heard.push(['full', ...event.items.map(({ item }) => item)].join(' '));
      this.list.clear();
      for (const item of event.items) this.list.set(item.item, plainItem(item));
      return;
    }
    this.heard.push(event.changes.map(({ kind, item }) => `${kind} ${item}`).join(' + '));
    for (const change of event.changes) {
      if (change.kind === 'removed') this.list.delete(change.item);
      else this.list.set(change.item, plainItem(change.now));
    }
  }

  error(error: unknown): void {
    this.heard.push((error as TriptychError).code ?? String(error));
  }

  complete(): void {
    this.heard.push('complete');
  }

  take(): string[] {
    return this.heard.splice(0);
  }

  /** In the order that the positions say. */
  get items(): Item[] {
    const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
    return [...this.list.values()].sort((a, b) => compare(a.position, b.position) || compare(a.item, b.item));
  }
}

export class ListStoreDriver {
  /** How requests are to be answered from now on, where it matters. */
  terms: Pick<ListStoreRequest, 'level' | 'fallback' | 'seen'> = { level: 'QUORUM' };
  /** The table of the list. */
  table = 'favorites';
  readonly #harness: ListStoreHarness;
  #lastValue = 0;

  constructor(harness: ListStoreHarness) {
    this.#harness = harness;
  }

  get clock(): SimClock {
    return this.#harness.clock;
  }

  /** An add with a value of its own. */
  add(): { readonly kind: 'add'; readonly value: Uint8Array } {
    return { kind: 'add', value: encoder.encode(`value-${++this.#lastValue}`) };
  }

  added(...items: readonly string[]): void {
    for (const item of items) this.answer(this.write(item, this.add()));
  }

  write(item: string, operation: Operation, pending?: PendingWrite): Observable<WriteReply> {
    const request = { table: this.table, row: 'user-7', item, operation, ...this.terms };
    return this.#harness.store.write(pending === undefined ? request : { ...request, pending }, this.#context());
  }

  page(request: { limit: number; after?: Item; row?: string; table?: string }): ReturnType<ListStore['list']> {
    const { after, ...rest } = request;
    const cursor: Pick<ListRequest, 'after'> = after === undefined ? {} : { after: { position: after.position, item: after.item } };
    return this.#harness.store.list({ table: this.table, row: 'user-7', ...this.terms, ...rest, ...cursor }, this.#context());
  }

  get(...items: readonly string[]): ReturnType<ListStore['get']> {
    return this.#harness.store.get({ table: this.table, row: 'user-7', items, ...this.terms }, this.#context());
  }

  /** Begins to watch, and lets what is to be told at first be told. @param until when it ends by itself, ms from now */
  watch(seen?: Uint8Array, until = Infinity): Watching {
    const watching = new Watching();
    const request = { table: 'favorites', row: 'user-7', ...(seen && { seen }) };
    const context = { ...this.#context(), deadlineMs: until === Infinity ? until : this.clock.monotonicMs() + until };
    watching.subscription = this.#harness.store.watch(request, context).subscribe(watching);
    this.clock.advance(SETTLE_MS);
    return watching;
  }

  /** Time enough for what was written to be told. */
  settle(): void {
    this.clock.advance(SETTLE_MS);
  }

  forgetSteps(): void {
    this.#harness.forgetSteps();
  }

  /** The whole list, by one page. */
  itemsInFull(): readonly Item[] {
    return this.answer(this.page({ limit: 500 })).items;
  }

  items(): string[] {
    return this.itemsInFull().map(({ item }) => item);
  }

  found(item: string): Item | null {
    return this.answer(this.get(item)).items[0]!;
  }

  /** A write whose reply is lost, and what its failure hands over. */
  lose(item: string, operation: Operation, applied: boolean): PendingWrite {
    const { code, pending } = this.lost(item, operation, applied);
    assert(pending !== undefined, `${code} carries the pending write`);
    return { ...pending, result: pending.result && plainItem(pending.result) };
  }

  lost(item: string, operation: Operation, applied: boolean): WriteFailure {
    this.#harness.loseNextReply!(applied);
    return this.failure(this.write(item, operation)) as WriteFailure;
  }

  answer<T>(call$: Observable<T>): T {
    const { value, error } = this.#settle(call$);
    if (error !== undefined) throw error;
    return withPlainBytes(value!);
  }

  failure(call$: Observable<unknown>): TriptychError {
    const { error } = this.#settle(call$);
    assert(error !== undefined, 'the call fails');
    return error as TriptychError;
  }

  /** All that the subscriber heard, an error by its code. */
  endingOf(call$: Observable<unknown>): string[] {
    return this.#settle(call$).heard;
  }

  /** Time enough for anything that was begun to end. */
  rest(): void {
    this.clock.advance(ANSWER_WITHIN_MS);
  }

  #settle<T>(call$: Observable<T>): { heard: string[]; value?: T; error?: unknown } {
    const settled: { heard: string[]; value?: T; error?: unknown } = { heard: [] };
    let over = false;
    call$.subscribe({
      next: (value) => {
        settled.heard.push('value');
        settled.value = value;
      },
      error: (error: unknown) => {
        settled.heard.push((error as TriptychError).code ?? String(error));
        settled.error = error;
        over = true;
      },
      complete: () => {
        settled.heard.push('complete');
        over = true;
      },
    });
    assert(
      this.clock.runUntil(() => over, ANSWER_WITHIN_MS),
      `no answer within ${ANSWER_WITHIN_MS} ms`,
    );
    return settled;
  }

  #context(): CallContext {
    return {
      deadlineMs: this.clock.monotonicMs() + ANSWER_WITHIN_MS,
      traceId: 'contract',
      priority: 'write',
      principal: { kind: 'device', name: 'user-7' },
    };
  }
}
