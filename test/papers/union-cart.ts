/**
 * The dumb model that the store is held against: a shopping cart as Dynamo's clients keep it. A version is the whole cart
 * with a vector clock; a write overwrites what its context covers; versions in parallel are merged by uniting their items.
 * With `clockEntriesMax` a clock that grows beyond it drops its oldest entry, as Dynamo does at 15.
 * Source: DeCandia et al., Dynamo (SOSP 2007), 4.4 and 6.3.
 */
export interface CartVersion {
  readonly items: ReadonlySet<string>;
  /** Counter and time of the last write, by node. */
  readonly clock: ReadonlyMap<string, { readonly counter: number; readonly at: number }>;
}

type Clock = CartVersion['clock'];

const EMPTY: CartVersion = { items: new Set(), clock: new Map() };

const descends = (younger: Clock, older: Clock): boolean => [...older].every(([node, { counter }]) => (younger.get(node)?.counter ?? 0) >= counter);

export class UnionCart {
  readonly #versions = new Map<string, readonly CartVersion[]>();
  #writes = 0;

  constructor(
    readonly replicas: readonly string[],
    private readonly clockEntriesMax = Infinity,
  ) {
    for (const replica of replicas) this.#versions.set(replica, []);
  }

  /** What a client that reads at one replica sees: the versions there, united. */
  read(replica: string): CartVersion {
    const versions = this.#versions.get(replica)!;
    const clock = new Map<string, { counter: number; at: number }>();
    for (const version of versions) {
      for (const [node, entry] of version.clock) if (entry.counter > (clock.get(node)?.counter ?? 0)) clock.set(node, entry);
    }
    return versions.length === 0 ? EMPTY : { items: new Set(versions.flatMap(({ items }) => [...items])), clock };
  }

  items(replica: string): string[] {
    return [...this.read(replica).items].sort();
  }

  /** Entries of the largest clock anywhere. */
  get largestClock(): number {
    return Math.max(...[...this.#versions.values()].flat().map(({ clock }) => clock.size));
  }

  /** Reads at a replica, changes the cart, and writes it there. @param coordinator in whose name the clock moves on */
  change(replica: string, edit: (items: Set<string>) => void, coordinator = replica): void {
    const { items, clock } = this.read(replica);
    const edited = new Set(items);
    edit(edited);
    const moved = new Map(clock);
    moved.set(coordinator, { counter: (clock.get(coordinator)?.counter ?? 0) + 1, at: ++this.#writes });
    if (moved.size > this.clockEntriesMax) {
      const [[oldest]] = [...moved].sort(([, a], [, b]) => a.at - b.at) as [[string, unknown]];
      moved.delete(oldest);
    }
    this.#versions.set(replica, [{ items: edited, clock: moved }]);
  }

  add(replica: string, item: string): void {
    this.change(replica, (items) => items.add(item));
  }

  remove(replica: string, item: string): void {
    this.change(replica, (items) => items.delete(item));
  }

  /** Gives these replicas each other's versions; of two of which one descends from the other, the younger is kept. */
  exchange(...replicas: readonly string[]): void {
    const all = replicas.flatMap((replica) => this.#versions.get(replica)!);
    const kept = all.filter((version, i) => !all.some((other, j) => i !== j && descends(other.clock, version.clock) && (!descends(version.clock, other.clock) || j < i)));
    for (const replica of replicas) this.#versions.set(replica, kept);
  }
}
