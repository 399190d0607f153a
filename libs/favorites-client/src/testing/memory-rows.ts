/**
 * Rows in a Map, behind the four messages that a coordinator understands, without replication: PREPARE has no effect, and
 * COMMIT applies a delta once however often it comes. MemoryListStore and ScriptedTransport both keep their rows here, so
 * the contract of a list is written down once.
 *
 * A position is eight digits, and after them digits of a fraction where an item was put between two neighbours. A delta
 * is JSON with a number of its own. Neither is what the store does, and nobody may look inside either. What a session has
 * seen has the store's own form, because its token packs it.
 */
import {
  type CommitRequest,
  type CountRequest,
  GET_ITEMS_MAX,
  type GetRequest,
  type Item,
  type ItemChange,
  type ListReply,
  type ListRequest,
  type Placement,
  type PrepareRequest,
  type RowKey,
  type RowRequest,
  TriptychError,
  type WatchEvent,
} from '@app/contracts';
import { actorIdFrom, CausalContext, decodeSeen, type Dot, encodeSeen, NOTHING_SEEN, type SeenRow, TABLES } from '@app/store';
import type { Cancel } from '@app/time';
import type { RowEvent } from '../list-store.js';

interface Row {
  readonly items: Map<string, Item>;
  /** Numbers of deltas that were applied, or superseded before they came. */
  readonly known: Set<number>;
  /** What each of them did, as far as that was not forgotten, in the order in which they came. */
  readonly steps: Map<number, Step>;
  readonly listeners: Set<() => void>;
}

interface Step {
  readonly item: string;
  readonly before: Item | null;
}

type Delta = {
  readonly id: number;
  readonly supersedes: readonly number[];
  readonly item: string;
  /** The item as it is to be; null removes it. */
  readonly position: string | null;
  readonly valueHex: string;
  readonly writtenAtMs: number;
  /** Only while the item is in the list. */
  readonly moves: boolean;
};

/** Tables in which an add of what is there replaces its value. */
const LATEST = new Set(TABLES.filter(({ siblings }) => siblings === 'latest').map(({ name }) => name));
const VALUE_MAX_BYTES = 64 * 1024;
const PAGE_MAX_ITEMS = 500;
const WHOLE_DIGITS = 8;
const MIDDLE = 50_000_000;

export class MemoryRows {
  readonly #rows = new Map<string, Row>();
  #lastDelta = 0;

  constructor(readonly options: { readonly maxItems: number; readonly wallMs: () => number }) {}

  prepare(request: PrepareRequest): { readonly delta: Uint8Array | null; readonly item: Item | null; readonly seen: Uint8Array } {
    const prepared = this.#prepare(request);
    if (prepared.delta === null) return { ...prepared, seen: this.seenAfterRead(request) };
    const seen = seenIn(request);
    const pending = [...seen.pending, { item: request.item, dot: dotOf(decode(prepared.delta).id) }];
    return { ...prepared, seen: encodeSeen({ ...seen, pending }) };
  }

  #prepare(request: PrepareRequest): { readonly delta: Uint8Array | null; readonly item: Item | null } {
    const { item, operation } = request;
    const row = this.#row(request);
    const present = row.items.get(item);
    const supersedes = seenIn(request).pending.filter((other) => other.item === item).map(({ dot }) => dot.counter);
    if (request.pending !== undefined) supersedes.push(decode(request.pending).id);
    const common = { id: ++this.#lastDelta, supersedes, item };
    const isSet = operation.kind === 'add' && LATEST.has(request.table);
    if (operation.kind === 'remove') {
      if (present === undefined && supersedes.length === 0) return { delta: null, item: null };
      return { delta: encode({ ...common, position: null, valueHex: '', writtenAtMs: 0, moves: false }), item: null };
    }
    if (present === undefined && operation.kind === 'move') throw new TriptychError('ITEM_NOT_FOUND', `${item} is not in the list`);
    if (operation.kind === 'add') {
      if (operation.value.length > VALUE_MAX_BYTES) throw new TriptychError('STORE_VALUE_TOO_LARGE', 'the value is too large');
      if (present === undefined && row.items.size >= this.options.maxItems) {
        throw new TriptychError('LIST_FULL', `the list has ${row.items.size} items`, { maxItems: this.options.maxItems });
      }
      if (present !== undefined && !isSet && operation.placement === undefined && supersedes.length === 0) return { delta: null, item: present };
    }
    const position = operation.placement === undefined && present !== undefined
      ? present.position
      : positionAt(operation.placement ?? 'last', item, ordered(row));
    const written = (isSet ? undefined : present) ?? { value: operation.kind === 'add' ? operation.value : new Uint8Array(0), writtenAtMs: this.options.wallMs() };
    const { value, writtenAtMs } = written;
    const delta = { ...common, position, valueHex: Buffer.from(value).toString('hex'), writtenAtMs, moves: operation.kind === 'move' };
    return { delta: encode(delta), item: { item, position, value, writtenAtMs } };
  }

  commit(request: CommitRequest): void {
    const delta = decode(request.delta);
    const row = this.#row(request);
    const learn = (id: number): void => {
      if (!row.known.has(id)) row.steps.set(id, { item: delta.item, before: row.items.get(delta.item) ?? null });
      row.known.add(id);
    };
    for (const superseded of delta.supersedes) learn(superseded);
    if (row.known.has(delta.id)) return;
    learn(delta.id);
    if (delta.position === null) row.items.delete(delta.item);
    else if (!delta.moves || row.items.has(delta.item)) {
      const { item, position, writtenAtMs, valueHex } = delta;
      row.items.set(item, { item, position, writtenAtMs, value: Uint8Array.from(Buffer.from(valueHex, 'hex')) });
    }
    for (const listener of [...row.listeners]) listener();
  }

  /** What a listener that has seen so much is to be told; null for nothing. */
  eventSince(key: RowKey, seen: Uint8Array | undefined): RowEvent | null {
    const row = this.#row(key);
    const after = this.seenAfterRead(key);
    const context = seen === undefined ? null : decodeSeen(seen).context;
    const missing = [...row.known].filter((id) => context?.has(dotOf(id)) !== true);
    if (context === null || missing.some((id) => !row.steps.has(id))) return { kind: 'full', items: ordered(row), seen: after };
    const before = new Map<string, Item | null>();
    for (const id of missing) {
      const step = row.steps.get(id)!;
      if (!before.has(step.item)) before.set(step.item, step.before);
    }
    const changes = [...before].flatMap(([item, was]) => changeOf(item, was, row.items.get(item) ?? null));
    return changes.length === 0 ? null : { kind: 'changes', changes, seen: after };
  }

  /** The same as a replica says it: with a beat where there is nothing. */
  watchEventSince(key: RowKey, seen: Uint8Array | undefined): WatchEvent {
    const event = this.eventSince(key, seen);
    if (event?.kind === 'full') return { ...event, more: false };
    return event ?? { kind: 'changes', changes: [], seen: this.seenAfterRead(key) };
  }

  /** Called after each change of the row, until the answer is. */
  onChange(key: RowKey, listener: () => void): Cancel {
    const { listeners } = this.#row(key);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  get listenerCount(): number {
    return [...this.#rows.values()].reduce((sum, { listeners }) => sum + listeners.size, 0);
  }

  /** What became of rows is known no more, only how they are. */
  forgetSteps(): void {
    for (const { steps } of this.#rows.values()) steps.clear();
  }

  list(request: ListRequest): Pick<ListReply, 'items' | 'more' | 'lookedTo'> {
    const { limit, after, where } = request;
    if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX_ITEMS) {
      throw new TriptychError('REQUEST_INVALID', `limit must be 1 to ${PAGE_MAX_ITEMS}, is ${limit}`);
    }
    const rest = ordered(this.#row(request)).filter((item) => after === undefined || compare(item, after) > 0);
    if (where === undefined) return { items: rest.slice(0, limit), more: rest.length > limit };
    const found = rest.filter(({ value }) => has(value, where));
    const last = found[limit - 1];
    if (last === undefined || last === rest.at(-1)) return { items: found, more: false };
    return { items: found.slice(0, limit), more: true, lookedTo: { position: last.position, item: last.item } };
  }

  get(request: GetRequest): (Item | null)[] {
    const { items } = request;
    if (items.length < 1 || items.length > GET_ITEMS_MAX || new Set(items).size < items.length) {
      throw new TriptychError('REQUEST_INVALID', `a read names 1 to ${GET_ITEMS_MAX} items, each once`);
    }
    return items.map((item) => this.#row(request).items.get(item) ?? null);
  }

  seenAfterRead(request: RowRequest): Uint8Array {
    const { known } = this.#row(request);
    const pending = seenIn(request).pending.filter(({ dot }) => !known.has(dot.counter));
    return encodeSeen({ ...NOTHING_SEEN, context: CausalContext.of([...known].map(dotOf)), pending });
  }

  seenAfterWrite(request: CommitRequest): Uint8Array {
    const { id } = decode(request.delta);
    const [seen, { known }] = [seenIn(request), this.#row(request)];
    const pending = seen.pending.filter(({ dot }) => !known.has(dot.counter));
    return encodeSeen({ ...seen, context: seen.context.with(dotOf(id)), pending });
  }

  count({ table, item }: CountRequest): number {
    const rows = [...this.#rows].filter(([key]) => (JSON.parse(key) as string[])[0] === table);
    return rows.filter(([, { items }]) => items.has(item)).length;
  }

  #row({ table, row }: RowKey): Row {
    const key = JSON.stringify([table, row]);
    let found = this.#rows.get(key);
    if (found === undefined) this.#rows.set(key, (found = { items: new Map(), known: new Set(), steps: new Map(), listeners: new Set() }));
    return found;
  }
}

const ACTOR = actorIdFrom(new Uint8Array(8));
const dotOf = (counter: number): Dot => ({ actor: ACTOR, counter });
const seenIn = ({ seen }: RowRequest): SeenRow => (seen === undefined ? NOTHING_SEEN : decodeSeen(seen));

function changeOf(item: string, before: Item | null, now: Item | null): ItemChange[] {
  if (now === null) return before === null ? [] : [{ kind: 'removed', item }];
  const isSame = before !== null && before.writtenAtMs === now.writtenAtMs && Buffer.compare(before.value, now.value) === 0;
  if (!isSame) return [{ kind: 'added', item, now }];
  return before.position === now.position ? [] : [{ kind: 'moved', item, now }];
}

type Place = Pick<Item, 'position' | 'item'>;
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const compare = (a: Place, b: Place): number => compareText(a.position, b.position) || compareText(a.item, b.item);
const ordered = (row: Row): Item[] => [...row.items.values()].sort(compare);

/** The attributes of a value: the members of the JSON object behind its first byte. */
function has(value: Uint8Array, where: Readonly<Record<string, string>>): boolean {
  const attributes = JSON.parse(new TextDecoder().decode(value.subarray(1)) || '{}') as Record<string, unknown>;
  return Object.entries(where).every(([name, wanted]) => attributes[name] === wanted);
}

const encode = (delta: Delta): Uint8Array => new TextEncoder().encode(JSON.stringify(delta));
const decode = (bytes: Uint8Array): Delta => JSON.parse(new TextDecoder().decode(bytes)) as Delta;

/** A place for `moved`, which does not count as a neighbour of itself unless it is the one named. */
function positionAt(placement: Placement, moved: string, list: readonly Item[]): string {
  const others = list.filter(({ item }) => item !== moved);
  if (placement === 'first') return wholePosition(others[0]?.position, -1);
  if (placement === 'last') return wholePosition(others.at(-1)?.position, 1);
  const neighbour = 'before' in placement ? placement.before : placement.after;
  const found = list.find(({ item }) => item === neighbour);
  if (found === undefined) throw new TriptychError('NEIGHBOUR_NOT_FOUND', `${neighbour} is not in the list`, { neighbour });
  if (neighbour === moved) return found.position;
  const at = others.indexOf(found);
  if ('before' in placement) return others[at - 1] === undefined ? wholePosition(found.position, -1) : between(others[at - 1]!.position, found.position);
  return others[at + 1] === undefined ? wholePosition(found.position, 1) : between(found.position, others[at + 1]!.position);
}

function wholePosition(beside: string | undefined, step: -1 | 1): string {
  const whole = beside === undefined ? MIDDLE : Number(beside.slice(0, WHOLE_DIGITS)) + step;
  return String(whole).padStart(WHOLE_DIGITS, '0');
}

/** Digits strictly between `low` and `high`, low < high, neither ending in 0 beyond the whole digits. */
function between(low: string, high: string): string {
  let digits = '';
  for (let at = 0; ; at++) {
    const from = Number(low[at] ?? 0);
    const to = digits === high.slice(0, at) ? Number(high[at] ?? 0) : 10;
    const middle = Math.floor((from + to) / 2);
    digits += String(middle > from ? middle : from);
    if (middle > from && at >= WHOLE_DIGITS) return digits;
  }
}
