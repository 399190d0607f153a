/**
 * One node: its rows, its answers to peers, its work as a coordinator; started and stopped as one.
 * Everything it touches comes through ports, so the same node runs in a service and, many at a time, in a simulation.
 */
import { Observable } from 'rxjs';
import { TriptychError, type CallContext, type CommitReply, type CommitRequest, type CountReply, type CountRequest, type GetReply, type GetRequest, type HeldRow, type ListReply, type ListRequest, type NodeId, type PrepareReply, type PrepareRequest, type RingMember, type RingReply, type RowKey, type WatchEvent, type WatchRequest, type ZoneId } from '@app/contracts';
import type { Cancel, Clock, Random } from '@app/time';
import { HybridLogicalClock } from '../core/causality/hybrid-logical-clock.js';
import { replicasRequired } from '../core/quorum/consistency-level.js';
import { HedgeBudget, type HedgeBudgetPolicy } from '../core/quorum/hedge-budget.js';
import { everyone, type Membership } from '../core/membership/membership.js';
import { leafOf } from '../core/merkle/merkle-tree.js';
import { tokenOf } from '../core/ring/token.js';
import { RowHasher } from '../core/row/row-header.js';
import { PERIODIC_UNSYNCED, type UnsyncedReason } from '../core/sync/unsynced-slots.js';
import { TABLES, type TableSchema } from '../core/row/table-schema.js';
import { ringOf, type ClusterView } from './cluster-view.js';
import type { EngineStats, Recovery, StorageEngine } from '../ports/storage-engine.js';
import type { MemberRequestBody, PeerReply, PeerRequest, PeerRequestBody, PeerTransport } from '../ports/transport.js';
import { ANTI_ENTROPY_SETTINGS, AntiEntropy, type AntiEntropySettings, type AntiEntropyStats } from './anti-entropy.js';
import { ClusterMembers, MEMBER_REQUESTS, type MembershipStatus } from './cluster-members.js';
import { Coordinator } from './coordinator.js';
import { DynamicSnitch } from './dynamic-snitch.js';
import { DotMinter } from './dot-minter.js';
import { EpochOperations } from './epoch-operations.js';
import { FailureDetector, type FailureDetectorSettings, type FailureDetectorStats, type PeerStanding } from './failure-detector.js';
import { HINT_SETTINGS, HintedHandoff, type HintSettings, type HintStats } from './hinted-handoff.js';
import { ItemCounts } from './item-counts.js';
import { LatencyTracker, type PeerLatency } from './latency-tracker.js';
import { heldRow } from './held-row.js';
import { isFenced, PeerCalls } from './peer-calls.js';
import { Replica, type Answer } from './replica.js';
import { RowRebuild } from './row-rebuild.js';
import { RowRelease, type RowReleaseStats } from './row-release.js';
import { notSynced, rowDamaged, RowStore } from './row-store.js';
import { RowTree } from './row-tree.js';
import { EVERYTHING, RowWatches, type Demand, type RowWatchLimits, type RowWatchStats } from './row-watch.js';
import { allSlots, SlotSync, type SlotSyncSettings, type SlotSyncStats } from './slot-sync.js';
import { Witness, type Standing, type WitnessStats } from './witness.js';
import { SCRUB_SETTINGS, Scrubber, type ScrubSettings, type ScrubStats } from './scrubber.js';

export interface StoreNodeOptions {
  readonly view: ClusterView;
  readonly engine: StorageEngine;
  readonly transport: PeerTransport;
  readonly clock: Clock;
  readonly random: Random;
  /** Keys the row digests; 16 bytes, the same on all nodes of the cluster. */
  readonly digestKey: Uint8Array;
  readonly tables?: readonly TableSchema[];
  readonly hedgeBudget?: HedgeBudgetPolicy;
  readonly failureDetector?: FailureDetectorSettings;
  readonly hints?: HintSettings;
  readonly antiEntropy?: AntiEntropySettings;
  readonly scrub?: ScrubSettings;
  readonly slotSync?: SlotSyncSettings;
  readonly watches?: RowWatchLimits;
  /** How the directory was found (Recovery): as it was left, and none that was copied, where nothing is said. */
  readonly recovery?: Pick<Recovery, 'isNew' | 'cleanStop' | 'sameDirectory' | 'isCut'>;
  /** What this node was told of a cluster that it helps to found; null for one that is to join. What is on its disk goes before it. */
  readonly founding: Membership | null;
  /** Nodes asked for the membership beside its members. */
  readonly seeds?: readonly NodeId[];
  /** Told of the members whenever these change, and at once. */
  readonly onMembers?: (members: readonly RingMember[]) => void;
}

export interface StoreNodeStats {
  readonly engine: EngineStats;
  /** Messages to peers, by kind. */
  readonly asked: Readonly<Record<PeerRequestBody['kind'], number>>;
  readonly damagedRows: number;
  readonly rebuiltRows: number;
  readonly hints: HintStats;
  readonly antiEntropy: AntiEntropyStats;
  readonly scrub: ScrubStats;
  readonly slotSync: SlotSyncStats;
  readonly witness: WitnessStats;
  readonly membership: MembershipStatus;
  readonly release: RowReleaseStats;
  readonly watches: RowWatchStats;
  /** How each peer stands with this node, and how fast it answers reads. */
  readonly peers: Readonly<Record<NodeId, PeerStanding & PeerLatency>>;
  readonly stalls: FailureDetectorStats['stalls'];
  readonly stalledMs: FailureDetectorStats['stalledMs'];
}

/** Reads that are hedged, at most one in twenty; and as many at once as a replica may hold up before it is passed over. */
const HEDGE_BUDGET: HedgeBudgetPolicy = { perRequest: 0.05, burst: 20 };
/** How long a read may take that brings a row up to date for its listeners. */
const OWN_READ_MS = 1_000;

export class StoreNode {
  readonly rows: RowStore;
  readonly members: ClusterMembers;
  readonly #operations = new EpochOperations();
  readonly #coordinator: Coordinator;
  readonly #replica: Replica;
  readonly #rebuild: RowRebuild;
  readonly #handoff: HintedHandoff;
  readonly #tree: RowTree;
  readonly #antiEntropy: AntiEntropy;
  readonly #counts: ItemCounts;
  readonly #scrubber: Scrubber;
  readonly #slotSync: SlotSync;
  readonly #release: RowRelease;
  readonly #watches: RowWatches;
  readonly #witness: Witness;
  readonly #latencies: LatencyTracker;
  readonly #detector: FailureDetector;
  readonly #hlc = new HybridLogicalClock();
  readonly #calls: PeerCalls;

  constructor(private readonly options: StoreNodeOptions) {
    const { view, engine, transport, clock, random } = options;
    this.#latencies = new LatencyTracker(clock);
    this.#calls = new PeerCalls({
      view,
      transport,
      clock,
      hlc: this.#hlc,
      latencies: this.#latencies,
      standing: () => this.#detector,
      fence: () => this.members,
    });
    const { ask, send } = this.#calls;
    this.members = new ClusterMembers({
      view,
      engine,
      clock,
      random,
      founding: options.founding,
      seeds: options.seeds ?? [],
      send: this.#calls.sendAsIs,
      isDown: (node) => this.#detector.isDown(node),
      isDirectoryKnown: () => this.#witness.isKnown,
      waitingSlots: () => this.#slotSync.waitingSlots,
      beginSync: (slots, record, settled) => this.#slotSync.begin(slots, 'joining', { beside: [record], settled }),
      onEpoch: (_from, to) => {
        options.onMembers?.(everyone(to));
        this.#slotSync.sourcesChanged();
        this.#release.epochChanged();
        this.#operations.epochChanged();
        this.#counts.ringChanged();
        this.#watches.review();
      },
    });
    if (view.membership !== null) options.onMembers?.(everyone(view.membership));
    const tables = new Map((options.tables ?? TABLES).map((table) => [table.name, table]));
    const siblingRuleOf = (table: string): TableSchema['siblings'] => tables.get(table)?.siblings ?? 'latest';
    const onDamage = (key: RowKey): void => {
      this.#coordinator.rowDamaged(key);
      this.#rebuild.damaged(key);
      this.#tree.forget(key);
      this.#counts.recount();
    };
    const minter = new DotMinter(random);
    const hasher = new RowHasher(options.digestKey);
    this.rows = new RowStore(engine, hasher, siblingRuleOf, onDamage, (key, before, after, gains) => {
      const leaf = leafOf(tokenOf(key.table, key.row));
      minter.durable(key, after.context);
      this.#tree.changed(key, before, after, leaf);
      this.#counts.changed(key, leaf, gains);
      this.#watches.changed(key);
    }, (table) => tables.get(table)?.durability ?? 'commit');
    this.#tree = new RowTree(this.rows, hasher, options.digestKey, clock);
    const shared = { rows: this.rows, clock, ask, placementOf: (key: RowKey) => view.placementOf(key) };
    this.#detector = new FailureDetector(
      {
        clock,
        random,
        peers: () => view.peers,
        isUnconnected: (node) => transport.isDown(node),
        ping: (node, context) => send(node, { kind: 'ping', from: view.self }, context, () => {}),
        onBeat: () => snitch.probe(),
        onStall: () => this.#latencies.stalled(),
      },
      options.failureDetector,
    );
    const isDown = (node: NodeId): boolean => this.#detector.isDown(node);
    const snitch = new DynamicSnitch({ clock, ask: shared.ask, latencies: this.#latencies, isDown, isSuspect: (node) => this.#detector.isSuspect(node) });
    this.#slotSync = new SlotSync(
      {
        ...shared,
        engine,
        askSlots: send,
        sourcesOf: (slot) => view.sourcesOf(slot),
        isDown,
        replicationFactor: view.replicationFactor,
        isPeriodic: (table) => tables.get(table)?.durability === 'periodic',
        renewActor: () => minter.renew(),
        isKnown: () => this.#witness.isKnown,
      },
      options.slotSync,
    );
    const { isNew, cleanStop, sameDirectory, isCut } = options.recovery ?? { isNew: true, cleanStop: false, sameDirectory: true, isCut: false };
    const hasPeriodic = [...tables.values()].some(({ durability }) => durability === 'periodic');
    if (isCut) this.#slotSync.begin(allSlots(), 'cut-log');
    else if (hasPeriodic && !isNew && !cleanStop) this.#slotSync.begin(allSlots(), 'unclean-stop', { scope: PERIODIC_UNSYNCED });
    this.#witness = new Witness({
      self: view.self,
      engine,
      clock,
      random,
      sameDirectory,
      peers: () => (view.peers.length > 0 ? view.peers : (options.seeds ?? [])),
      ask: send,
      isAmnesic: () => this.#slotSync.isAmnesic,
      forgetAll: (reason, record, settled) => {
        this.members.forgot();
        this.#slotSync.begin(allSlots(), reason, { beside: [record], settled });
      },
    });
    this.#release = new RowRelease({ ...shared, view });
    this.#rebuild = new RowRebuild({ ...shared, replicationFactor: view.replicationFactor });
    this.#handoff = new HintedHandoff(
      {
        engine,
        clock,
        random,
        ask: shared.ask,
        self: view.self,
        isMember: (node) => view.isMember(node),
        replicasOf: (key) => view.replicasOf(key),
        applyHere: (key, delta, settled) => this.rows.apply(key, delta, settled),
        isDown,
        onDropped: (target) => this.#antiEntropy.owe(target),
      },
      options.hints ?? HINT_SETTINGS,
    );
    this.#antiEntropy = new AntiEntropy(
      {
        ...shared,
        self: view.self,
        tree: this.#tree,
        askTree: send,
        random,
        sharedSlots: () => view.sharedSlots,
        isDown,
        hasVoteForAll: (slots) => this.#slotSync.hasVoteForAll(slots),
      },
      options.antiEntropy ?? ANTI_ENTROPY_SETTINGS,
    );
    this.#counts = new ItemCounts({
      rows: this.rows,
      clock,
      self: view.self,
      ring: () => (view.epoch === 0 ? null : ringOf(view.describe().members, view.replicationFactor)),
      isCounted: (table) => tables.get(table)?.counted === true,
      hasVoteForAll: (slots) => this.#slotSync.hasVoteForAll(slots),
    });
    this.#watches = new RowWatches(
      {
        rows: this.rows,
        clock,
        obstacle: (key) => this.#watchObstacle(key, tables),
        bringUpToDate: (key, seen) => this.list({ ...key, limit: 1, level: 'QUORUM', seen }, this.#ownContext()),
      },
      options.watches,
    );
    this.#scrubber = new Scrubber(
      {
        ...shared,
        engine,
        hasher,
        siblingRuleOf,
        tree: this.#tree,
        isReplica: (key) => view.placementOf(key) !== null,
        indexesRewritten: (key) => {
          this.#tree.forget(key);
          this.#counts.recount();
        },
        dropHint: (recordKey) => this.#handoff.damaged(recordKey),
      },
      options.scrub ?? SCRUB_SETTINGS,
    );
    this.#replica = new Replica(this.rows, this.#antiEntropy, this.#hlc, clock, this.#slotSync, this.#witness, (...hint) => this.#handoff.keep(...hint));
    this.#coordinator = new Coordinator({
      ...shared,
      self: view.self,
      zone: view.zone,
      hlc: this.#hlc,
      minter,
      hasVote: (key) => this.#slotSync.hasVote(key),
      checkWritable: (key) => {
        if (engine.state !== 'open') throw readOnly(view.self);
        if (!this.#witness.mayAcknowledge) throw notSynced(key);
      },
      tables,
      zoneOf: (node): ZoneId => view.zoneOf(node),
      isDown,
      owe: (node, key, delta, bytes) => this.#handoff.owe(node, key, delta, bytes),
      sparesOf: (key) => view.sparesOf(key),
      replicasOf: (key) => view.replicasOf(key),
      keep: (...hint) => this.#handoff.keep(...hint),
      replicationFactor: view.replicationFactor,
      inAskingOrder: (key, others) => snitch.order(key, others),
      hedgeDelayMs: (node) => this.#latencies.hedgeDelayMs(node),
      hedgeBudget: new HedgeBudget(options.hedgeBudget ?? HEDGE_BUDGET),
      isSurelyDown: (node) => this.#detector.isSurelyDown(node),
      isSilent: (node) => this.#detector.isSilent(node),
      doubted: (node) => this.#detector.doubted(node),
      stoodStill: (lateMs) => this.#detector.stoodStill(lateMs),
    });
  }

  get id(): NodeId {
    return this.options.view.self;
  }

  list = (request: ListRequest, context: CallContext): Observable<ListReply> => this.#operations.run(() => this.#whenKnown(() => this.#coordinator.list(request, context)));
  get = (request: GetRequest, context: CallContext): Observable<GetReply> => this.#operations.run(() => this.#whenKnown(() => this.#coordinator.get(request, context)));
  prepare = (request: PrepareRequest, context: CallContext): Observable<PrepareReply> => this.#operations.run(() => this.#whenKnown(() => this.#coordinator.prepare(request, context)));
  commit = (request: CommitRequest, context: CallContext): Observable<CommitReply> => this.#operations.run(() => this.#whenKnown(() => this.#coordinator.commit(request, context)), true);

  /**
   * What becomes of a row, as this replica has it: row-watch.ts. Never completes. Errors: WATCH_LIMIT, REQUEST_INVALID; and what
   * says that another replica may do better: STORE_NOT_REPLICA, STORE_QUORUM_UNAVAILABLE, STORE_DRAINING, and those of a read.
   */
  watch = (request: WatchRequest, _context: CallContext, demand: Demand = EVERYTHING): Observable<WatchEvent> => this.#whenKnown(() => this.#watches.watch(request, demand));

  /** Before a stop in order: listeners go on at other replicas. */
  endWatches(): void {
    this.#watches.end(new TriptychError('STORE_DRAINING', `${this.id} is about to stop`, { node: this.id }));
  }

  /** What a peer asks of this replica. */
  peer = (request: PeerRequest, _context: CallContext): Observable<PeerReply> => {
    if ('from' in request) this.#detector.calledBy(request.from);
    return isFenced(request) ? this.#whenKnown(() => this.#answerPeer(request)) : this.#answerPeer(request);
  };

  ring = (): RingReply => this.options.view.describe();

  /** In how many rows an item is, as far as this node knows. @throws REQUEST_INVALID */
  count = (request: CountRequest): CountReply => this.#counts.answer(request);

  /** A row as this replica holds it on its disk, for an administrator; of a long list the first items alone. */
  heldRow(key: RowKey): HeldRow {
    return heldRow(this.rows, key, this.#slotSync.hasVote(key));
  }

  stats(): StoreNodeStats {
    return {
      engine: this.options.engine.stats(),
      asked: this.#calls.counts(),
      damagedRows: this.#rebuild.waitingCount,
      rebuiltRows: this.#rebuild.rebuiltCount,
      hints: this.#handoff.stats(),
      antiEntropy: this.#antiEntropy.stats(),
      scrub: this.#scrubber.stats(),
      slotSync: this.#slotSync.stats(),
      witness: this.#witness.stats(),
      membership: this.members.status(),
      release: this.#release.stats(),
      watches: this.#watches.stats(),
      ...this.#peerStats(),
    };
  }

  #peerStats(): Pick<StoreNodeStats, 'peers' | 'stalls' | 'stalledMs'> {
    const { peers, ...stalls } = this.#detector.stats();
    const health = Object.entries(peers).map(([node, standing]) => [node, { ...standing, ...this.#latencies.latency(node as NodeId) }]);
    return { peers: Object.fromEntries(health), ...stalls };
  }

  /** What this node's disk is, by its own word and its peers'; unknown just after a start. */
  get standing(): Standing {
    return this.#witness.standing;
  }

  /** Before a stop in order: peers hear how far this node has come. */
  farewell(): void {
    this.#witness.farewell();
  }

  /**
   * Rows in these slots of the ring may lack what others have: no vote for them from now on, and a sync from their sources. For a
   * node that is given slots, or given them back with whatever old rows it still has. `settled` once that is durable: before that
   * it must not serve them.
   */
  syncSlots(slots: Iterable<number>, reason: Extract<UnsyncedReason, 'joining' | 'regained'>, settled: (error?: Error) => void = () => {}): void {
    this.#slotSync.begin(slots, reason, { settled });
  }

  /** Slots of this node that wait for their sync. */
  get waitingSlots(): number {
    return this.#slotSync.waitingSlots;
  }

  /** Called each time no slot is waiting any more. The answer ends that. */
  onSynced(listener: () => void): Cancel {
    return this.#slotSync.onSynced(listener);
  }

  /** Stops what runs by itself. The engine is its owner's to close. */
  stop(): void {
    this.#watches.stop();
    this.members.stop();
    this.#release.stop();
    this.#witness.stop();
    this.#slotSync.stop();
    this.#scrubber.stop();
    this.#detector.stop();
    this.#antiEntropy.stop();
    this.#counts.stop();
    this.#tree.stop();
    this.#handoff.stop();
    this.#rebuild.stop();
  }

  #watchObstacle(key: RowKey, tables: ReadonlyMap<string, TableSchema>): TriptychError | null {
    const { view } = this.options;
    if (!tables.has(key.table)) return new TriptychError('REQUEST_INVALID', `table ${String(key.table)} is not known`);
    const placement = view.placementOf(key);
    if (placement === null) return new TriptychError('STORE_NOT_REPLICA', `${view.self} holds no copy of row ${key.row}`, { node: view.self });
    if (this.rows.header(key).isDamaged) return rowDamaged(key);
    if (!this.#slotSync.hasVote(key)) return notSynced(key);
    const needed = replicasRequired('QUORUM', view.replicationFactor);
    const alive = Math.min(...placement.sets.map((set) => set.filter((node) => node === view.self || !this.#detector.isDown(node)).length));
    // What is acknowledged at a quorum would not come by here.
    return alive >= needed ? null : new TriptychError('STORE_QUORUM_UNAVAILABLE', `${alive} replicas of the row are in reach of ${view.self}`, { needed, alive });
  }

  /** For what this node asks of itself. */
  #ownContext(): CallContext {
    const { clock, view } = this.options;
    return { deadlineMs: clock.monotonicMs() + OWN_READ_MS, traceId: view.self, priority: 'background', principal: { kind: 'service', name: view.self } };
  }

  /** What arrives just after a start waits for the peers to say what they know of this node's disk. */
  #whenKnown<T>(begin: () => Observable<T>): Observable<T> {
    if (!this.#witness.isHolding) return begin();
    return new Observable((subscriber) => {
      const cancel = this.#witness.whenKnown(() => subscriber.add(begin().subscribe(subscriber)));
      return cancel;
    });
  }

  /**
   * What is about rows is answered in the epoch in which it was asked, or not at all. What was begun in one epoch and ended in the
   * next is no answer either: a node that took its rows over meanwhile has not seen it. Unsubscribing drops the reply.
   */
  #answerPeer(request: PeerRequest): Observable<PeerReply> {
    return new Observable((subscriber) => {
      const refusal = (): TriptychError | null => (isFenced(request) ? this.members.refusal(request.epoch) : null);
      const answer: Answer = (body, error) => {
        if (subscriber.closed) return;
        const late = body === null ? error : refusal();
        if (body === null || late !== null) return subscriber.error(late);
        subscriber.next({ ...body, hlc: this.#hlc.last });
        subscriber.complete();
      };
      const refused = refusal();
      if (refused !== null) return subscriber.error(refused);
      if (!isAboutMembers(request)) return this.#replica.handle(request, answer);
      this.#hlc.observe(request.hlc, this.options.clock.wallMs());
      this.members.answer(request, answer);
    });
  }
}

const isAboutMembers = (request: PeerRequest): request is PeerRequest & MemberRequestBody => MEMBER_REQUESTS.has(request.kind);

const readOnly = (node: NodeId): TriptychError => new TriptychError('STORE_READ_ONLY', `the disk of ${node} has failed: it takes no writes`, { node });
