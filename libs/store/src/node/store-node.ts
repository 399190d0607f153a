/**
 * One node: its rows, its answers to peers, its work as a coordinator; started and stopped as one.
 * Everything it touches comes through ports, so the same node runs in a service and, many at a time, in a simulation.
 */
import type { Observable, Subscription } from 'rxjs';
import type { CallContext, CommitReply, CommitRequest, GetReply, GetRequest, ListReply, ListRequest, NodeId, PrepareReply, PrepareRequest, RingReply, RowKey, ZoneId } from '@app/contracts';
import type { Clock, Random } from '@app/time';
import { HybridLogicalClock } from '../core/causality/hybrid-logical-clock.js';
import { RowHasher } from '../core/row/row-header.js';
import { TABLES, type TableSchema } from '../core/row/table-schema.js';
import type { ClusterView } from './cluster-view.js';
import type { EngineStats, StorageEngine } from '../ports/storage-engine.js';
import type { PeerMessage, PeerReply, PeerRequest, PeerRequestBody, PeerTransport, RowRequestBody } from '../ports/transport.js';
import { ANTI_ENTROPY_SETTINGS, AntiEntropy, type AntiEntropySettings, type AntiEntropyStats } from './anti-entropy.js';
import { Coordinator } from './coordinator.js';
import { DotMinter } from './dot-minter.js';
import { HINT_SETTINGS, HintedHandoff, type HintSettings, type HintStats } from './hinted-handoff.js';
import { asStoreError } from './read-repair.js';
import { Replica } from './replica.js';
import { RowRebuild } from './row-rebuild.js';
import { RowStore } from './row-store.js';
import { RowTree } from './row-tree.js';

export interface StoreNodeOptions {
  readonly view: ClusterView;
  readonly engine: StorageEngine;
  readonly transport: PeerTransport;
  readonly clock: Clock;
  readonly random: Random;
  /** Keys the row digests; 16 bytes, the same on all nodes of the cluster. */
  readonly digestKey: Uint8Array;
  readonly tables?: readonly TableSchema[];
  /** See QuorumReadPorts. */
  readonly hedgeDelayMs?: number;
  readonly hints?: HintSettings;
  readonly antiEntropy?: AntiEntropySettings;
}

export interface StoreNodeStats {
  readonly engine: EngineStats;
  /** Messages to peers, by kind. */
  readonly asked: Readonly<Record<PeerRequestBody['kind'], number>>;
  readonly damagedRows: number;
  readonly rebuiltRows: number;
  readonly hints: HintStats;
  readonly antiEntropy: AntiEntropyStats;
}

const HEDGE_DELAY_MS = 30;

export class StoreNode {
  readonly rows: RowStore;
  readonly #coordinator: Coordinator;
  readonly #replica: Replica;
  readonly #rebuild: RowRebuild;
  readonly #handoff: HintedHandoff;
  readonly #tree: RowTree;
  readonly #antiEntropy: AntiEntropy;
  readonly #hlc = new HybridLogicalClock();
  readonly #asked: Record<PeerRequestBody['kind'], number> = { apply: 0, digest: 0, pull: 0, push: 0, tree: 0, leaves: 0 };

  constructor(private readonly options: StoreNodeOptions) {
    const { view, engine, transport, clock, random } = options;
    const tables = new Map((options.tables ?? TABLES).map((table) => [table.name, table]));
    const siblingRuleOf = (table: string): TableSchema['siblings'] => tables.get(table)?.siblings ?? 'latest';
    const onDamage = (key: RowKey): void => {
      this.#coordinator.rowDamaged(key);
      this.#rebuild.damaged(key);
      this.#tree.forget(key);
    };
    const hasher = new RowHasher(options.digestKey);
    this.rows = new RowStore(engine, hasher, siblingRuleOf, onDamage, (key, before, after) => this.#tree.changed(key, before, after));
    this.#tree = new RowTree(this.rows, hasher, options.digestKey, clock);
    const shared = { rows: this.rows, clock, ask: this.#ask.bind(this), placementOf: (key: RowKey) => view.placementOf(key) };
    this.#rebuild = new RowRebuild({ ...shared, replicationFactor: view.replicationFactor });
    const isDown = (node: NodeId): boolean => transport.isDown(node);
    this.#handoff = new HintedHandoff(
      {
        engine,
        clock,
        random,
        ask: shared.ask,
        isMember: (node) => view.describe().members.some((member) => member.node === node),
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
        askTree: this.#send.bind(this),
        random,
        sharedSlots: () => view.sharedSlots,
        isDown,
      },
      options.antiEntropy ?? ANTI_ENTROPY_SETTINGS,
    );
    this.#replica = new Replica(this.rows, this.#antiEntropy, this.#hlc, clock);
    this.#coordinator = new Coordinator({
      ...shared,
      self: view.self,
      zone: view.zoneOf(view.self),
      hlc: this.#hlc,
      minter: new DotMinter(random),
      tables,
      zoneOf: (node): ZoneId => view.zoneOf(node),
      isDown,
      owe: (node, key, delta, bytes) => this.#handoff.owe(node, key, delta, bytes),
      replicationFactor: view.replicationFactor,
      hedgeDelayMs: options.hedgeDelayMs ?? HEDGE_DELAY_MS,
    });
  }

  get id(): NodeId {
    return this.options.view.self;
  }

  list = (request: ListRequest, context: CallContext): Observable<ListReply> => this.#coordinator.list(request, context);
  get = (request: GetRequest, context: CallContext): Observable<GetReply> => this.#coordinator.get(request, context);
  prepare = (request: PrepareRequest, context: CallContext): Observable<PrepareReply> => this.#coordinator.prepare(request, context);
  commit = (request: CommitRequest, context: CallContext): Observable<CommitReply> => this.#coordinator.commit(request, context);

  /** What a peer asks of this replica. */
  peer = (request: PeerRequest, context: CallContext): Observable<PeerReply> => this.#replica.handle(request, context);

  ring = (): RingReply => this.options.view.describe();

  stats(): StoreNodeStats {
    return {
      engine: this.options.engine.stats(),
      asked: { ...this.#asked },
      damagedRows: this.#rebuild.waitingCount,
      rebuiltRows: this.#rebuild.rebuiltCount,
      hints: this.#handoff.stats(),
      antiEntropy: this.#antiEntropy.stats(),
    };
  }

  /** Stops what runs by itself. The engine is its owner's to close. */
  stop(): void {
    this.#antiEntropy.stop();
    this.#tree.stop();
    this.#handoff.stop();
    this.#rebuild.stop();
  }

  #ask(to: NodeId, key: RowKey, body: RowRequestBody, context: CallContext, settle: (reply: PeerReply | null, error?: ReturnType<typeof asStoreError>) => void): Subscription {
    return this.#send(to, { table: key.table, row: key.row, ...body }, context, settle);
  }

  /** Every message to a peer goes through here: stamped with our clock, and theirs heard. */
  #send(to: NodeId, message: PeerMessage, context: CallContext, settle: (reply: PeerReply | null, error?: ReturnType<typeof asStoreError>) => void): Subscription {
    const { transport, clock } = this.options;
    this.#asked[message.kind]++;
    const request: PeerRequest = { hlc: this.#hlc.last, ...message };
    return transport.call(to, request, context).subscribe({
      next: (reply) => {
        this.#hlc.observe(reply.hlc, clock.wallMs());
        settle(reply);
      },
      error: (error: unknown) => settle(null, asStoreError(error)),
    });
  }
}
