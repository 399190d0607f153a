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
 * Which deadline error: STORE_READ_TIMEOUT while nothing can have been applied (reads, PREPARE), DEADLINE_EXCEEDED once
 * something can, because the code alone must tell a caller whether it may have happened.
 */
import {
  type CallContext,
  type CommitReply,
  type CommitRequest,
  type ConsistencyLevel,
  type GetReply,
  type GetRequest,
  type ListReply,
  type ListRequest,
  type NodeId,
  PATTERNS,
  type PrepareReply,
  type PrepareRequest,
  type RowKey,
  TriptychError,
  type ZoneId,
} from '@app/contracts';
import type { CircuitRegistry } from '@app/circuit';
import type { Clock, Random } from '@app/time';
import { catchError, concatMap, defer, map, type Observable, of, throwError } from 'rxjs';
import { plainFailure, uncertainFailure } from './attempt-failure.js';
import type { AttemptPolicy } from './attempt-plan.js';
import { type Answered, type AttemptListener, type AttemptRun, AttemptsFailed, runAttempts } from './attempt-run.js';
import { coordinatorOrder } from './coordinator-order.js';
import { HedgeBudget, type HedgeBudgetPolicy } from './hedge-budget.js';
import type { ListStore, PendingWrite, WriteReply, WriteRequest } from './list-store.js';
import { NodeStandings, type StoreDependency } from './node-standing.js';
import type { PlacedRing } from './placed-ring.js';
import { type RingPolicy, RingView } from './ring-view.js';
import type { NodeAddress, StoreTransport } from './store-transport.js';
import { sameOperation } from './uncertain-write.js';

export interface ListStorePolicy {
  /** Reads and PREPARE. */
  readonly read: AttemptPolicy;
  readonly commit: AttemptPolicy;
  readonly hedgeBudget: HedgeBudgetPolicy;
  /** How long a node that was overtaken by a hedge comes after the others, ms. */
  readonly lateForMs: number;
  readonly ring: RingPolicy;
}

/**
 * A read takes a few ms in a zone and a quorum two trips between zones, so 60 ms is late; a COMMIT waits for disks, and
 * another attempt costs every replica a second (idempotent) write, so 200 ms. The burst of hedges is what a gateway may
 * well have in flight to one node when that node hangs.
 */
export const defaultListStorePolicy: ListStorePolicy = {
  read: { hedgeAfterMs: 60, attemptsPerReplica: 1, retryPauseMs: 0 },
  commit: { hedgeAfterMs: 200, attemptsPerReplica: 4, retryPauseMs: 100 },
  hedgeBudget: { perRequest: 0.1, burst: 100 },
  lateForMs: 2_000,
  ring: { refreshMs: 5_000, refreshAtMostEveryMs: 200, requestTimeoutMs: 1_000, retryMs: [100, 5_000] },
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
  readonly #budget: HedgeBudget;
  readonly #listener: AttemptListener;
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
    this.#standings = new NodeStandings({ transport, circuits, clock, lateForMs: policy.lateForMs });
    this.#budget = new HedgeBudget(policy.hedgeBudget);
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
    this.#listener = {
      started: (_, why) => {
        this.#stats.attempts++;
        if (why === 'hedge') this.#stats.hedges++;
        if (why === 'failover') this.#stats.failovers++;
      },
      failed: (_, error) => {
        if (error.code === 'STORE_NOT_REPLICA') this.#ring.refresh();
      },
      overtaken: (node) => {
        this.#stats.overtaken++;
        this.#standings.overtaken(node);
      },
    };
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
    return defer(() => {
      const { table, row, item, operation, level, pending } = request;
      if (pending !== undefined && !(pending.table === table && pending.row === row && pending.item === item)) {
        return throwError(() => new TriptychError('REQUEST_INVALID', 'the pending write is of another item'));
      }
      if (pending !== undefined && sameOperation(pending.operation, operation)) {
        return this.#commitDelta(pending, level, context, 'sent-write');
      }
      const payload: PrepareRequest = { table, row, item, operation, level, ...(pending && { pending: pending.delta }) };
      return this.#ask<PrepareReply>(this.#prepare, payload, context).pipe(
        concatMap(({ value: { delta, item: result, achieved }, node }) =>
          delta === null
            ? of({ item: result, achieved })
            : this.#commitDelta({ table, row, item, operation, delta, result }, level, context, 'write', node),
        ),
      );
    });
  }

  list(request: ListRequest, context: CallContext): Observable<ListReply> {
    return this.#ask<ListReply>({ ...this.#read, pattern: PATTERNS.list }, request, context).pipe(map(({ value }) => value));
  }

  get(request: GetRequest, context: CallContext): Observable<GetReply> {
    return this.#ask<GetReply>({ ...this.#read, pattern: PATTERNS.get }, request, context).pipe(map(({ value }) => value));
  }

  #ask<T>(phase: Phase, payload: RowKey & { level: ConsistencyLevel }, context: CallContext): Observable<Answered<T>> {
    return this.#run<T>(phase, payload, context, 'none').pipe(
      catchError((error: unknown) => throwError(() => this.#plain(error, payload.level))),
    );
  }

  /** @param first the coordinator that prepared it, to be asked first */
  #commitDelta(
    pending: PendingWrite,
    level: ConsistencyLevel,
    context: CallContext,
    effect: 'write' | 'sent-write',
    first?: NodeId,
  ): Observable<WriteReply> {
    const { table, row, delta, result } = pending;
    const payload: CommitRequest = { table, row, delta, level };
    return this.#run<CommitReply>(this.#commit, payload, context, effect, first).pipe(
      map(({ value: { achieved } }) => ({ item: result, achieved })),
      catchError((error: unknown) =>
        throwError(() => {
          if (!(error instanceof AttemptsFailed && error.uncertain)) return this.#plain(error, level);
          this.#stats.uncertainWrites++;
          return uncertainFailure(error, pending);
        }),
      ),
    );
  }

  #run<T>(
    { pattern, dependency, needed, policy }: Phase,
    payload: RowKey,
    context: CallContext,
    effect: AttemptRun<T>['effect'],
    first?: NodeId,
  ): Observable<Answered<T>> {
    const { clock, transport } = this.#options;
    const run: AttemptRun<T> = {
      candidates: () => this.#candidates(payload, needed, first),
      attempt: (node) => {
        const call$ = transport.call(this.#ring.ring!.member(node), pattern, payload, context) as Observable<T>;
        return this.#standings.circuit(dependency, node).protect(call$);
      },
      effect,
      deadlineMs: context.deadlineMs,
      policy,
    };
    return defer(() => {
      this.#stats.requests++;
      return runAttempts(run, { clock, budget: this.#budget, listener: this.#listener });
    });
  }

  #candidates(key: RowKey, needed: readonly StoreDependency[], first: NodeId | undefined): readonly NodeId[] {
    const ring = this.#ring.ring;
    if (ring === null) return [];
    const { zone } = this.#options;
    const place = { zone, region: ring.regionOf(zone) };
    const nodes = coordinatorOrder(ring.replicasOf(key), place, (member) => this.#standings.standingOf(member, needed)).map(
      ({ node }) => node,
    );
    return first !== undefined && nodes.includes(first) ? [first, ...nodes.filter((node) => node !== first)] : nodes;
  }

  #plain(error: unknown, level: ConsistencyLevel): unknown {
    return error instanceof AttemptsFailed ? plainFailure(error, this.#ring.ring?.replicasNeeded(level) ?? 1) : error;
  }
}
