/**
 * The ListStore over the replicated store. A request goes straight to a replica of its row, in the client's own zone if
 * one is well there, and to another within the same request when that one fails or is late: attempt-plan.ts has the rules.
 *
 * A read, and PREPARE, have no effect, so they may be asked of any replica any number of times, and the first success is
 * the answer. A write is one operation however often it is tried:
 *
 *     PREPARE ──> delta ──> COMMIT(delta) at the same coordinator, then at any other, the same bytes each time
 *
 * Once a delta is known, this request never asks for another: a second one would be a second operation, which can come to
 * light after the item was removed and bring it back (33 steps in the model). A failure after that either proves that no
 * COMMIT took effect, and is a plain error, or is an UncertainWrite carrying the delta. Refused: one call that mints and
 * writes, half the round trips, and unsafe to retry.
 *
 * A request that names a fallback is tried at its level for a while, and then at the fallback with all the time that is left:
 * here and not at a coordinator, since a coordinator that finds no quorum may be the one cut off, and another one knows
 * better. A write goes on with the delta that it has.
 *
 * Which deadline error: STORE_READ_TIMEOUT while nothing can have been applied (reads, PREPARE), DEADLINE_EXCEEDED once
 * something can, because the code alone must tell a caller whether it may have happened.
 */
import {
  type CallContext,
  type CommitReply,
  type CommitRequest,
  type ConsistencyLevel,
  type CountReply,
  type CountRequest,
  type GetReply,
  type GetRequest,
  type ListReply,
  type ListRequest,
  type NodeId,
  PATTERNS,
  type PrepareReply,
  type PrepareRequest,
  type RingMember,
  type RowReply,
  type RowRequest,
  TriptychError,
  type WatchEvent,
  type WatchRequest,
  type ZoneId,
} from '@app/contracts';
import { type CircuitRegistry, deferMap, deferThen } from '@app/circuit';
import { HedgeBudget, type HedgeBudgetPolicy } from '@app/store';
import type { Clock, Random } from '@app/time';
import { catchError, defer, map, type Observable, of, throwError } from 'rxjs';
import { isUnavailable, plainFailure, uncertainFailure } from './attempt-failure.js';
import type { AttemptPolicy } from './attempt-plan.js';
import { type AttemptListener, type AttemptRun, type AttemptsFailed, type AttemptSurroundings, runAttempts } from './attempt-run.js';
import { coordinatorOrder, nearestFirst } from './coordinator-order.js';
import { gatherCount, type ItemCount } from './count-gather.js';
import type { ListStore, ListStoreRequest, PendingWrite, RowEvent, WriteReply, WriteRequest } from './list-store.js';
import { NodeStandings, type StoreDependency } from './node-standing.js';
import type { PlacedRing } from './placed-ring.js';
import { type RingPolicy, RingView } from './ring-view.js';
import type { NodeAddress, StoreTransport } from './store-transport.js';
import { sameOperation, UncertainWrite } from './uncertain-write.js';
import { runWatch, type WatchPolicy } from './watch-run.js';

export interface ListStorePolicy {
  /** Reads and PREPARE. */
  readonly read: AttemptPolicy;
  readonly commit: AttemptPolicy;
  /** How long a request that names a fallback is tried at the level asked for, ms. */
  readonly fallbackAfterMs: number;
  readonly hedgeBudget: HedgeBudgetPolicy;
  /** How long a node that was overtaken by a hedge comes after the others, ms. */
  readonly lateForMs: number;
  readonly ring: RingPolicy;
  readonly watch: WatchPolicy;
}

/**
 * A read takes a few ms in a zone and a quorum two trips between zones, so 60 ms is late; a COMMIT waits for disks, and
 * another attempt costs every replica a second (idempotent) write, so 200 ms. The burst of hedges is what a gateway may
 * well have in flight to one node when that node hangs. A fallback after 150 ms leaves time for a second coordinator at either
 * level and an answer within 250 ms.
 */
export const defaultListStorePolicy: ListStorePolicy = {
  read: { hedgeAfterMs: 60, doubtAfterMs: 60, attemptsPerReplica: 1, retryPauseMs: 0 },
  commit: { hedgeAfterMs: 200, doubtAfterMs: 60, attemptsPerReplica: 4, retryPauseMs: 100 },
  fallbackAfterMs: 150,
  hedgeBudget: { perRequest: 0.1, burst: 100 },
  lateForMs: 2_000,
  ring: { refreshMs: 5_000, refreshAtMostEveryMs: 200, requestTimeoutMs: 1_000, retryMs: [100, 5_000] },
  watch: { silenceMs: 1_500, retryMs: [100, 1_000], homeAfterMs: 10_000 },
};

export interface ReplicatedListStoreOptions {
  /** Nodes that are asked for the ring before it is known. */
  readonly seeds: readonly NodeAddress[];
  /** Only this cluster's ring is believed; the first one learnt, where absent. */
  readonly clusterId?: string;
  /** How this client calls itself to the nodes. */
  readonly nodeName: string;
  /** Where this client is. */
  readonly zone: ZoneId;
  readonly transport: StoreTransport;
  /** With policies for `store-read` and `store-write`; a circuit of each for every node. */
  readonly circuits: CircuitRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly policy: ListStorePolicy;
  /** Told of each ring that is taken over. */
  readonly onRing?: (ring: PlacedRing) => void;
}

/** Counts since the start. One device request is one read, or for a write a PREPARE and mostly a COMMIT. */
export interface AttemptStats {
  /** Requests to the store: reads, PREPAREs and COMMITs, however often each was tried. */
  readonly requests: number;
  readonly attempts: number;
  /** Attempts made after another had failed. */
  readonly failovers: number;
  /** Attempts made beside one that was late. */
  readonly hedges: number;
  /** Late attempts that were overtaken by a later one. */
  readonly overtaken: number;
  /** Writes whose outcome the caller was not told. */
  readonly uncertainWrites: number;
}

/** A write whose delta is known, from its PREPARE or from an earlier request. */
interface KnownWrite {
  readonly pending: PendingWrite;
  /** By the session, this write as one of unknown outcome. */
  readonly seen: Uint8Array | undefined;
  /** The coordinator that prepared it, to be asked first. */
  readonly first?: NodeId;
  /** 'sent-write' once a COMMIT may have had an effect. */
  effect: 'write' | 'sent-write';
}

interface Phase {
  readonly pattern: string;
  readonly dependency: StoreDependency;
  /** What of a node decides whether it is a good choice now. */
  readonly needed: readonly StoreDependency[];
  readonly policy: AttemptPolicy;
}

export class ReplicatedListStore implements ListStore {
  readonly #options: ReplicatedListStoreOptions;
  readonly #ring: RingView;
  readonly #standings: NodeStandings;
  readonly #surroundings: AttemptSurroundings;
  /** Members as they lie from here, by the array they are in: a ring has one for all rows of a slot. */
  readonly #nearest = new WeakMap<readonly RingMember[], readonly RingMember[]>();
  readonly #read: Omit<Phase, 'pattern'>;
  readonly #prepare: Phase;
  readonly #commit: Phase;
  #stats: { -readonly [Count in keyof AttemptStats]: number } = {
    requests: 0,
    attempts: 0,
    failovers: 0,
    hedges: 0,
    overtaken: 0,
    uncertainWrites: 0,
  };

  constructor(options: ReplicatedListStoreOptions) {
    const { transport, circuits, clock, policy } = options;
    this.#options = options;
    this.#standings = new NodeStandings({ transport, circuits, clock, memberOf: (node) => this.#ring.ring?.find(node), lateForMs: policy.lateForMs });
    this.#ring = new RingView({
      ...options,
      policy: policy.ring,
      onRing: (ring) => {
        this.#standings.retain(ring.reply.members.map(({ node }) => node));
        options.onRing?.(ring);
      },
    });
    this.#read = { dependency: 'store-read', needed: ['store-read'], policy: policy.read };
    this.#prepare = { ...this.#read, pattern: PATTERNS.prepare, needed: ['store-read', 'store-write'] };
    this.#commit = { pattern: PATTERNS.commit, dependency: 'store-write', needed: ['store-write'], policy: policy.commit };
    const listener: AttemptListener = {
      begun: () => void this.#stats.requests++,
      started: (node, why) => {
        this.#standings.asked(node);
        this.#stats.attempts++;
        if (why === 'hedge') this.#stats.hedges++;
        if (why === 'failover') this.#stats.failovers++;
      },
      answered: (node) => this.#standings.heard(node),
      failed: (node, error) => {
        this.#standings.failed(node, error);
        if (error.code === 'STORE_NOT_REPLICA') this.#ring.refresh();
      },
      overtaken: (node) => {
        this.#stats.overtaken++;
        this.#standings.overtaken(node);
      },
    };
    this.#surroundings = { clock, budget: new HedgeBudget(policy.hedgeBudget), reach: this.#standings, listener };
  }

  /** Begins to learn the ring. Until one is known every request fails with STORE_QUORUM_UNAVAILABLE. */
  start(): void {
    this.#ring.start();
  }

  /** Stops following the ring. Requests under way run to their ends. */
  stop(): void {
    this.#ring.stop();
  }

  get ring(): RingView {
    return this.#ring;
  }

  get standings(): NodeStandings {
    return this.#standings;
  }

  stats(): AttemptStats {
    return { ...this.#stats };
  }

  /**
   * Unsubscribing cancels what is in flight, at the node too. A COMMIT that a coordinator has begun runs on there (what
   * it sent cannot be called back, so it rolls forward); one that it has not begun is dropped. Either way the caller who
   * left does not know, as after an UncertainWrite, but without the delta.
   */
  write(request: WriteRequest, context: CallContext): Observable<WriteReply> {
    const counted = (error: unknown): unknown => {
      if (error instanceof UncertainWrite) this.#stats.uncertainWrites++;
      return error;
    };
    return deferMap(() => this.#write(request, context), asItIs, counted);
  }

  #write({ table, row, item, operation, pending, seen, level: asked, fallback }: WriteRequest, context: CallContext): Observable<WriteReply> {
    if (pending !== undefined && !(pending.table === table && pending.row === row && pending.item === item)) {
      throw new TriptychError('REQUEST_INVALID', 'the pending write is of another item');
    }
    const isResumed = pending !== undefined && sameOperation(pending.operation, operation);
    let known: KnownWrite | null = isResumed ? { pending, seen, effect: 'sent-write' } : null;
    return this.#atLevels<WriteReply>(asked, fallback, context, (level, until) => {
      const terms: RowRequest = { table, row, ...(level && { level }), ...(seen && { seen }) };
      if (known !== null) return this.#commitDelta(known, terms, until);
      const payload: PrepareRequest = { ...terms, item, operation, ...(pending && { pending: pending.delta }) };
      const prepare = () => this.#ask(this.#prepare, payload, until, (value: PrepareReply, node) => ({ value, node }));
      return deferThen(prepare, ({ value: { delta, item: result, ...reply }, node }) => {
        if (delta === null) return of({ item: result, ...reply });
        known = { pending: { table, row, item, operation, delta, result }, seen: reply.seen, first: node, effect: 'write' };
        return this.#commitDelta(known, terms, until);
      });
    });
  }

  list(request: ListRequest & ListStoreRequest, context: CallContext): Observable<ListReply> {
    return this.#readAtLevels({ ...this.#read, pattern: PATTERNS.list }, request, context);
  }

  get(request: GetRequest & ListStoreRequest, context: CallContext): Observable<GetReply> {
    return this.#readAtLevels({ ...this.#read, pattern: PATTERNS.get }, request, context);
  }

  count(request: CountRequest, context: CallContext): Observable<ItemCount> {
    return defer(() => {
      const ring = this.#ring.ring;
      if (ring === null) return throwError(() => new TriptychError('STORE_QUORUM_UNAVAILABLE', 'no ring is known yet', { needed: 1, alive: 0 }));
      const { clock, transport, policy } = this.#options;
      const nodes = this.#order(ring, ring.reply.members, this.#read.needed);
      const zones = [...Map.groupBy(nodes, (member) => member.zone).values()];
      const call = (member: RingMember, asked: CountRequest, until: CallContext): Observable<CountReply> =>
        this.#standings.circuit('store-read', member.node).protect(transport.call(member, PATTERNS.count, asked, until) as Observable<CountReply>);
      return gatherCount({ zones, ring: ring.sets, call, clock, nextZoneAfterMs: policy.read.hedgeAfterMs }, request, context);
    });
  }

  watch(request: WatchRequest, context: CallContext): Observable<RowEvent> {
    const { clock, random, transport, policy } = this.#options;
    return runWatch({
      request,
      candidates: () => this.#candidates(request, { ...this.#read, pattern: PATTERNS.watch }, undefined),
      // Not through a circuit, which waits for ends: a stream has none.
      call: (node, asked) => transport.call(this.#ring.ring!.member(node), PATTERNS.watch, asked, context) as Observable<WatchEvent>,
      onFailure: (node, error) => {
        if (error === null) this.#standings.overtaken(node);
        if (error?.code === 'STORE_NOT_REPLICA') this.#ring.refresh();
      },
      deadlineMs: context.deadlineMs,
      policy: policy.watch,
      clock,
      random,
    });
  }

  #readAtLevels<T extends RowReply>(phase: Phase, { fallback, ...asked }: ListStoreRequest, context: CallContext): Observable<T> {
    return this.#atLevels(asked.level, fallback, context, (level, until) =>
      this.#ask(phase, level === asked.level ? asked : { ...asked, level }, until, asItIs<T>),
    );
  }

  /** At the level asked for, and where that cannot be had at the fallback, if one is named. */
  #atLevels<T extends RowReply>(
    level: ConsistencyLevel | undefined,
    fallback: ConsistencyLevel | undefined,
    context: CallContext,
    ask: (level: ConsistencyLevel | undefined, context: CallContext) => Observable<T>,
  ): Observable<T> {
    if (fallback === undefined) return ask(level, context);
    return defer(() => {
      const { clock, policy } = this.#options;
      const deadlineMs = Math.min(context.deadlineMs, clock.monotonicMs() + policy.fallbackAfterMs);
      return ask(level, { ...context, deadlineMs }).pipe(
        catchError((error: unknown) => {
          if (!isUnavailable(error)) return throwError(() => error);
          return ask(fallback, context).pipe(map((reply) => ({ ...reply, achieved: { ...reply.achieved, fallback: true } })));
        }),
      );
    });
  }

  #ask<T, R>(phase: Phase, payload: RowRequest, context: CallContext, answer: (value: T, node: NodeId) => R): Observable<R> {
    return this.#run(phase, payload, context, { effect: 'none', answer, failure: (failed) => this.#plain(failed, payload) });
  }

  #commitDelta(known: KnownWrite, terms: RowRequest, context: CallContext): Observable<WriteReply> {
    const { pending, seen, first, effect } = known;
    const payload: CommitRequest = { ...terms, delta: pending.delta, ...(seen && { seen }) };
    const answer = (reply: CommitReply): WriteReply => ({ item: pending.result, ...reply });
    const failure = (failed: AttemptsFailed): TriptychError => {
      if (!failed.uncertain) return this.#plain(failed, terms);
      known.effect = 'sent-write';
      return uncertainFailure(failed, pending, seen);
    };
    return this.#run(this.#commit, payload, context, { effect, answer, failure }, first);
  }

  #run<T, R>(
    phase: Phase,
    payload: RowRequest,
    context: CallContext,
    { effect, answer, failure }: Pick<AttemptRun<T, R>, 'effect' | 'answer' | 'failure'>,
    first?: NodeId,
  ): Observable<R> {
    const { pattern, dependency, policy } = phase;
    const { clock, transport } = this.#options;
    const run: AttemptRun<T, R> = {
      candidates: () => this.#candidates(payload, phase, first),
      attempt: (node) => {
        const circuit = this.#standings.circuit(dependency, node);
        // No longer than the circuit waits: a coordinator that nobody waits for any more stops, and says what it found before.
        const until = { ...context, deadlineMs: Math.min(context.deadlineMs, clock.monotonicMs() + circuit.policy.timeoutMs) };
        return circuit.protect(transport.call(this.#ring.ring!.member(node), pattern, payload, until) as Observable<T>);
      },
      answer,
      failure,
      effect,
      deadlineMs: context.deadlineMs,
      policy,
    };
    return runAttempts(run, this.#surroundings);
  }

  #candidates(key: RowRequest, { pattern, needed }: Pick<Phase, 'pattern' | 'needed'>, first: NodeId | undefined): readonly NodeId[] {
    const ring = this.#ring.ring;
    if (ring === null) return [];
    // At ANY a write that is prepared may be kept by any node; only a replica prepares one.
    const others = pattern === PATTERNS.commit && key.level === 'ANY' ? this.#order(ring, ring.sparesOf(key), needed) : [];
    const nodes = [...this.#order(ring, ring.replicasOf(key), needed), ...others].map(({ node }) => node);
    return first !== undefined && nodes.includes(first) ? [first, ...nodes.filter((node) => node !== first)] : nodes;
  }

  #order(ring: PlacedRing, members: readonly RingMember[], needed: readonly StoreDependency[]): readonly RingMember[] {
    let nearest = this.#nearest.get(members);
    if (nearest === undefined) {
      const { zone } = this.#options;
      this.#nearest.set(members, (nearest = nearestFirst(members, { zone, region: ring.regionOf(zone) })));
    }
    return coordinatorOrder(nearest, (member) => this.#standings.standingOf(member, needed));
  }

  #plain(failed: AttemptsFailed, { level = 'QUORUM' }: RowRequest): TriptychError {
    return plainFailure(failed, this.#ring.ring?.replicasNeeded(level) ?? 1);
  }
}

const asItIs = <T>(value: T): T => value;
