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
  type RowReply,
  type ZoneId,
} from '@app/contracts';
import { sameDot, type Dot } from '../core/causality/dot.js';
import { physicalMs, type HybridLogicalClock } from '../core/causality/hybrid-logical-clock.js';
import { encodeSeen, seenAfterPrepare, seenAfterRead, seenAfterWrite, type SeenRow } from '../core/causality/seen-row.js';
import { replicasRequired, votesToRead } from '../core/quorum/consistency-level.js';
import { asItem, showItem, type ShownItem } from '../core/row/causal-map.js';
import { encodeDelta, isCell, type Delta, type Version } from '../core/row/delta.js';
import { firstPosition, lastPosition, positionBetween } from '../core/row/position.js';
import { VALUE_MAX_BYTES, type TableSchema } from '../core/row/table-schema.js';
import type { RowPlacement } from './cluster-view.js';
import type { DotMinter } from './dot-minter.js';
import type { HintedHandoff } from './hinted-handoff.js';
import { QuorumRead, type QuorumAnswer, type QuorumReadPorts } from './quorum-read.js';
import { QuorumWrite, type QuorumWritePorts } from './quorum-write.js';
import { asStoreError } from './read-repair.js';
import { check, checkItem, checkItems, decodeRequestDelta, filterOf, readTermsOf, refuseLevel, writeTermsOf, type Terms } from './request-terms.js';
import type { Page } from './row-records.js';
import { rowId } from './row-records.js';
import { UnacknowledgedWrites } from './unacknowledged-writes.js';
import { notSynced, rowDamaged } from './row-store.js';
import { mayBeSloppy } from './sloppy-quorum.js';

export interface CoordinatorPorts extends QuorumReadPorts, QuorumWritePorts {
  /** Throws where this node can store nothing, before anything was sent. */
  readonly checkWritable: (key: RowKey) => void;
  readonly zone: ZoneId;
  readonly hlc: HybridLogicalClock;
  readonly minter: DotMinter;
  readonly tables: ReadonlyMap<string, TableSchema>;
  /** Where a row lies; null when this node holds no copy of it. */
  readonly placementOf: (key: RowKey) => RowPlacement | null;
  /** The other replicas of a row in the order in which a read asks them: the preferred first, those known down last. */
  readonly inAskingOrder: (key: RowKey, others: readonly NodeId[]) => readonly NodeId[];
  readonly zoneOf: (node: NodeId) => ZoneId;
  /** Nodes that may stand in for the replicas of a row, in the order of its preference list. */
  readonly sparesOf: (key: RowKey) => readonly NodeId[];
  /** The replicas of a row, whether this node is one or not. */
  readonly replicasOf: (key: RowKey) => readonly NodeId[];
  /** Keeps a write for a replica, to be handed over: `settle` hears whether, once it is durable. */
  readonly keep: HintedHandoff['keep'];
  readonly isDown: (node: NodeId) => boolean;
  readonly replicationFactor: number;
}

export const LIST_LIMIT_MAX = 500;

/** What there is to say of the row and of the session after a request. */
interface RowAfter {
  readonly achieved: Achieved;
  readonly seen: SeenRow;
}

const replyOf = ({ achieved, seen }: RowAfter): RowReply => ({ achieved, seen: encodeSeen(seen) });

export class Coordinator {
  readonly #writes = new Map<string, Set<QuorumWrite>>();
  readonly #unacknowledged = new UnacknowledgedWrites();

  constructor(private readonly ports: CoordinatorPorts) {}

  /** A page of a row. Unsubscribing drops the read. Errors: see ListStore.list, and STORE_NOT_REPLICA, STORE_ROW_DAMAGED. */
  list(request: ListRequest, context: CallContext): Observable<ListReply> {
    return this.#run<ListReply>((call) => {
      const terms = readTermsOf(request, this.ports);
      check(Number.isInteger(request.limit) && request.limit >= 1 && request.limit <= LIST_LIMIT_MAX, `limit is 1 to ${LIST_LIMIT_MAX}`);
      const isNextPage = request.after !== undefined;
      refuseLevel(terms.level === 'LINEARIZABLE' && isNextPage, 'pages are read at different moments: a list is linearizable within one page');
      const wanted = filterOf(request, terms.schema);
      const take = (): Page => this.ports.rows.page(request, request.limit, request.after, wanted);
      this.#read(call, request, terms, this.#levelToRead(request, terms), context, take, (answer) => {
        const { achieved, seen } = replyOf(this.#afterRead(terms, answer));
        call.answer({ ...answer.value, achieved, seen });
      });
    });
  }

  /** Some items, all of one state of the row. Unsubscribing drops the read. Errors: see ListStore.get, and as for `list`. */
  get(request: GetRequest, context: CallContext): Observable<GetReply> {
    return this.#run<GetReply>((call) => {
      const terms = readTermsOf(request, this.ports);
      checkItems(request.items);
      const take = (): (Item | null)[] => request.items.map((item) => this.ports.rows.item(request, item));
      this.#read(call, request, terms, this.#levelToRead(request, terms), context, take, (answer) => call.answer({ items: answer.value, ...replyOf(this.#afterRead(terms, answer)) }));
    });
  }

  /**
   * The complete delta of an operation, or the final answer where there is nothing to do. Has no effect, so it may be
   * repeated and hedged; unsubscribing drops it.
   */
  prepare(request: PrepareRequest, context: CallContext): Observable<PrepareReply> {
    return this.#run<PrepareReply>((call) => {
      const terms = writeTermsOf(request, this.ports);
      const { level, seen } = terms;
      checkItem(request.item);
      this.#placementOf(request);
      this.ports.checkWritable(request);
      if (!this.ports.hasVote(request)) throw notSynced(request);
      const { operation } = request;
      if (operation.kind === 'add') {
        check(operation.value.length <= VALUE_MAX_BYTES, `a value has at most ${VALUE_MAX_BYTES} bytes`, 'STORE_VALUE_TOO_LARGE');
      }
      const pending = seen.pending.filter(({ item }) => item === request.item).map(({ dot }) => dot);
      if (request.pending !== undefined) pending.push(decodeRequestDelta(request.pending, request.item).dot);
      const mint = (found: Found | null, after: RowAfter): void => call.answer(this.#mint(request, terms, pending, found, after));
      // A new item at a place that names no neighbour depends on nothing: it is prepared without a word to anyone. Unless too
      // few replicas seem to be up: then they are asked, since a write is best refused while that is still without effect. And
      // a linearizable write, or one that sets, always learns first what it comes after.
      const isNew = operation.kind === 'add' && !isRelative(operation.placement) && this.ports.rows.latestItem(request, request.item) === null;
      if (isNew && !learnsFirst(terms) && this.#seemsInReach(request, terms)) {
        return mint(null, { achieved: this.#achieved(level, [this.ports.self]), seen });
      }
      const take = (): Found => {
        const { rows } = this.ports;
        return { item: rows.item(request, request.item), dots: operation.kind === 'remove' ? rows.dotsOf(request, request.item) : [] };
      };
      // What a session has seen is no reason for a write to rest on one replica.
      this.#read(call, request, terms, level === 'SESSION' ? 'QUORUM' : level, context, take, (answer) => mint(answer.value, this.#afterRead(terms, answer)));
    });
  }

  /** Gives a prepared delta to all replicas. Unsubscribing only stops waiting: the write goes on. */
  commit(request: CommitRequest, context: CallContext): Observable<CommitReply> {
    return this.#run<CommitReply>((call) => {
      const { schema, level, seen } = writeTermsOf(request, this.ports);
      const delta = decodeRequestDelta(request.delta);
      this.ports.checkWritable(request);
      // At ANY whoever keeps it does: where no replica is left to take the write, this node keeps it for them.
      if (level === 'ANY' && this.ports.placementOf(request) === null) return this.#keepForReplicas(call, request, delta, seen);
      const placement = this.#placementOf(request);
      const { hlc, clock } = this.ports;
      hlc.observe(delta.hlc, clock.wallMs());
      const id = rowId(request);
      const required = replicasRequired(level, this.ports.replicationFactor);
      const spares = mayBeSloppy(schema, level) ? this.#sparesOf(request) : null;
      const write = new QuorumWrite(this.ports, request, delta, placement, required, spares, context, (settled) => {
        this.#forget(id, write);
        if ('error' in settled) {
          this.#unacknowledged.add(request, delta.dot);
          call.fail(settled.error);
        } else {
          const { replicas, isSloppy: sloppy } = settled;
          const after = seenAfterWrite(seen, delta, this.#isQuorum(required) && !sloppy, hlc.last);
          call.answer(replyOf({ achieved: this.#achieved(level, replicas, { sloppy }), seen: after }));
        }
      });
      const writes = this.#writes.get(id);
      if (writes === undefined) this.#writes.set(id, new Set([write]));
      else writes.add(write);
      write.start();
    });
  }

  #keepForReplicas(call: Call<CommitReply>, request: CommitRequest, delta: Delta, seen: SeenRow): void {
    const owners = this.ports.replicasOf(request);
    let [left, keptCount] = [owners.length, 0];
    for (const owner of owners) {
      this.ports.keep(owner, request, delta, request.delta, (isKept) => {
        if (isKept) keptCount++;
        if (--left > 0) return;
        if (keptCount === 0) return call.fail(new TriptychError('STORE_QUORUM_UNAVAILABLE', 'there is no room to keep the write', { needed: 1, alive: 0 }));
        const after = seenAfterWrite(seen, delta, false, this.ports.hlc.last);
        call.answer(replyOf({ achieved: this.#achieved('ANY', [], { sloppy: true }), seen: after }));
      });
    }
  }

  /** A row was found damaged here: its pending writes lose the copy that they counted on, and its dots their memory. */
  rowDamaged(key: RowKey): void {
    this.ports.minter.renew();
    for (const write of [...(this.#writes.get(rowId(key)) ?? [])]) write.ownCopyDamaged();
  }

  // ---- inside

  /**
   * @param pending dots of earlier writes of the session whose outcome is unknown: superseded, whatever became of them
   * @param onQuorum the item as a quorum holds it; null where none was asked. What only this replica holds may still be lost, so an
   *   add rests on that alone; and so may what it has removed and not yet on disk, so a remove names the dots that the quorum
   *   showed as well as those that are left here (F4).
   */
  #mint(request: PrepareRequest, terms: Terms, pending: readonly Dot[], onQuorum: Found | null, after: RowAfter): PrepareReply {
    const { rows, minter, hlc, clock } = this.ports;
    const { schema } = terms;
    const { operation, item } = request;
    // What is found stays, but in a table whose adds set.
    const found = schema.siblings === 'latest' ? null : (onQuorum?.item ?? null);
    const removed = onQuorum?.dots ?? [];
    const versions = rows.latestVersions(request, item);
    const header = rows.latestHeader(request);
    if (header.isDamaged) throw rowDamaged(request);
    const shown = showItem(versions, schema.siblings);
    if (operation.kind === 'remove' && versions.length === 0 && removed.length === 0 && pending.length === 0) return { delta: null, item: null, ...replyOf(after) };
    if (operation.kind === 'move' && shown === null) throw new TriptychError('ITEM_NOT_FOUND', `${item} is not in the list`, { item });
    if (operation.kind === 'add') {
      if (found !== null && operation.placement === undefined && pending.length === 0) return { delta: null, item: found, ...replyOf(after) };
      if (shown === null && header.itemCount >= schema.maxItemsPerRow) {
        throw new TriptychError('LIST_FULL', `a list holds at most ${schema.maxItemsPerRow} items`, { max: schema.maxItemsPerRow });
      }
    }
    const dot = minter.mint(request, header.context);
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
    for (const also of [...removed, ...pending]) if (!dots.some((named) => sameDot(named, also))) dots.push(also);
    // What it comes after in real time it also comes after in date, whatever the clocks say (F16, F20).
    const date = learnsFirst(terms) ? Math.max(reading, ...versions.map((held) => Math.min(held.hlc + 1, Number.MAX_SAFE_INTEGER))) : reading;
    const delta: Delta = { item, dot, hlc: date, supersedes: dots, version };
    const { achieved, seen } = after;
    return { ...replyOf({ achieved, seen: seenAfterPrepare(seen, delta) }), delta: encodeDelta(delta), item: resultOf(delta, shown) };
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

  /**
   * A session is not shown alone what this node has not brought to a quorum: were its zone cut off, the session would have seen
   * what no other zone can show it, and nobody there could serve it.
   */
  #levelToRead(key: RowKey, { level }: Terms): ConsistencyLevel {
    return level === 'SESSION' && (this.#writes.has(rowId(key)) || this.#unacknowledged.has(key)) ? 'QUORUM' : level;
  }

  /** @param level that decides how many replicas are asked */
  #read<T>(call: Call<unknown>, key: RowKey, { seen }: Terms, level: ConsistencyLevel, context: CallContext, take: () => T, use: (answer: QuorumAnswer<T>) => void): void {
    const { replicationFactor: copies, inAskingOrder } = this.ports;
    const placement = this.#placementOf(key);
    const asked = { ...placement, others: inAskingOrder(key, placement.others) };
    const demand = { votes: votesToRead(level, copies, seen), copies, seen: seen.context, isLinearizable: level === 'LINEARIZABLE' };
    const read = new QuorumRead<T>(this.ports, key, asked, demand, context, take, (settled) => {
      if ('error' in settled) return call.fail(settled.error);
      const { row, votes } = settled.answer;
      if (this.#isQuorum(votes)) this.#unacknowledged.onQuorum(key, row.context);
      call.attempt(() => use(settled.answer));
    });
    call.onCancel(() => read.cancel());
    read.start();
  }

  /** @throws STORE_NOT_REPLICA */
  #placementOf(key: RowKey): RowPlacement {
    const placement = this.ports.placementOf(key);
    if (placement === null) {
      throw new TriptychError('STORE_NOT_REPLICA', `${this.ports.self} holds no copy of row ${key.row}`, { node: this.ports.self });
    }
    return placement;
  }

  #sparesOf(key: RowKey): NodeId[] {
    return this.ports.sparesOf(key).filter((node) => !this.ports.isDown(node));
  }

  /** Whether as many replicas as the level needs, or their stand-ins, can be reached, as far as is known; only answers say for certain. */
  #seemsInReach(key: RowKey, { schema, level }: Terms): boolean {
    const { self, isDown, isSilent } = this.ports;
    const { sets } = this.#placementOf(key);
    const alive = Math.min(...sets.map((set) => set.filter((node) => node === self || !(isDown(node) || isSilent(node))).length));
    const spares = mayBeSloppy(schema, level) ? this.#sparesOf(key).length : 0;
    return alive + spares >= replicasRequired(level, this.ports.replicationFactor);
  }

  #achieved(level: ConsistencyLevel, replicas: readonly NodeId[], more: Partial<Achieved> = {}): Achieved {
    const { self, zone, zoneOf, replicationFactor } = this.ports;
    const zones: ZoneId[] = [];
    for (const replica of replicas) {
      const its = zoneOf(replica);
      if (!zones.includes(its)) zones.push(its);
    }
    const { repaired = false, hedged = false, versions = 0, fallback = false, tokenAhead = false, sloppy = false } = more;
    return { level, node: self, zone, replicas, zones, replicationFactor, repaired, hedged, versions, fallback, tokenAhead, sloppy };
  }

  #afterRead({ level, seen }: Terms, { row, replicas, votes, versions, repaired, hedged, isSessionAhead }: QuorumAnswer<unknown>): RowAfter {
    const after = seenAfterRead(seen, row, this.#isQuorum(votes), this.ports.hlc.last);
    return { achieved: this.#achieved(level, replicas, { versions, repaired, hedged, tokenAhead: isSessionAhead }), seen: after };
  }

  #isQuorum(votes: number): boolean {
    return votes >= replicasRequired('QUORUM', this.ports.replicationFactor);
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

/** An item as a quorum holds it, and for a remove the dots of its versions, at one moment. */
interface Found {
  readonly item: Item | null;
  readonly dots: readonly Dot[];
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

/** Whether a write is to come after all that a quorum knows of its item. */
const learnsFirst = ({ level, schema }: Terms): boolean => level === 'LINEARIZABLE' || schema.siblings === 'latest';

const isRelative = (placement: Placement | undefined): boolean => typeof placement === 'object';

/** The item as the delta leaves it. */
function resultOf(delta: Delta, before: ShownItem | null): Item | null {
  const { version } = delta;
  if (version === null) return null;
  if (version.facet === 'place') return { ...asItem(before!), position: version.position };
  return { item: delta.item, position: version.position, value: version.value, writtenAtMs: physicalMs(delta.hlc) };
}
