/**
 * Serves clients for rows that this node holds a copy of: reads at a quorum, and writes in two calls.
 *
 * PREPARE has no effect: it reads what the operation depends on, mints a dot and returns the complete delta. COMMIT applies
 * exactly those bytes, here or at any other replica, any number of times, however late. So an operation that was tried
 * at two coordinators is still one operation; were each attempt to mint for itself, the forgotten one could come to light
 * hours later and undo what happened since (row model, 3b).
 *
 * Only replicas of a row coordinate it, because only they mint; another node answers STORE_NOT_REPLICA and the client,
 * which knows the ring, goes on to one that is.
 */
import { Observable, type Subscriber, Subscription } from 'rxjs';
import {
  ID_PATTERN,
  TriptychError,
  type Achieved,
  type CallContext,
  type CommitReply,
  type CommitRequest,
  type ConsistencyLevel,
  type GetReply,
  type GetRequest,
  type Item,
  type ListReply,
  type ListRequest,
  type NodeId,
  type Placement,
  type PrepareReply,
  type PrepareRequest,
  type RowKey,
  type ZoneId,
} from '@app/contracts';
import { sameDot, type Dot } from '../core/causality/dot.js';
import { physicalMs, type HybridLogicalClock } from '../core/causality/hybrid-logical-clock.js';
import { replicasRequired } from '../core/quorum/consistency-level.js';
import { asItem, showItem, type ShownItem } from '../core/row/causal-map.js';
import { decodeDelta, encodeDelta, isCell, type Delta, type Version } from '../core/row/delta.js';
import { firstPosition, lastPosition, positionBetween } from '../core/row/position.js';
import { VALUE_MAX_BYTES, type TableSchema } from '../core/row/table-schema.js';
import type { RowPlacement } from './cluster-view.js';
import type { DotMinter } from './dot-minter.js';
import { QuorumRead, type QuorumAnswer, type QuorumReadPorts } from './quorum-read.js';
import { QuorumWrite, type QuorumWritePorts } from './quorum-write.js';
import { asStoreError } from './read-repair.js';
import { rowDamaged, rowId } from './row-store.js';

export interface CoordinatorPorts extends QuorumReadPorts, QuorumWritePorts {
  readonly zone: ZoneId;
  readonly hlc: HybridLogicalClock;
  readonly minter: DotMinter;
  readonly tables: ReadonlyMap<string, TableSchema>;
  /** Where a row lies; null when this node holds no copy of it. */
  readonly placementOf: (key: RowKey) => RowPlacement | null;
  readonly zoneOf: (node: NodeId) => ZoneId;
  readonly isDown: (node: NodeId) => boolean;
  readonly replicationFactor: number;
}

export const LIST_LIMIT_MAX = 500;

export class Coordinator {
  readonly #writes = new Map<string, Set<QuorumWrite>>();

  constructor(private readonly ports: CoordinatorPorts) {}

  /** A page of a row. Unsubscribing drops the read. Errors: see ListStore.list, and STORE_NOT_REPLICA, STORE_ROW_DAMAGED. */
  list(request: ListRequest, context: CallContext): Observable<ListReply> {
    return this.#run<ListReply>((call) => {
      this.#checkTable(request.table);
      check(Number.isInteger(request.limit) && request.limit >= 1 && request.limit <= LIST_LIMIT_MAX, `limit is 1 to ${LIST_LIMIT_MAX}`);
      const take = (): { items: Item[]; more: boolean } => this.ports.rows.page(request, request.limit, request.after);
      this.#read(call, request, request.level, context, take, (answer) => {
        call.answer({ ...answer.value, achieved: this.#achieved(request.level, answer.replicas, answer.repaired) });
      });
    });
  }

  /** One item. Unsubscribing drops the read. */
  get(request: GetRequest, context: CallContext): Observable<GetReply> {
    return this.#run<GetReply>((call) => {
      this.#checkTable(request.table);
      checkItem(request.item);
      const take = (): Item | null => this.ports.rows.item(request, request.item);
      this.#read(call, request, request.level, context, take, (answer) => {
        call.answer({ item: answer.value, achieved: this.#achieved(request.level, answer.replicas, answer.repaired) });
      });
    });
  }

  /**
   * The complete delta of an operation, or the final answer where there is nothing to do. Has no effect, so it may be
   * repeated and hedged; unsubscribing drops it.
   */
  prepare(request: PrepareRequest, context: CallContext): Observable<PrepareReply> {
    return this.#run<PrepareReply>((call) => {
      const schema = this.#checkTable(request.table);
      checkItem(request.item);
      this.#placementOf(request);
      this.#refuseHopeless(request);
      const { operation } = request;
      if (operation.kind === 'add') {
        check(operation.value.length <= VALUE_MAX_BYTES, `a value has at most ${VALUE_MAX_BYTES} bytes`, 'STORE_VALUE_TOO_LARGE');
      }
      const pending = request.pending === undefined ? [] : [decodeRequestDelta(request.pending, request.item).dot];
      const mint = (found: Item | null, achieved: Achieved): void => call.answer(this.#mint(request, schema, pending, found, achieved));
      // A new item at a place that names no neighbour depends on nothing: it is prepared without a word to anyone.
      if (operation.kind === 'add' && !isRelative(operation.placement) && this.ports.rows.latestItem(request, request.item) === null) {
        return mint(null, this.#achieved(request.level, [this.ports.self], false));
      }
      const take = (): Item | null => this.ports.rows.item(request, request.item);
      this.#read(call, request, request.level, context, take, (answer) => {
        mint(answer.value, this.#achieved(request.level, answer.replicas, answer.repaired));
      });
    });
  }

  /** Gives a prepared delta to all replicas. Unsubscribing only stops waiting: the write goes on. */
  commit(request: CommitRequest, context: CallContext): Observable<CommitReply> {
    return this.#run<CommitReply>((call) => {
      this.#checkTable(request.table);
      const delta = decodeRequestDelta(request.delta);
      const placement = this.#placementOf(request);
      const { hlc, clock, minter } = this.ports;
      hlc.observe(delta.hlc, clock.wallMs());
      const id = rowId(request);
      const required = replicasRequired(request.level, this.ports.replicationFactor);
      const write = new QuorumWrite(this.ports, request, delta, placement, required, context, (settled) => {
        this.#forget(id, write);
        if ('error' in settled) call.fail(settled.error);
        else call.answer({ achieved: this.#achieved(request.level, settled.replicas, false) });
      });
      const writes = this.#writes.get(id);
      if (writes === undefined) this.#writes.set(id, new Set([write]));
      else writes.add(write);
      write.start();
      minter.applied(id, delta.dot);
    });
  }

  /** A row was found damaged here: its pending writes lose the copy that they counted on, and its dots their memory. */
  rowDamaged(key: RowKey): void {
    this.ports.minter.renew();
    for (const write of [...(this.#writes.get(rowId(key)) ?? [])]) write.ownCopyDamaged();
  }

  // ---- inside

  /**
   * @param pending dots of earlier writes of the session whose outcome is unknown: superseded, whatever became of them
   * @param found the item as a quorum holds it. What only this replica holds may still be lost, so an add rests on `found`
   *   alone; what it supersedes is all that is held here.
   */
  #mint(request: PrepareRequest, schema: TableSchema, pending: readonly Dot[], found: Item | null, achieved: Achieved): PrepareReply {
    const { rows, minter, hlc, clock } = this.ports;
    const { operation, item } = request;
    const versions = rows.latestVersions(request, item);
    const header = rows.latestHeader(request);
    if (header.isDamaged) throw rowDamaged(request);
    const shown = showItem(versions, schema.siblings);
    if (operation.kind === 'remove' && versions.length === 0 && pending.length === 0) return { delta: null, item: null, achieved };
    if (operation.kind === 'move' && shown === null) throw new TriptychError('ITEM_NOT_FOUND', `${item} is not in the list`, { item });
    if (operation.kind === 'add') {
      if (found !== null && operation.placement === undefined && pending.length === 0) return { delta: null, item: found, achieved };
      if (shown === null && header.itemCount >= schema.maxItemsPerRow) {
        throw new TriptychError('LIST_FULL', `a list holds at most ${schema.maxItemsPerRow} items`, { max: schema.maxItemsPerRow });
      }
    }
    const dot = minter.mint(rowId(request), header.context);
    const reading = hlc.next(clock.wallMs());
    let version: Version | null = null;
    let superseded = versions;
    if (operation.kind !== 'remove') {
      const position = this.#place(request, operation.placement, shown, reading, dot);
      // What a quorum holds stays as it is, its date too: a move only adds a place, which counts while what it is based on
      // does. A pending removal may yet take away what is there now, so after one the cell is written anew.
      if (shown !== null && pending.length === 0 && (operation.kind === 'move' || found !== null)) {
        version = { facet: 'place', position, bases: versions.filter(isCell).map((cell) => cell.dot) };
        superseded = versions.filter((held) => !isCell(held));
      } else version = { facet: 'cell', position, value: operation.kind === 'add' ? operation.value : shown!.cell.version.value };
    }
    const dots = superseded.map((held) => held.dot);
    for (const unknown of pending) if (!dots.some((held) => sameDot(held, unknown))) dots.push(unknown);
    const delta: Delta = { item, dot, hlc: reading, supersedes: dots, version };
    return { delta: encodeDelta(delta), item: resultOf(delta, shown), achieved };
  }

  #place(request: PrepareRequest, placement: Placement | undefined, shown: ShownItem | null, reading: number, dot: Dot): string {
    if (placement === undefined) return shown?.position ?? lastPosition(reading, dot);
    if (placement === 'last') return lastPosition(reading, dot);
    if (placement === 'first') return firstPosition(reading, dot);
    const isBefore = 'before' in placement;
    const name = isBefore ? placement.before : placement.after;
    const neighbour = name === request.item ? null : this.ports.rows.item(request, name);
    if (neighbour === null) throw new TriptychError('NEIGHBOUR_NOT_FOUND', `${name} is not in the list`, { item: name });
    const beyond = this.#neighbourBeyond(request, neighbour, isBefore ? 'before' : 'after');
    const position = isBefore
      ? positionBetween(beyond ?? '', neighbour.position, reading, dot)
      : positionBetween(neighbour.position, beyond, reading, dot);
    if (position === null) throw new TriptychError('POSITION_EXHAUSTED', `there is no room left next to ${name}`, { item: name });
    return position;
  }

  /** The position on the far side of the gap; the item that is being placed does not count. */
  #neighbourBeyond(request: PrepareRequest, neighbour: Item, direction: 'before' | 'after'): string | null {
    let at = this.ports.rows.neighbour(request, neighbour, direction);
    if (at?.item === request.item) at = this.ports.rows.neighbour(request, at, direction);
    return at?.position ?? null;
  }

  #read<T>(call: Call<unknown>, key: RowKey, level: ConsistencyLevel, context: CallContext, take: () => T, use: (answer: QuorumAnswer<T>) => void): void {
    const placement = this.#placementOf(key);
    const required = replicasRequired(level, this.ports.replicationFactor);
    const read = new QuorumRead<T>(this.ports, key, placement, required, context, take, (settled) => {
      if ('error' in settled) return call.fail(settled.error);
      call.attempt(() => use(settled.answer));
    });
    call.onCancel(() => read.cancel());
    read.start();
  }

  /** Where the row lies, those known down last. */
  #placementOf(key: RowKey): RowPlacement {
    const placement = this.ports.placementOf(key);
    if (placement === null) {
      throw new TriptychError('STORE_NOT_REPLICA', `${this.ports.self} holds no copy of row ${key.row}`, { node: this.ports.self });
    }
    const { others, sets } = placement;
    return { others: [...others.filter((node) => !this.ports.isDown(node)), ...others.filter((node) => this.ports.isDown(node))], sets };
  }

  /**
   * A write that cannot reach its quorum is refused while that is still without effect. The state of connections may be
   * out of date, so this refuses only what nobody could acknowledge just now; a COMMIT that was prepared is always tried.
   */
  #refuseHopeless(request: PrepareRequest): void {
    const { self, isDown } = this.ports;
    const { sets } = this.#placementOf(request);
    const alive = Math.min(...sets.map((set) => set.filter((node) => node === self || !isDown(node)).length));
    const needed = replicasRequired(request.level, this.ports.replicationFactor);
    if (alive < needed) throw new TriptychError('STORE_QUORUM_UNAVAILABLE', `${needed} replicas are needed and ${alive} can answer`, { needed, alive });
  }

  #achieved(level: ConsistencyLevel, replicas: readonly NodeId[], repaired: boolean): Achieved {
    const { self, zone, zoneOf, replicationFactor } = this.ports;
    return { level, node: self, zone, replicas, zones: [...new Set(replicas.map(zoneOf))], replicationFactor, repaired };
  }

  #checkTable(table: string): TableSchema {
    const schema = this.ports.tables.get(table);
    check(schema !== undefined, `table ${String(table)} is not known`);
    return schema!;
  }

  #forget(id: string, write: QuorumWrite): void {
    const writes = this.#writes.get(id);
    writes?.delete(write);
    if (writes?.size === 0) this.#writes.delete(id);
  }

  #run<T>(begin: (call: Call<T>) => void): Observable<T> {
    return new Observable<T>((subscriber) => {
      const call = new Call(subscriber);
      call.attempt(() => begin(call));
    });
  }
}

/** One call under way: its answer, its failure, and what to do when the caller leaves. */
class Call<T> {
  constructor(private readonly subscriber: Subscriber<T>) {}

  answer(value: T): void {
    this.subscriber.next(value);
    this.subscriber.complete();
  }

  fail(error: unknown): void {
    this.subscriber.error(asStoreError(error));
  }

  attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(error);
    }
  }

  onCancel(cancel: () => void): void {
    this.subscriber.add(new Subscription(cancel));
  }
}

const isRelative = (placement: Placement | undefined): boolean => typeof placement === 'object';

/** The item as the delta leaves it. */
function resultOf(delta: Delta, before: ShownItem | null): Item | null {
  const { version } = delta;
  if (version === null) return null;
  if (version.facet === 'place') return { ...asItem(before!), position: version.position };
  return { item: delta.item, position: version.position, value: version.value, writtenAtMs: physicalMs(delta.hlc) };
}

function check(condition: unknown, message: string, code: 'REQUEST_INVALID' | 'STORE_VALUE_TOO_LARGE' = 'REQUEST_INVALID'): void {
  if (!condition) throw new TriptychError(code, message);
}

const checkItem = (item: string): void => check(typeof item === 'string' && ID_PATTERN.test(item), 'an item is named by 1 to 128 characters of A-Z a-z 0-9 . _ ~ -');

/** A delta that came in a request: bytes that do not decode are the caller's mistake, not damage of ours. */
function decodeRequestDelta(bytes: Uint8Array, item?: string): Delta {
  let delta: Delta;
  try {
    delta = decodeDelta(bytes);
  } catch (error) {
    throw new TriptychError('REQUEST_INVALID', 'the delta cannot be read', {}, { cause: error });
  }
  check(item === undefined || delta.item === item, 'the pending delta is of another item');
  return delta;
}
