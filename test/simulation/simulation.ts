/**
 * One simulated minute in the life of a cluster, from a seed: devices add, move, remove and read back through gateways in all
 * zones while things go wrong; then everything is mended and the cluster must work again and agree with itself. The production
 * code runs from the gateway's store client down to the bytes on the simulated disk; same seed, same run, to the message.
 *
 * Biased, because unbiased search misses what matters: two lists and a few films, so that operations meet; reads
 * through other gateways than the writes before them; faults that come in the middle of operations.
 */
import { merge, type Subscription } from 'rxjs';
import { zoneId, type CallContext, type ConsistencyLevel, type Operation as StoreOperation, type Placement, type TriptychError } from '@app/contracts';
import { CircuitRegistry, ownCircuit, storeRead, storeWrite } from '@app/circuit';
import { defaultListStorePolicy, ReplicatedListStore, sameOperation, type PendingWrite, type WriteFailure } from '@app/favorites-client';
import { checkConvergence, checkHistory, type Operation, type ReadOperation, type Violation, type WriteOperation } from '@app/history';
import { favorites, testCluster, type TestCluster } from '@app/store/testing';
import { SeededRandom } from '@app/time';
import { FAULTS, healAll, inflict, type Fault, type FaultScene } from './faults.js';

export interface SimulationOptions {
  readonly seed: number;
  /** How long things go wrong, virtual ms. */
  readonly durationMs?: number;
  readonly devices?: number;
}

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly operations: number;
  readonly faults: number;
  readonly virtualMs: number;
  /** How often each fault and each mechanism really ran. */
  readonly coverage: Readonly<Record<string, number>>;
  /** Over every message delivered, when, and every answer given: equal for equal runs. */
  readonly traceHash: string;
  readonly history: readonly Operation[];
}

const DURATION_MS = 60_000;
const DEVICES = 8;
const ZONES = ['a', 'b', 'c'];
const USERS = ['ann', 'bob'];
const FILMS = ['f1', 'f2', 'f3', 'f4'];
const REQUEST_TIMEOUT_MS = 2_000;
const FAULT_EVERY_MS: readonly [number, number] = [1_500, 9_000];
const THINK_MS: readonly [number, number] = [20, 1_400];
/** After healing: longer than any write is waited for and a damaged row takes to come back. */
const QUIET_MS = 30_000;
const NO_HINTS = { maxBytes: 0, maxBytesPerTarget: 0, maxInFlight: 1, bytesPerSecond: 1 };

export function simulate({ seed, durationMs = DURATION_MS, devices = DEVICES }: SimulationOptions): SimulationResult {
  return new Simulation(seed, devices).run(durationMs);
}

interface Gateway {
  readonly name: string;
  readonly zone: string;
  readonly store: ReplicatedListStore;
}

class Simulation implements FaultScene {
  readonly random: SeededRandom;
  readonly cluster: TestCluster;
  readonly clients: readonly Gateway[];
  readonly users = USERS;
  readonly films = FILMS;
  readonly history: Operation[] = [];
  readonly coverage: Record<string, number> = {};
  rotted = false;
  isHarming = true;
  #hash = 0x811c9dc5;
  #faultCount = 0;

  constructor(
    readonly seed: number,
    private readonly deviceCount: number,
  ) {
    this.random = new SeededRandom(seed * 2_654_435_761);
    // One seed in four does without hints, so that what was missed is left to anti-entropy.
    const settings = seed % 4 === 2 ? { hints: NO_HINTS } : {};
    this.cluster = testCluster({ seed, nodesPerZone: seed % 3 === 0 ? 2 : 1, settings });
    this.cluster.network.onDelivery = ({ from, to, kind, isReply }) => {
      if (isReply) this.count(`answer: ${kind}`);
      this.trace(`${this.cluster.clock.monotonicMs()} ${from} ${to} ${kind}`);
    };
    this.clients = ZONES.map((zone) => this.#gateway(zone));
  }

  run(durationMs: number): SimulationResult {
    const { clock } = this.cluster;
    for (let number = 0; number < this.deviceCount; number++) new Device(this, `device-${number}`).live();
    this.#plague();
    clock.advance(durationMs);
    this.isHarming = false;
    healAll(this);
    clock.advance(QUIET_MS);
    // A record that rotted and was not read since is found now, and its row given the time that it takes to come back.
    for (const name of this.cluster.nodes) for (const user of USERS) this.cluster.touch(name, user);
    clock.advance(QUIET_MS);
    const violations = [...checkHistory(this.history), ...this.#afterwards()];
    return {
      seed: this.seed,
      violations,
      operations: this.history.length,
      faults: this.#faultCount,
      virtualMs: clock.monotonicMs(),
      coverage: this.coverage,
      traceHash: this.#hash.toString(16).padStart(8, '0'),
      history: this.history,
    };
  }

  count(what: string, times = 1): void {
    this.coverage[what] = (this.coverage[what] ?? 0) + times;
  }

  /** FNV-1a over what happened. */
  trace(what: string): void {
    for (let i = 0; i < what.length; i++) this.#hash = Math.imul(this.#hash ^ what.charCodeAt(i), 0x01000193) >>> 0;
  }

  between([least, most]: readonly [number, number]): number {
    return least + (most - least) * this.random.fraction();
  }

  context(): CallContext {
    return { deadlineMs: this.cluster.clock.monotonicMs() + REQUEST_TIMEOUT_MS, traceId: 'sim', priority: 'read', principal: { kind: 'device', name: 'sim' } };
  }

  #gateway(zone: string): Gateway {
    const name = `gateway-${zone}`;
    const { clock, network } = this.cluster;
    network.up(name, () => merge());
    const store = new ReplicatedListStore({
      seeds: this.cluster.nodes.map((host) => ({ host, port: 1 })),
      nodeName: name,
      zone: zoneId(`zone-${zone}`),
      transport: {
        call: (to, pattern, payload, context) => network.call(name, to.host, pattern, payload, context),
        isDown: (to) => !network.isUp(to.host),
      },
      circuits: new CircuitRegistry({ 'store-read': storeRead, 'store-write': storeWrite }, (circuit, policy) => ownCircuit(circuit, policy, clock)),
      clock,
      random: this.random,
      policy: defaultListStorePolicy,
    });
    store.start();
    return { name, zone, store };
  }

  #plague(): void {
    this.cluster.clock.after(this.between(FAULT_EVERY_MS), () => {
      if (!this.isHarming) return;
      const fault: Fault = this.random.pick(FAULTS);
      if (inflict(fault, this)) {
        this.#faultCount++;
        this.count(`fault: ${fault}`);
        this.trace(fault);
      }
      this.#plague();
    });
  }

  /** Mended and left alone, the cluster serves everyone, agrees with itself, and has kept nothing that it no longer needs. */
  #afterwards(): Violation[] {
    // Before anybody reads: the quiet time is anti-entropy's to make replicas equal, with no read repair to help.
    const violations: Violation[] = checkConvergence(this.#held());
    const seen: ReadOperation[] = [];
    for (const user of USERS) {
      for (const { store, name } of this.clients) {
        const read = this.cluster.begin(store.list({ ...favorites(user), limit: 100, level: 'ALL' }, this.context()));
        this.cluster.clock.runUntil(() => read.state !== 'waiting', 2 * REQUEST_TIMEOUT_MS);
        const startMs = this.cluster.clock.monotonicMs();
        if (read.state !== 'done') violations.push({ rule: 'no-progress', what: `${user} cannot be read through ${name} after healing: ${read.error?.code}`, operations: [] });
        else seen.push({ id: `final-${user}-${name}`, session: name, user, level: 'ALL', startMs, endMs: startMs + 1, outcome: 'acknowledged', kind: 'read', films: read.result.items.map((item) => item.item) });
      }
    }
    violations.push(...checkHistory([...this.history, ...seen]));
    violations.push(...checkConvergence(this.#held()));
    for (const name of this.cluster.nodes) {
      const { damagedRows, rebuiltRows, hints, antiEntropy } = this.cluster.node(name).stats();
      if (damagedRows > 0) violations.push({ rule: 'no-progress', what: `${name} still has ${damagedRows} damaged rows`, operations: [] });
      if (rebuiltRows > 0) this.count('row rebuilt');
      this.count('hint replayed', hints.replayed);
      this.count('row repaired by anti-entropy', antiEntropy.rowsRepaired);
      this.count('trees found equal', antiEntropy.equalRounds);
      if (hints.waitingCount > 0) violations.push({ rule: 'leak', what: `${name} still keeps ${hints.waitingCount} hints`, operations: [] });
    }
    for (const { store } of this.clients) store.stop();
    for (const name of this.cluster.nodes) this.cluster.node(name).stop();
    this.cluster.advance(QUIET_MS);
    if (this.cluster.clock.pending > 0) violations.push({ rule: 'leak', what: `${this.cluster.clock.pending} timers are left`, operations: [] });
    return violations;
  }

  /** What each replica holds of each list by itself. */
  #held(): Map<string, Map<string, { digest: string; films: string[] }>> {
    const { cluster } = this;
    return new Map(USERS.map((user) => [user, new Map(cluster.replicasOf(user).map((name) => [name, { digest: cluster.digestAt(name, user), films: cluster.locally(name, user) }]))]));
  }
}

/** A device: one operation after another, each through a gateway of its own choice. */
class Device {
  #next = 0;
  /** Writes of unknown outcome that this session may carry on with or override, by list and film. */
  readonly #pending = new Map<string, { write: PendingWrite; operation: WriteOperation }>();

  constructor(
    private readonly sim: Simulation,
    private readonly name: string,
  ) {}

  live(): void {
    this.sim.cluster.clock.after(this.sim.between(THINK_MS), () => {
      if (this.sim.isHarming) this.#act();
    });
  }

  #act(): void {
    const { random } = this.sim;
    const user = random.pick(USERS);
    const film = random.pick(FILMS);
    const level: ConsistencyLevel = random.fraction() < 0.9 ? 'QUORUM' : random.pick(['ONE', 'ALL']);
    const chance = random.fraction();
    if (chance < 0.45) return this.#read(user, level);
    const pending = this.#pending.get(`${user}/${film}`);
    if (pending !== undefined && random.fraction() < 0.6) return this.#again(pending);
    if (chance < 0.7) return this.#write(user, film, { kind: 'add', value: Buffer.from(this.name), ...(random.fraction() < 0.3 && { placement: this.#placement() }) }, level);
    if (chance < 0.9) return this.#write(user, film, { kind: 'remove' }, level);
    return this.#write(user, film, { kind: 'move', placement: this.#placement() }, level);
  }

  #placement(): Placement {
    const { random } = this.sim;
    return random.pick<Placement>(['first', 'last', { before: random.pick(FILMS) }, { after: random.pick(FILMS) }]);
  }

  #begin<T extends Operation>(operation: Omit<T, 'id' | 'session' | 'startMs' | 'endMs' | 'outcome'>): T {
    const begun = { id: `${this.name}.${this.#next++}`, session: this.name, startMs: this.sim.cluster.clock.monotonicMs(), endMs: null, outcome: 'unknown', ...operation } as T;
    this.sim.history.push(begun);
    return begun;
  }

  #read(user: string, level: ConsistencyLevel): void {
    const operation = this.#begin<ReadOperation>({ kind: 'read', user, level, films: [] });
    const { store } = this.sim.random.pick(this.sim.clients);
    store.list({ ...favorites(user), limit: 100, level }, this.sim.context()).subscribe({
      next: ({ items, achieved }) => {
        operation.films = items.map((item) => item.item);
        if (achieved.repaired) this.sim.count('read repaired');
        this.#ended(operation, 'acknowledged');
      },
      error: () => this.#ended(operation, 'refused'),
    });
  }

  #write(user: string, film: string, operation: StoreOperation, level: ConsistencyLevel): void {
    const earlier = this.#pending.get(`${user}/${film}`);
    // The same request with what is pending of it is the same operation, by the store's own rule: no new one.
    if (earlier !== undefined && sameOperation(earlier.write.operation, operation)) return this.#again(earlier);
    const recorded = this.#begin<WriteOperation>({ kind: operation.kind, user, film, level });
    if (earlier !== undefined) this.sim.count('uncertain write overridden');
    this.#send(recorded, operation, earlier?.write);
  }

  /** The same operation once more, perhaps through another gateway: one operation in the history. */
  #again({ write, operation }: { write: PendingWrite; operation: WriteOperation }): void {
    this.sim.count('uncertain write retried');
    this.#send(operation, write.operation, write);
  }

  #send(recorded: WriteOperation, operation: StoreOperation, pending: PendingWrite | undefined): Subscription {
    const { store } = this.sim.random.pick(this.sim.clients);
    const key = `${recorded.user}/${recorded.film}`;
    return store.write({ ...favorites(recorded.user), item: recorded.film, operation, level: recorded.level, ...(pending && { pending }) }, this.sim.context()).subscribe({
      next: () => {
        this.#pending.delete(key);
        this.#ended(recorded, 'acknowledged');
      },
      error: (error: WriteFailure & TriptychError) => {
        this.sim.count(`write failed: ${error.code}`);
        if (error.pending !== undefined) this.#pending.set(key, { write: error.pending, operation: recorded });
        // What was of unknown outcome once stays so, whatever a later attempt was refused for.
        const isUnknown = error.applied === 'unknown' || error.pending !== undefined || recorded.endMs !== null;
        this.#ended(recorded, isUnknown ? 'unknown' : 'refused');
      },
    });
  }

  #ended(operation: Operation, outcome: Operation['outcome']): void {
    operation.outcome = outcome;
    operation.endMs = this.sim.cluster.clock.monotonicMs();
    this.sim.count(`${operation.kind}: ${outcome}`);
    this.sim.trace(`${operation.id} ${outcome} ${operation.endMs} ${operation.kind === 'read' ? operation.films.join() : ''}`);
    this.live();
  }
}
