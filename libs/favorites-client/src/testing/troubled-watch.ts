/**
 * Listeners of two lists over a whole simulated cluster, while devices write through every zone, nodes crash, lose power or their
 * disk, stand still, are cut off from each other and from clients, and listeners leave and come back through another zone. Then
 * all is mended. What a listener makes of its events must be the list; and at no time has an event shown what nobody ever added.
 */
import { assert, type CallContext, type Item, type Operation, zoneId } from '@app/contracts';
import { CircuitRegistry, ownCircuit, storeRead, storeWrite } from '@app/circuit';
import { favorites, TestCluster } from '@app/store/testing';
import { SeededRandom } from '@app/time';
import type { Subscription } from 'rxjs';
import type { RowEvent } from '../list-store.js';
import { defaultListStorePolicy, ReplicatedListStore } from '../replicated-list-store.js';
import { ClusterTransport } from './cluster-transport.js';

/** What happened, so that a search can tell whether it went where it was sent. */
export interface TroubleCounts {
  acknowledged: number;
  failed: number;
  faults: number;
  changes: number;
  full: number;
  returns: number;
}

export const NO_TROUBLE: TroubleCounts = { acknowledged: 0, failed: 0, faults: 0, changes: 0, full: 0, returns: 0 };

const USERS = ['ada', 'bob'];
const ZONES = ['a', 'b', 'c'];
const STEPS = 60;
/** Hints, rebuilding and anti-entropy have done what they can by then. */
const QUIET_MS = 30_000;
/** After a last write, with all well: a tenth of a second, and a lost race. */
const SOON_MS = 1_000;

/** @throws InvariantViolation that names the seed */
export function troubledWatch(seed: number, counts: TroubleCounts): void {
  const random = new SeededRandom(seed);
  const cluster = new TestCluster({ seed });
  const transport = new ClusterTransport(cluster);
  const stores = ZONES.map((zone) => clientIn(zone, cluster, transport, random));
  const everAdded = new Map(USERS.map((user) => [user, new Set<string>()]));
  const context = (): CallContext => ({ deadlineMs: cluster.clock.monotonicMs() + 2_000, traceId: 't', priority: 'write', principal: { kind: 'device', name: 'any' } });

  const write = (user: string, item: string, operation: Operation): void => {
    if (operation.kind === 'add') everAdded.get(user)!.add(item);
    random.pick(stores).write({ ...favorites(user), item, operation }, context()).subscribe({ complete: () => counts.acknowledged++, error: () => counts.failed++ });
  };
  const listeners = [0, 1, 2, 3, 4].map((number) => new TestListener(`seed ${seed}, listener ${number}`, USERS[number % 2]!, everAdded, counts));
  for (const listener of listeners) listener.listen(random.pick(stores));

  let mend: (() => void) | null = null;
  for (let step = 0; step < STEPS; step++) {
    if (random.fraction() < 0.25) {
      if (mend === null) {
        counts.faults++;
        mend = trouble(random.pick(cluster.nodes), random, cluster, transport);
      } else {
        mend();
        mend = null;
      }
    }
    for (let writes = random.below(4); writes > 0; writes--) {
      const operation = random.pick<Operation>([ADD, ADD, { ...ADD, placement: 'first' }, { kind: 'remove' }, { kind: 'move', placement: random.pick(['first', 'last'] as const) }]);
      write(random.pick(USERS), `film-${random.below(6)}`, operation);
    }
    if (random.fraction() < 0.15) {
      const listener = random.pick(listeners);
      if (listener.isListening) listener.leave();
      else {
        counts.returns++;
        listener.listen(random.pick(stores));
      }
    }
    cluster.advance(random.fraction() < 0.2 ? random.below(4_000) : random.below(300));
  }
  mend?.();
  for (const listener of listeners) if (!listener.isListening) listener.listen(random.pick(stores));
  cluster.advance(QUIET_MS);
  for (const user of USERS) write(user, 'the-last', ADD);
  cluster.advance(SOON_MS);
  for (const listener of listeners) listener.check(cluster.page(listener.user).items);
  for (const listener of listeners) listener.leave();
  for (const node of cluster.nodes) assert(cluster.node(node).stats().watches.watches === 0, `seed ${seed}: ${node} still feeds somebody`);
}

const ADD: Operation & { readonly kind: 'add' } = { kind: 'add', value: Uint8Array.of(1) };

/** Makes one node fail in one way; the answer ends that. */
function trouble(node: string, random: SeededRandom, cluster: TestCluster, transport: ClusterTransport): () => void {
  const how = random.pick(['crash', 'crash', 'power', 'disk', 'stand still', 'deaf to clients', 'cut off', 'cut off', 'one way'] as const);
  switch (how) {
    case 'crash':
    case 'power':
    case 'disk':
      transport.crash(node);
      if (how === 'power') cluster.disk(node).powerLoss();
      if (how === 'disk') cluster.disk(node).wipe();
      return () => transport.start(node);
    case 'stand still':
      transport.stop(node);
      cluster.stop(node);
      return () => {
        cluster.goOn(node);
        transport.goOn(node);
      };
    case 'deaf to clients':
      transport.stop(node);
      return () => transport.goOn(node);
    case 'cut off':
      cluster.isolate(node);
      return () => cluster.heal();
    case 'one way': {
      const other = cluster.nodes.find((each) => each !== node)!;
      cluster.network.cut(node, other);
      return () => cluster.heal();
    }
  }
}

function clientIn(zone: string, cluster: TestCluster, transport: ClusterTransport, random: SeededRandom): ReplicatedListStore {
  const { clock } = cluster;
  const circuits = new CircuitRegistry({ 'store-read': storeRead, 'store-write': storeWrite }, (name, policy) => ownCircuit(name, policy, clock));
  const store = new ReplicatedListStore({ seeds: cluster.ring.members, nodeName: `gateway-${zone}`, zone: zoneId(`zone-${zone}`), transport, circuits, clock, random: new SeededRandom(random.uint32()), policy: defaultListStorePolicy });
  store.start();
  cluster.advance(10);
  store.stop();
  return store;
}

class TestListener {
  readonly #list = new Map<string, Item>();
  #seen: Uint8Array | undefined;
  #subscription: Subscription | null = null;
  /** Judged at the end: what is thrown within a stream is lost. */
  #wrong: string | null = null;

  constructor(
    private readonly name: string,
    readonly user: string,
    private readonly everAdded: ReadonlyMap<string, ReadonlySet<string>>,
    private readonly counts: TroubleCounts,
  ) {}

  get isListening(): boolean {
    return this.#subscription !== null;
  }

  listen(store: ReplicatedListStore): void {
    const request = { ...favorites(this.user), ...(this.#seen && { seen: this.#seen }) };
    const context: CallContext = { deadlineMs: Infinity, traceId: 't', priority: 'read', principal: { kind: 'device', name: 'any' } };
    this.#subscription = store.watch(request, context).subscribe({
      next: (event) => this.#hear(event),
      error: (error: unknown) => (this.#wrong ??= `the stream ended with ${String(error)}`),
    });
  }

  leave(): void {
    this.#subscription?.unsubscribe();
    this.#subscription = null;
  }

  #hear(event: RowEvent): void {
    this.#seen = Uint8Array.from(event.seen);
    if (event.kind === 'full') {
      this.counts.full++;
      this.#list.clear();
      for (const item of event.items) this.#take(item);
      return;
    }
    this.counts.changes++;
    for (const change of event.changes) {
      // A removal may be told again by a replica that has forgotten what it superseded; a move never.
      if (change.kind === 'moved' && !this.#list.has(change.item)) this.#wrong ??= `${change.item} was moved, and had not been there`;
      if (change.kind === 'removed') this.#list.delete(change.item);
      else this.#take(change.now);
    }
  }

  #take(item: Item): void {
    if (!this.everAdded.get(this.user)!.has(item.item)) this.#wrong ??= `was shown ${item.item}, which nobody ever added`;
    this.#list.set(item.item, item);
  }

  check(items: readonly Item[]): void {
    assert(this.#wrong === null, `${this.name}: ${this.#wrong}`);
    const mine = [...this.#list.values()].sort((a, b) => (a.position === b.position ? (a.item < b.item ? -1 : 1) : a.position < b.position ? -1 : 1));
    const text = (list: readonly Item[]): string => list.map(({ item, position, writtenAtMs }) => `${item}@${position} of ${writtenAtMs}`).join(', ');
    assert(text(mine) === text(items), `${this.name} has ${text(mine)}; the list is ${text(items)}`);
  }
}
