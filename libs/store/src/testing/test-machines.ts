/**
 * Machines in virtual time: each with a simulated disk and a clock that may be wrong, the production node as a process on it, and links
 * to all others; and all that can be done to them. What the nodes do for their clients is test-cluster.ts.
 */
import { assert, nodeId, zoneId, type RingMember } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { founded, type Membership } from '../core/membership/membership.js';
import { RowKeys } from '../core/row/row-keys.js';
import { ClusterView } from '../node/cluster-view.js';
import type { EngineSettings } from '../node/log-engine.js';
import { StoreNode, type StoreNodeOptions } from '../node/store-node.js';
import type { Recovery, StorageEngine } from '../ports/storage-engine.js';
import { openMemoryEngine, type OpenedMemoryEngine } from './memory-engine.js';
import type { MemoryTable } from './memory-table.js';
import { answerOf } from './operations.js';
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

export class TestMachines {
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

  /** As the node furthest on knows it. */
  get membership(): Membership {
    const known = this.nodes.filter((name) => this.isUp(name)).map((name) => this.node(name).members.membership);
    return known.reduce<Membership>((best, each) => (each !== null && each.epoch > best.epoch ? each : best), this.founding);
  }

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

  /** A machine that is not needed any more is gone for good. */
  discard(name: string): void {
    this.crash(name);
    this.#machines.delete(name);
    this.#discarded.add(name);
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
