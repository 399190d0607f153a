/**
 * A minute or more in the life of a simulated cluster, from a seed: devices add, move, remove and read back through gateways in
 * all zones while things go wrong; then everything is mended, and the cluster must work again and agree with itself. The
 * production code runs from the gateway's store client down to the bytes on the simulated disk; same seed, same run, to the
 * message. The seed's profile (seed-profile.ts), its devices and its faults are biased towards what is rare at random.
 */
import type { Observable } from 'rxjs';
import { assert, type CallContext } from '@app/contracts';
import { checkConvergence, checkHistory, HistoryRecorder, type Operation, type ReadOperation, type Violation } from '@app/history';
import { TABLES } from '@app/store';
import { addOf, favorites, testCluster, type TestCluster } from '@app/store/testing';
import { SeededRandom } from '@app/time';
import { collectCounts } from './coverage.js';
import { Device, shownOf, type DeviceWorld } from './device.js';
import { between, isThere, isWitnessed, type FaultScene, type Trap } from './fault.js';
import { healAll, pickFault } from './faults.js';
import { gatewayIn, type Gateway } from './gateway.js';
import { profileOf, REPAIR, SCRUB, type SeedProfile } from './seed-profile.js';

/** What every seed is at least. */
export const LEAST_OPERATIONS = 300;
export const LEAST_FAULTS = 5;
export const LEAST_VIRTUAL_MS = 60_000;

export interface SimulationResult {
  readonly seed: number;
  readonly profile: SeedProfile;
  readonly violations: readonly Violation[];
  readonly operations: number;
  readonly faults: number;
  readonly virtualMs: number;
  /** How often each fault and each mechanism really ran; 0 for those that could have. */
  readonly coverage: Readonly<Record<string, number>>;
  /** Over every message delivered, when, and every answer given: equal for equal runs. */
  readonly traceHash: string;
  readonly history: readonly Operation[];
}

const ALL_ZONES = ['a', 'b', 'c', 'd', 'e'];
/** Those with a gateway. */
const ZONES = ['a', 'b', 'c'];
const REQUEST_TIMEOUT_MS = 2_000;
const FAULT_EVERY_MS: readonly [number, number] = [800, 6_000];
const LONGEST_HARM_MS = 10 * 60_000;
/** A mended cluster that is left alone must be at peace by then: waits, rebuilding and slow trees that come round included. */
const LONGEST_RECOVERY_MS = 180_000;
const LOOK_EVERY_MS = 1_000;
/** What a node began before it stopped ends within this: its longest deadline, and more. */
const STOPPING_MS = 70_000;

export function simulate(seed: number): SimulationResult {
  return new Simulation(seed).run();
}

class Simulation implements FaultScene, DeviceWorld {
  readonly random: SeededRandom;
  readonly profile: SeedProfile;
  readonly cluster: TestCluster;
  readonly clients: readonly Gateway[];
  readonly users: readonly string[];
  readonly films: readonly string[];
  readonly history: HistoryRecorder;
  readonly coverage: Record<string, number> = {};
  isHarming = true;
  readonly #violations: Violation[] = [];
  readonly #traps = new Set<{ readonly name: string; readonly trap: Trap }>();
  /** The node that may have lost data and is not known to be whole again. */
  #incomplete: string | null = null;
  #hash = 0x811c9dc5;
  #faultCount = 0;
  #diskFaultCount = 0;
  #endedProcesses = 0;
  #endedMs = 0;

  constructor(readonly seed: number) {
    this.random = new SeededRandom(Math.imul(seed, 2_654_435_761));
    this.profile = profileOf(this.random, new SeededRandom(Math.imul(seed, 1_103_515_245)));
    this.users = this.profile.lists.map(({ user }) => user);
    this.films = this.profile.films;
    const { nodesPerZone, copies, repair, engine, isSloppy, isSet, isPeriodic } = this.profile;
    const kind = { ...(isSloppy && { sloppy: true }), ...(isSet && { siblings: 'latest' as const }), ...(isPeriodic && { durability: 'periodic' as const }) };
    const tables = TABLES.map((table) => ({ ...table, ...kind }));
    this.cluster = testCluster({ seed, zones: ALL_ZONES.slice(0, copies), replicationFactor: copies, nodesPerZone, settings: { scrub: SCRUB, tables, ...REPAIR[repair] }, engine: { ...engine, ...(isPeriodic && { cutsTail: true }) } });
    this.cluster.onEnd = (name) => {
      this.#endedProcesses++;
      this.#collect(name);
    };
    this.history = new HistoryRecorder(() => this.cluster.clock.monotonicMs());
    this.cluster.network.onDelivery = (message) => {
      const { from, to, kind, isReply } = message;
      if (isReply) this.count(`answer: ${kind}`);
      this.trace(`${this.cluster.clock.monotonicMs()} ${from} ${to} ${kind}`);
      return this.#spring(message);
    };
    this.clients = ZONES.map((zone) => gatewayIn(zone, this.cluster, this.random));
    this.count('profile: values are set', Number(isSet));
    this.count('profile: five copies', Number(copies === 5));
    this.count('profile: periodic', Number(isPeriodic));
  }

  run(): SimulationResult {
    const { clock } = this.cluster;
    try {
      const lastWriter = new Map<string, Gateway>();
      for (let number = 0; number < this.profile.deviceCount; number++) new Device(this, `device-${number}`, lastWriter).live();
      this.#plague();
      const isEnough = (): boolean => this.history.operations.length >= LEAST_OPERATIONS && this.#faultCount >= LEAST_FAULTS;
      clock.advance(LEAST_VIRTUAL_MS);
      assert(clock.runUntil(isEnough, LONGEST_HARM_MS), `seed ${this.seed} has only ${this.history.operations.length} operations and ${this.#faultCount} faults`);
      this.#recover();
    } catch (error) {
      this.#violations.push({ rule: 'broken-invariant', what: (error as Error).stack ?? String(error), operations: [] });
    }
    return {
      seed: this.seed,
      profile: this.profile,
      violations: this.#violations,
      operations: this.history.operations.length,
      faults: this.#faultCount,
      virtualMs: this.#endedMs,
      coverage: this.coverage,
      traceHash: this.#hash.toString(16).padStart(8, '0'),
      history: this.history.operations,
    };
  }

  // ---- what devices and faults use

  count(what: string, times = 1): void {
    this.coverage[what] = (this.coverage[what] ?? 0) + times;
  }

  /** FNV-1a over what happened. */
  trace(what: string): void {
    for (let i = 0; i < what.length; i++) this.#hash = Math.imul(this.#hash ^ what.charCodeAt(i), 0x01000193) >>> 0;
  }

  after(delayMs: number, task: () => void): void {
    this.cluster.clock.after(delayMs, task);
  }

  context(timeoutMs = REQUEST_TIMEOUT_MS): CallContext {
    return { deadlineMs: this.cluster.clock.monotonicMs() + timeoutMs, traceId: 'sim', priority: 'read', principal: { kind: 'device', name: 'sim' } };
  }

  happened(fault: string): void {
    this.#faultCount++;
    this.count(`fault: ${fault}`);
    this.trace(fault);
  }

  trap(name: string, withinMs: number, trap: Trap): void {
    const set = { name, trap };
    this.#traps.add(set);
    this.after(withinMs, () => this.#traps.delete(set));
  }

  mayLoseDataAt(name: string): boolean {
    if (!this.isHarming || !this.cluster.isSettled) return false;
    this.#lookWhetherWhole();
    if (this.#incomplete !== null && this.#incomplete !== name) return false;
    this.#incomplete = name;
    this.#diskFaultCount++;
    return true;
  }

  mayLosePowerAt(...names: readonly string[]): boolean {
    return !this.profile.isPeriodic || (names.length === 1 && this.mayLoseDataAt(names[0]!));
  }

  mayChangeMembers(): boolean {
    this.#lookWhetherWhole();
    const { epoch } = this.cluster.membership;
    const haveHeard = this.clients.every(({ store }) => store.ring.ring?.reply.epoch === epoch);
    return this.isHarming && this.#incomplete === null && this.cluster.isSettled && haveHeard;
  }

  // ---- inside

  #lookWhetherWhole(): void {
    if (this.#incomplete !== null && (!isThere(this.cluster, this.#incomplete) || this.#isWhole(this.#incomplete))) this.#incomplete = null;
  }

  /** Nothing that it may have lost is still to come back. What rotted unread is found now, as a scrubber would. */
  #isWhole(name: string): boolean {
    if (!this.cluster.isUp(name)) return false;
    for (const user of this.users) this.cluster.touch(name, user);
    // The header is kept in memory, so what rots on disk is the scrubber's to find.
    if (this.users.some((user) => this.cluster.hasDamagedRecord(name, user))) return false;
    const { damagedRows, slotSync } = this.cluster.node(name).stats();
    // All peers have heard how far it is and had nothing to say: an old disk would have been found by now.
    return isWitnessed(this.cluster, name) && damagedRows === 0 && slotSync.waitingSlots === 0;
  }

  #spring(message: Parameters<Trap>[0]): boolean {
    for (const set of this.#traps) {
      const fate = this.isHarming ? set.trap(message) : null;
      if (fate === null) continue;
      this.#traps.delete(set);
      this.happened(set.name);
      return fate === 'delivered';
    }
    return true;
  }

  /** What a process has done in its life, and what its start had found. */
  #collect(name: string): void {
    const { isNew, cleanStop, replayedBatches, tornBytes } = this.cluster.recovery(name);
    collectCounts(this.cluster.node(name).stats(), this.coverage);
    this.count('start: on an empty disk', Number(isNew));
    this.count('start: after a clean stop', Number(cleanStop));
    this.count('start: from the log', Number(replayedBatches > 0));
    this.count('start: of a torn log', Number(tornBytes > 0));
  }

  #plague(): void {
    this.after(between(this.random, FAULT_EVERY_MS), () => {
      if (!this.isHarming) return;
      const up = this.cluster.nodes.filter((name) => this.cluster.isUp(name));
      if (up.length > 0) {
        const fault = pickFault(this.random);
        const undo = fault.begin(this, this.random.pick(up));
        if (undo !== null) {
          this.happened(fault.name);
          this.after(between(this.random, fault.lastsMs), undo);
        }
      }
      this.#plague();
    });
  }

  /** Mended and left alone, the cluster serves everyone, agrees with itself, and has kept nothing that it no longer needs. */
  #recover(): void {
    const { clock } = this.cluster;
    this.isHarming = false;
    healAll(this);
    // What devices had begun is over by then: a write that comes in between two looks is no divergence.
    clock.advance(REQUEST_TIMEOUT_MS);
    // Before anybody reads: this time is for hints and anti-entropy to make replicas equal, with no read repair to help.
    const beganMs = clock.monotonicMs();
    this.#comeToPeace();
    this.count('recovery, virtual seconds', Math.round((clock.monotonicMs() - beganMs) / 1_000));
    if (!this.cluster.isSettled) return this.#violate('no-progress', `a change of the members has not ended: ${JSON.stringify(this.cluster.membership)}`);
    for (const name of this.#members) if (!this.#isWhole(name)) return this.#violate('no-progress', `${name} is still incomplete ${LONGEST_RECOVERY_MS} ms after all was mended: ${this.#stateOf(name)}`);
    this.#violations.push(...checkConvergence(this.#held()));
    const seen = this.#readBack();
    this.#violations.push(...checkHistory([...this.history.operations, ...seen]), ...checkConvergence(this.#held()));
    this.#demandProgress();
    // An impatient device leaves a hint even where all is well.
    this.#comeToPeace();
    this.#checkSize();
    this.#stop();
  }

  /** Lets time go by until nothing is left to do, or for as long as a recovery may take. */
  #comeToPeace(): void {
    const { clock } = this.cluster;
    const untilMs = clock.monotonicMs() + LONGEST_RECOVERY_MS;
    while (!this.#isAtPeace() && clock.monotonicMs() < untilMs) clock.advance(LOOK_EVERY_MS);
  }

  #isAtPeace(): boolean {
    const { cluster } = this;
    if (!cluster.isSettled || !this.#members.every((name) => this.#isWhole(name) && cluster.node(name).stats().hints.waitingCount === 0)) return false;
    return this.users.every((user) => new Set(cluster.replicasOf(user).map((name) => cluster.digestAt(name, user))).size === 1);
  }

  /** Machines whose node is a member: one that was to join and was refused is none. */
  get #members(): string[] {
    const { cluster } = this;
    return cluster.membership.members.map(({ node }) => node as string).filter((name) => isThere(cluster, name));
  }

  #stateOf(name: string): string {
    if (!this.cluster.isUp(name)) return 'down';
    const { damagedRows, slotSync, witness } = this.cluster.node(name).stats();
    return JSON.stringify({ damagedRows, slotSync, witness });
  }

  /** Every list, whole, through every gateway. */
  #readBack(): ReadOperation[] {
    return this.users.flatMap((user) =>
      this.clients.flatMap(({ store, name }): ReadOperation[] => {
        const read = this.#untilDone(`read of ${user} through ${name}`, () => store.list({ ...favorites(user), limit: 100, level: 'ALL' }, this.context()));
        if (read === null) return [];
        const { startMs, endMs, result } = read;
        return [{ id: `final-${user}-${name}`, session: name, user, level: 'ALL', startMs, endMs, outcome: 'acknowledged', kind: 'read', ...shownOf(result.items, this.profile) }];
      }),
    );
  }

  /** Writes go through again, at all replicas and through all gateways. */
  #demandProgress(): void {
    for (const user of this.users) {
      for (const { store, name } of this.clients) {
        this.#untilDone(`write of ${user} through ${name}`, () => store.write({ ...favorites(user), item: `after-${name}`, operation: addOf(), level: 'ALL' }, this.context()));
      }
    }
  }

  /** Tries again for a while: a node that has just come back asks its peers before it votes. */
  #untilDone<T>(what: string, begin: () => Observable<T>): { startMs: number; endMs: number; result: T } | null {
    const { clock } = this.cluster;
    const untilMs = clock.monotonicMs() + LONGEST_RECOVERY_MS;
    for (;;) {
      const startMs = clock.monotonicMs();
      const call = this.cluster.begin(begin());
      clock.runUntil(() => call.state !== 'waiting', 2 * REQUEST_TIMEOUT_MS);
      if (call.state === 'done') return { startMs, endMs: clock.monotonicMs(), result: call.result };
      if (clock.monotonicMs() > untilMs) {
        this.#violate('no-progress', `${what} does not succeed after healing: ${call.error?.code}`);
        return null;
      }
      clock.advance(LOOK_EVERY_MS);
    }
  }

  #checkSize(): void {
    const { cluster } = this;
    // One actor for each process, a few for each time that a row of it was damaged or lost, and one for each range that it gained.
    const actors = this.#endedProcesses + cluster.nodes.length + 4 * this.#diskFaultCount + cluster.membership.epoch;
    for (const name of cluster.nodes) {
      const node = cluster.node(name);
      const { damagedRows, hints } = node.stats();
      if (damagedRows > 0) this.#violate('no-progress', `${name} still has ${damagedRows} damaged rows`);
      if (hints.waitingCount > 0) this.#violate('leak', `${name} still keeps ${hints.waitingCount} hints`);
      for (const user of this.users.filter((each) => cluster.replicasOf(each).includes(name))) {
        const { actorCount } = node.rows.header(favorites(user)).context;
        this.coverage['actors in a context, at most'] = Math.max(this.coverage['actors in a context, at most'] ?? 0, actorCount);
        if (actorCount > actors) this.#violate('context-grew', `${user} has ${actorCount} actors in the context at ${name}, and there were ${actors} incarnations`);
      }
    }
  }

  /** Stopped, nothing is left: no timer, no call. */
  #stop(): void {
    const { cluster } = this;
    this.#endedMs = cluster.clock.monotonicMs();
    for (const { store } of this.clients) {
      collectCounts(store.stats(), this.coverage, 'gateway.');
      store.stop();
    }
    for (const name of cluster.nodes) {
      this.#collect(name);
      cluster.node(name).stop();
    }
    cluster.advance(STOPPING_MS);
    if (cluster.clock.pending > 0) this.#violate('leak', `${cluster.clock.pending} timers are left`);
    if (cluster.network.openCalls > 0) this.#violate('leak', `${cluster.network.openCalls} calls are left open`);
  }

  /** What each replica holds of each list by itself. */
  #held(): Map<string, Map<string, { digest: string; films: string[] }>> {
    const { cluster } = this;
    return new Map(this.users.map((user) => [user, new Map(cluster.replicasOf(user).map((name) => [name, { digest: cluster.digestAt(name, user), films: cluster.locally(name, user) }]))]));
  }

  #violate(rule: Violation['rule'], what: string): void {
    this.#violations.push({ rule, what, operations: [] });
  }
}
