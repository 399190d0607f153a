/**
 * A whole cluster in one process and in virtual time: the production nodes over simulated disks and a simulated network.
 * Nothing moves until a test runs something, and the same seed gives the same run.
 *
 *     const cluster = testCluster({ seed: 41 });
 *     cluster.add('user', 'film', { via: 'a1' });
 *     cluster.crash('b1');
 *     expect(cluster.list('user', { via: 'c1' })).toEqual(['film']);
 */
import { of, type Observable, type Subscription } from 'rxjs';
import {
  assert,
  InvariantViolation,
  nodeId,
  PATTERNS,
  TriptychError,
  zoneId,
  type CallContext,
  type CommitRequest,
  type CountRequest,
  type ConsistencyLevel,
  type GetRequest,
  type Item,
  type ListRequest,
  type PrepareRequest,
  type ListReply,
  type Operation,
  type Placement,
  type PrepareReply,
  type RingMember,
  type RowKey,
  type WatchRequest,
} from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { tokenOf } from '../core/ring/token.js';
import { founded, type MemberChange, type Membership } from '../core/membership/membership.js';
import type { TokenRing } from '../core/ring/token-ring.js';
import { NOTHING_KNOWN } from '../core/row/causal-map.js';
import { RowKeys } from '../core/row/row-keys.js';
import { ClusterView, ringOf } from '../node/cluster-view.js';
import type { ChangeAnswer } from '../node/member-changes.js';
import type { EngineSettings } from '../node/log-engine.js';
import { StoreNode, type StoreNodeOptions } from '../node/store-node.js';
import type { Recovery, StorageEngine } from '../ports/storage-engine.js';
import type { PeerRequest } from '../ports/transport.js';
import type { MemoryTable } from './memory-table.js';
import { openMemoryEngine, type OpenedMemoryEngine } from './memory-engine.js';
import { ProcessClock } from './process-clock.js';
import { SimDisk, type SimDiskSnapshot } from './sim-disk.js';
import { SimNetwork } from './sim-network.js';

export interface TestClusterOptions {
  readonly seed?: number;
  /** Zone names; default a, b, c. */
  readonly zones?: readonly string[];
  readonly nodesPerZone?: number;
  readonly replicationFactor?: number;
  /** Of the storage engines, where a test wants others than production's. */
  readonly engine?: Partial<EngineSettings>;
  /** Of the nodes' own mechanisms, where a test wants others than production's. */
  readonly settings?: Pick<StoreNodeOptions, 'antiEntropy' | 'failureDetector' | 'hedgeBudget' | 'hints' | 'slotSync' | 'scrub' | 'tables' | 'watches'>;
}

export interface OperationOptions {
  /** The coordinating node. */
  readonly via?: string;
  readonly level?: ConsistencyLevel;
  readonly timeoutMs?: number;
}

/** An operation under way. */
export interface Pending<T> {
  readonly state: 'waiting' | 'done' | 'failed';
  /** @throws what the operation failed with; InvariantViolation while it is waiting */
  readonly result: T;
  readonly error: TriptychError | null;
  cancel(): void;
}

class Machine {
  readonly disk: SimDisk;
  wallSkewMs = 0;
  process: { engine: OpenedMemoryEngine; node: StoreNode; clock: ProcessClock } | null = null;
  /** Processes started on it so far: each mints under another actor. */
  starts = 0;
  /** A process is ending in order, and still holds the disk. */
  isEnding = false;

  constructor(
    readonly member: RingMember,
    clock: SimClock,
    random: SeededRandom,
  ) {
    this.disk = new SimDisk(clock, random);
  }
}

const CLUSTER_ID = 'test-cluster';
const DIGEST_KEY = new Uint8Array(16).fill(7);

export class TestCluster {
  readonly clock = new SimClock();
  readonly random: SeededRandom;
  readonly network: SimNetwork;
  readonly founding: Membership;
  /** Told of each process that is about to end, in whatever way: what it counted goes with it. */
  onEnd: ((name: string, node: StoreNode) => void) | null = null;
  readonly #machines = new Map<string, Machine>();
  readonly #discarded = new Set<string>();
  readonly #settings: NonNullable<TestClusterOptions['settings']>;
  readonly #engineSettings: Partial<EngineSettings>;

  constructor({ seed = 1, zones = ['a', 'b', 'c'], nodesPerZone = 1, replicationFactor = 3, settings = {}, engine = {} }: TestClusterOptions = {}) {
    this.#settings = settings;
    this.#engineSettings = engine;
    this.random = new SeededRandom(seed);
    this.network = new SimNetwork(this.clock, this.random);
    const members = zones.flatMap((zone) =>
      Array.from({ length: nodesPerZone }, (_, i): RingMember => ({
        node: nodeId(`${zone}${i + 1}`),
        zone: zoneId(`zone-${zone}`),
        region: 'local',
        host: `${zone}${i + 1}`,
        port: 1,
        weight: 1,
      })),
    );
    this.founding = founded(members, replicationFactor, 'nothing');
    for (const member of members) this.#machines.set(member.node, new Machine(member, this.clock, this.random));
    for (const name of this.#machines.keys()) this.start(name);
    // New nodes serve once their peers have witnessed them: a few milliseconds.
    this.clock.runUntil(() => this.nodes.every((name) => this.node(name).standing === 'new'), 1_000);
  }

  // ---- processes and links

  get nodes(): string[] {
    return [...this.#machines.keys()];
  }

  node(name: string): StoreNode {
    const { process } = this.#machine(name);
    assert(process !== null, `${name} is down`);
    return process.node;
  }

  engine(name: string): StorageEngine {
    return this.#opened(name).engine;
  }

  /** The machine's disk, for faults. */
  disk(name: string): SimDisk {
    return this.#machine(name).disk;
  }

  start(name: string): void {
    const machine = this.#machine(name);
    assert(machine.process === null, `${name} is up`);
    if (machine.isEnding) machine.disk.crash(); // it took too long, and is killed
    machine.isEnding = false;
    const engine = openMemoryEngine({ disk: machine.disk, clusterId: CLUSTER_ID, nodeId: name, settings: this.#engineSettings });
    const clock = new ProcessClock(this.clock.at(() => machine.wallSkewMs));
    const node = new StoreNode({
      view: new ClusterView(machine.member, CLUSTER_ID, this.founding.replicationFactor),
      founding: this.founding.members.some(({ node: founder }) => founder === machine.member.node) ? this.founding : null,
      seeds: [...new Set([...this.founding.members, ...this.membership.members].map(({ node: seed }) => seed))],
      engine: engine.engine,
      transport: this.network.transportOf(machine.member.node),
      clock,
      random: this.random,
      digestKey: DIGEST_KEY,
      recovery: engine.recovery,
      ...this.#settings,
    });
    machine.process = { engine, node, clock };
    machine.starts++;
    this.network.up(name, (pattern, payload, context) => answerOf(node, pattern, payload, context));
  }

  /** The process dies, as by SIGKILL: memory is gone, what it wrote stays in the machine's cache. */
  crash(name: string): void {
    const machine = this.#machine(name);
    this.network.down(name);
    this.network.goOn(name);
    this.#ended(name, machine);
    machine.isEnding = false;
    machine.disk.crash();
  }

  /** The process ends in order, as by SIGTERM: what it was asked to write is written, and it says that it has stopped. */
  shutDown(name: string): void {
    const machine = this.#machine(name);
    const { process } = machine;
    assert(process !== null, `${name} is down`);
    this.goOn(name);
    this.network.down(name);
    this.#ended(name, machine);
    machine.isEnding = true;
    process.engine.engine.close(() => (machine.isEnding = false));
  }

  /** The process is stopped where it is, as by SIGSTOP; its disk finishes nothing that it would hear of. */
  stop(name: string): void {
    const machine = this.#machine(name);
    machine.process?.clock.stop();
    machine.disk.stall();
    this.network.stop(name);
  }

  goOn(name: string): void {
    const machine = this.#machine(name);
    machine.process?.clock.goOn();
    machine.disk.resume();
    this.network.goOn(name);
  }

  /** Processes started on this machine so far. */
  starts(name: string): number {
    return this.#machine(name).starts;
  }

  /** The machine loses its power: what was not synced is at the mercy of the seed. */
  powerLoss(name: string): void {
    this.crash(name);
    this.disk(name).powerLoss();
  }

  /** The machine comes back with another, empty disk; its process has to be started. */
  loseDisk(name: string): void {
    this.crash(name);
    this.disk(name).wipe();
  }

  /** The disk as it is now: what `restoreDisk` swaps back in. */
  snapshotDisk(name: string): SimDiskSnapshot {
    return this.disk(name).snapshot();
  }

  /** An old disk is back: a copy of it on another device, or the same one rolled back. The process has to be started. */
  restoreDisk(name: string, snapshot: SimDiskSnapshot, as: 'copy' | 'rollback' = 'rollback'): void {
    this.crash(name);
    this.disk(name).restore(snapshot, as);
  }

  /** No byte more finds room on the disk, until `freeDisk`. */
  fillDisk(name: string): void {
    this.disk(name).fill();
  }

  freeDisk(name: string): void {
    this.disk(name).limitTo(Infinity);
  }

  /** Every sync fails from now on; `mendSyncs` ends that, though not what was lost meanwhile. */
  failSyncs(name: string): void {
    this.disk(name).failSyncs(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }));
  }

  mendSyncs(name: string): void {
    this.disk(name).failSyncs(null);
  }

  restart(name: string): void {
    this.crash(name);
    this.start(name);
  }

  /** The machine's wall clock is off by this much from now on, ms. */
  skew(name: string, wallSkewMs: number): void {
    this.#machine(name).wallSkewMs = wallSkewMs;
  }

  /** Cuts a node off, both ways. */
  isolate(name: string): void {
    for (const other of this.nodes) {
      if (other === name) continue;
      this.network.cut(name, other);
      this.network.cut(other, name);
    }
  }

  heal(): void {
    this.network.heal();
  }

  /** Damages the stored record of one item at one node, as rot does: nobody is told. False where there is none. */
  rot(name: string, user: string, item: string): boolean {
    const key = new RowKeys('favorites', user).item(item);
    if (!this.hasRecord(name, user, item)) return false;
    this.#opened(name).tables.live!.rot(key);
    return true;
  }

  /** The table of a node underneath its engine: what is done to a record there nobody is told of. */
  table(name: string): MemoryTable {
    return this.#opened(name).tables.live!;
  }

  /** Whether a node holds a record of the item, intact or not. */
  hasRecord(name: string, user: string, item: string): boolean {
    let isThere = false;
    const start = new RowKeys('favorites', user).item(item);
    this.engine(name).scan({ start, end: Buffer.concat([start, Buffer.of(0)]) }, () => void (isThere = true));
    return isThere;
  }

  /** Keys of all records of a user's row at a node: its header, its items, its order. */
  recordsOf(name: string, user: string): Uint8Array[] {
    const keys: Uint8Array[] = [];
    this.engine(name).scan(new RowKeys('favorites', user).all(), (key) => void keys.push(Uint8Array.from(key)));
    return keys;
  }

  /** Flips a bit of any record, as rot does: nobody is told. */
  rotRecord(name: string, key: Uint8Array, bit: number): void {
    this.#opened(name).tables.live!.rot(key, bit);
  }

  /** Whether a record of the row fails its checksum there, read by anybody or not. */
  hasDamagedRecord(name: string, user: string): boolean {
    let isDamaged = false;
    this.engine(name).scan(new RowKeys('favorites', user).all(), (_, value) => void (isDamaged ||= value === null));
    return isDamaged;
  }

  /** What the start of the process that is up found on its disk. */
  recovery(name: string): Recovery {
    return this.#opened(name).recovery;
  }

  isUp(name: string): boolean {
    return (this.#machines.get(name)?.process ?? null) !== null;
  }

  /** Names of the nodes that hold a user's row, in preference order. */
  replicasOf(user: string): readonly string[] {
    return this.ring.replicas(tokenOf('favorites', user)).map(({ node }) => node);
  }

  /** As the node furthest on knows it. */
  get membership(): Membership {
    const known = this.nodes.filter((name) => this.isUp(name)).map((name) => this.node(name).members.membership);
    return known.reduce<Membership>((best, each) => (each !== null && each.epoch > best.epoch ? each : best), this.founding);
  }

  /** While the membership changes, that of before. */
  get ring(): TokenRing {
    return ringOf(this.membership.members, this.founding.replicationFactor);
  }

  // ---- changes of the membership, run to their end

  /** A new node joins a zone. Its name. */
  addNode(zone: string, weight = 1): string {
    const node = this.newNode(zone, weight);
    this.changeMembers({ kind: 'join', member: this.memberOf(node) });
    return node;
  }

  /** A node leaves, and is switched off. It may be down. */
  removeNode(name: string): void {
    this.changeMembers({ kind: 'leave', node: nodeId(name) });
    this.discard(name);
  }

  /** A new node takes over the rows of another, which is switched off. Its name. */
  replaceNode(name: string): string {
    const node = this.newNode(this.memberOf(name).zone.slice('zone-'.length));
    this.changeMembers({ kind: 'replace', node: nodeId(name), member: this.memberOf(node) });
    this.discard(name);
    return node;
  }

  /** @param weight 0 takes all rows off it */
  setWeight(name: string, weight: number): void {
    this.changeMembers({ kind: 'weigh', node: nodeId(name), weight });
  }

  /** Asks for a change and waits until it is over and every member that is up has heard of that. @throws Error when it is refused */
  changeMembers(change: MemberChange, { via, withinMs = 120_000 }: { via?: string; withinMs?: number } = {}): void {
    const answer = this.beginChange(change, via === undefined ? {} : { via });
    this.clock.runUntil(() => answer() !== null, withinMs);
    const begun = answer();
    if (begun?.ok !== true) throw new Error(begun === null ? 'nobody answered' : begun.reason);
    assert(this.clock.runUntil(() => this.isSettled && this.membership.epoch > begun.membership.epoch, withinMs), 'the change did not end');
  }

  // ---- step by step

  /** A machine of its own with an empty disk, started and no member so far. Its name. */
  newNode(zone: string, weight = 1): string {
    let number = 1;
    while (this.#machines.has(`${zone}${number}`) || this.#discarded.has(`${zone}${number}`)) number++;
    const name = `${zone}${number}`;
    const member: RingMember = { node: nodeId(name), zone: zoneId(`zone-${zone}`), region: 'local', host: name, port: 1, weight };
    this.#machines.set(name, new Machine(member, this.clock, this.random));
    this.start(name);
    return name;
  }

  /** How a node is, or is to be, a member. */
  memberOf(name: string): RingMember {
    return this.#machine(name).member;
  }

  /** The answer to a change asked for, once it is there. It is begun then, not over. */
  beginChange(change: MemberChange, { via = this.#anyMember(), timeoutMs = 20_000 }: { via?: string; timeoutMs?: number } = {}): () => ChangeAnswer | null {
    let answer: ChangeAnswer | null = null;
    this.node(via).members.change(change, 'test', timeoutMs, (given) => (answer = given));
    return () => answer;
  }

  /** A machine that is not needed any more is gone for good. */
  discard(name: string): void {
    this.crash(name);
    this.#machines.delete(name);
    this.#discarded.add(name);
  }

  /** No change is under way as far as any member knows that is up, and all of these know the same. */
  get isSettled(): boolean {
    const { epoch, next, members } = this.membership;
    return next === null && members.every(({ node }) => !this.isUp(node) || this.node(node).members.membership?.epoch === epoch);
  }

  // ---- operations, run to their end

  add(user: string, item: string, options: OperationOptions & { placement?: Placement; value?: string } = {}): Item | null {
    return this.#write(user, item, addOf(options), options);
  }

  remove(user: string, item: string, options: OperationOptions = {}): void {
    this.#write(user, item, { kind: 'remove' }, options);
  }

  move(user: string, item: string, placement: Placement, options: OperationOptions = {}): Item | null {
    return this.#write(user, item, { kind: 'move', placement }, options);
  }

  /** Names of all items, in order. */
  list(user: string, options: OperationOptions & { limit?: number } = {}): string[] {
    return this.page(user, options).items.map((item) => item.item);
  }

  page(user: string, options: OperationOptions & { limit?: number; after?: { position: string; item: string } } = {}): ListReply {
    const { limit = 500, level = 'QUORUM', after, via = this.#anyReplica(user) } = options;
    return this.run(this.node(via).list({ ...favorites(user), limit, level, ...(after && { after }) }, this.context(options.timeoutMs)));
  }

  get(user: string, item: string, options: OperationOptions = {}): Item | null {
    const { level = 'QUORUM', via = this.#anyReplica(user) } = options;
    return this.run(this.node(via).get({ ...favorites(user), items: [item], level }, this.context(options.timeoutMs))).items[0]!;
  }

  /** What one node holds by itself, in order: its durable state, no questions asked. */
  locally(name: string, user: string): string[] {
    return this.node(name).rows.page(favorites(user), 500).items.map((item) => item.item);
  }

  /** Reads all that a node holds of a row, so that damage is found. */
  touch(name: string, user: string): void {
    const key = favorites(user);
    const { rows } = this.node(name);
    try {
      for (const { item } of rows.page(key, Infinity).items) rows.item(key, item);
      rows.difference(key, NOTHING_KNOWN);
    } catch (error) {
      if ((error as TriptychError).code !== 'STORE_ROW_DAMAGED') throw error;
    }
  }

  digestAt(name: string, user: string): string {
    return Buffer.from(this.node(name).rows.digest(favorites(user))).toString('hex');
  }

  // ---- operations, step by step

  prepare(user: string, item: string, operation: Operation, options: OperationOptions & { pending?: Uint8Array } = {}): Pending<PrepareReply> {
    const { level = 'QUORUM', via = this.#anyReplica(user), pending } = options;
    return this.begin(this.node(via).prepare({ ...favorites(user), item, operation, level, ...(pending && { pending }) }, this.context(options.timeoutMs)));
  }

  commit(user: string, delta: Uint8Array, options: OperationOptions = {}): Pending<unknown> {
    const { level = 'QUORUM', via = this.#anyReplica(user) } = options;
    return this.begin(this.node(via).commit({ ...favorites(user), delta, level }, this.context(options.timeoutMs)));
  }

  context(timeoutMs = 1_000): CallContext {
    return { deadlineMs: this.clock.monotonicMs() + timeoutMs, traceId: 'test', priority: 'read', principal: { kind: 'service', name: 'test' } };
  }

  /** Subscribes, and lets the caller run time. */
  begin<T>(operation: Observable<T>): Pending<T> {
    return new Begun(operation);
  }

  /** Subscribes and runs virtual time until it ends. @throws what it fails with */
  run<T>(operation: Observable<T>, withinMs = 60_000): T {
    const pending = this.begin(operation);
    this.clock.runUntil(() => pending.state !== 'waiting', withinMs);
    return pending.result;
  }

  advance(durationMs: number): void {
    this.clock.advance(durationMs);
  }

  /** Time goes by while every process stands still: weeks, which second by second would take minutes. */
  sleep(durationMs: number): void {
    const awake = this.nodes.filter((name) => this.isUp(name));
    for (const name of awake) this.stop(name);
    this.clock.advance(durationMs);
    for (const name of awake) this.goOn(name);
  }

  // ---- inside

  #ended(name: string, machine: Machine): void {
    if (machine.process === null) return;
    this.onEnd?.(name, machine.process.node);
    machine.process.node.stop();
    machine.process.clock.kill();
    machine.process = null;
  }

  #write(user: string, item: string, operation: Operation, options: OperationOptions): Item | null {
    const prepared = this.prepare(user, item, operation, options);
    this.clock.runUntil(() => prepared.state !== 'waiting', 60_000);
    const { delta, item: result } = prepared.result;
    if (delta === null) return result;
    const committed = this.commit(user, delta, options);
    this.clock.runUntil(() => committed.state !== 'waiting', 60_000);
    void committed.result;
    return result;
  }

  #anyReplica(user: string): string {
    const up = this.replicasOf(user).find((node) => this.#machine(node).process !== null);
    assert(up !== undefined, `no replica of ${user} is up`);
    return up;
  }

  #anyMember(): string {
    const member = this.membership.members.find(({ node }) => this.isUp(node));
    assert(member !== undefined, 'no member is up');
    return member.node;
  }

  #machine(name: string): Machine {
    const machine = this.#machines.get(name);
    assert(machine !== undefined, `there is no node ${name}`);
    return machine;
  }

  #opened(name: string): OpenedMemoryEngine {
    const { process } = this.#machine(name);
    assert(process !== null, `${name} is down`);
    return process.engine;
  }
}

class Begun<T> implements Pending<T> {
  state: 'waiting' | 'done' | 'failed' = 'waiting';
  error: TriptychError | null = null;
  #values: T[] = [];
  readonly #subscription: Subscription;

  constructor(operation: Observable<T>) {
    this.#subscription = operation.subscribe({
      next: (value) => this.#values.push(value),
      error: (error: TriptychError) => {
        this.error = error;
        this.state = 'failed';
      },
      complete: () => (this.state = 'done'),
    });
  }

  get result(): T {
    if (this.error !== null) throw this.error;
    assert(this.state === 'done' && this.#values.length === 1, 'the operation has not ended with one value');
    return this.#values[0]!;
  }

  cancel(): void {
    this.#subscription.unsubscribe();
  }
}

/** A node's answer to whoever calls it: what the Nest shell does in production. */
export function answerOf(node: StoreNode, pattern: string, payload: unknown, context: CallContext): Observable<unknown> {
  switch (pattern) {
    case PATTERNS.peer:
      return node.peer(payload as PeerRequest, context);
    case PATTERNS.list:
      return node.list(payload as ListRequest, context);
    case PATTERNS.get:
      return node.get(payload as GetRequest, context);
    case PATTERNS.prepare:
      return node.prepare(payload as PrepareRequest, context);
    case PATTERNS.commit:
      return node.commit(payload as CommitRequest, context);
    case PATTERNS.ring:
      return of(node.ring());
    case PATTERNS.count:
      return of(node.count(payload as CountRequest));
    case PATTERNS.watch:
      return node.watch(payload as WatchRequest, context);
    default:
      throw new InvariantViolation(`no handler for ${pattern}`);
  }
}

export const testCluster = (options?: TestClusterOptions): TestCluster => new TestCluster(options);

export const favorites = (user: string): RowKey => ({ table: 'favorites', row: user });

export const addOf = ({ placement, value = '' }: { placement?: Placement; value?: string } = {}): Operation => ({
  kind: 'add',
  value: Buffer.from(value),
  ...(placement !== undefined && { placement }),
});
